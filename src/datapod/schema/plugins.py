"""Plugins, their projects and views. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from datapod.item import Item

if TYPE_CHECKING:
    from datapod.schema.dataset import Dataset
    from datapod.schema.labelling import LabelOption
    from datapod.schema.plugin_run import PluginRun


class Plugin(Item):
    bundleImage: str | None = None
    containerImage: str | None = None
    configJson: str | None = None
    config: str | None = None
    dataType: str | None = None
    icon: str | None = None
    pluginDescription: str | None = None
    name: str | None = None
    pluginModule: str | None = None
    pluginName: str | None = None
    pluginType: str | None = None
    gitProjectId: int | None = None
    view: list[CVUStoredDefinition] = []
    templateSettings: list[TemplateSettings] = []
    project: list[Project] = []
    run: list[PluginRun] = []


class Trigger(Item):
    action: str | None = None
    filterCreatedAfterPropertyName: str | None = None
    pluginRunId: str | None = None
    triggerOn: str | None = None
    filterCreatedAfter: datetime | None = None
    trigger: list[PluginRun] = []


class Project(Item):
    name: str | None = None
    gitlabUrl: str | None = None
    dataSource: str | None = None
    dataset: list[Dataset] = []
    labellingPlugin: list[Plugin] = []


class TemplateSettings(Item):
    templateName: str | None = None
    dataSource: str | None = None
    templateId: int | None = None
    labelOption: list[LabelOption] = []


class CVUStoredDefinition(Item):
    definition: str | None = None
    domain: str | None = None
    itemType: str | None = None
    name: str | None = None
    queryStr: str | None = None
    renderer: str | None = None
    selector: str | None = None
    definitionType: str | None = None


class Integrator(Item):
    name: str | None = None
    repository: str | None = None


class Indexer(Integrator):
    bundleImage: str | None = None
    icon: str | None = None
    indexerClass: str | None = None
    itemDescription: str | None = None
    queryStr: str | None = None
    runDestination: str | None = None
    indexerRun: list[IndexerRun] = []


class IndexerRun(Integrator):
    errorMessage: str | None = None
    progressMessage: str | None = None
    queryStr: str | None = None
    runStatus: str | None = None
    targetDataType: str | None = None
    progress: float | None = None
    indexer: list[Indexer] = []


class NavigationItem(Item):
    icon: str | None = None
    itemType: str | None = None
    sessionName: str | None = None
    title: str | None = None
    sequence: int | None = None


class Setting(Item):
    json: str | None = None
    keystr: str | None = None


class AuditItem(Item):
    actionname: str | None = None
    content: str | None = None
    date: datetime | None = None
