"""Labels, predictions and the work of labelling. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from typing import TYPE_CHECKING

from datapod.item import Item

if TYPE_CHECKING:
    from datapod.schema.plugins import CVUStoredDefinition


class Label(Item):
    color: str | None = None
    name: str | None = None


class LabelAnnotation(Item):
    allowSharing: bool | None = None
    isSubmitted: bool | None = None


class CategoricalLabel(LabelAnnotation):
    labelValue: str | None = None


class LabelOption(Item):
    color: str | None = None
    name: str | None = None


class LabellingDataType(Item):
    name: str | None = None
    labelType: str | None = None


class TextClassification(LabellingDataType):
    """A LabellingDataType of its own kind; it adds nothing."""


class LabellingTask(Item):
    name: str | None = None
    currentLabelOption: str | None = None
    taskType: list[TextClassification] = []
    labelOption: list[LabelOption] = []
    view: list[CVUStoredDefinition] = []


class CategoricalPrediction(Item):
    source: str | None = None
    value: str | None = None
    probs: str | None = None
    score: float | None = None
    model: list[Model] = []


class Model(Item):
    name: str | None = None
    version: str | None = None
