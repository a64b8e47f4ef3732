"""The built-in item types. Source: pod-protocol.md, appendix A, and plugin-sdk.md, 3.

accounts.py, people.py, places.py, works.py, feeds.py, files.py, photo.py    a person's data
labelling.py, datasets.py, dataset.py, languages.py                         what is learned from it
plugins.py, plugin_run.py                                                   what works on it
definitions.py                                                              what a pod knows about types
"""

from __future__ import annotations

from datapod.edge import Edge, EdgeList
from datapod.item import Item, ItemBase
from datapod.schema.accounts import Account, CryptoCurrency, CryptoKey, CryptoTransaction, CurrencySetting, Network, OauthFlow, Wallet
from datapod.schema.dataset import Dataset
from datapod.schema.datasets import DatasetEntry, DatasetType
from datapod.schema.definitions import ItemEdgeSchema, ItemPropertySchema
from datapod.schema.feeds import RSSEntry, RSSFeed, RSSFeedSummary
from datapod.schema.files import File, MediaObject
from datapod.schema.labelling import (
    CategoricalLabel,
    CategoricalPrediction,
    Label,
    LabelAnnotation,
    LabellingDataType,
    LabellingTask,
    LabelOption,
    Model,
    TextClassification,
)
from datapod.schema.languages import Language, Translation
from datapod.schema.people import Diet, MedicalCondition, Person, PhoneNumber, Relationship, SuggestedMerge, VoteAction
from datapod.schema.photo import Photo
from datapod.schema.places import Address, Country, Location
from datapod.schema.plugin_run import PluginRun
from datapod.schema.plugins import (
    AuditItem,
    CVUStoredDefinition,
    Indexer,
    IndexerRun,
    Integrator,
    NavigationItem,
    Plugin,
    Project,
    Setting,
    TemplateSettings,
    Trigger,
)
from datapod.schema.works import CreativeWork, EmailMessage, Message, MessageChannel, Note, Post, Receipt, Tweet, Website, WrittenWork

__all__ = [
    "Edge",
    "EdgeList",
    "Item",
    "ItemBase",
    "get_constructor",
    "get_schema",
    "get_schema_cls",
    "Account",
    "Address",
    "AuditItem",
    "CVUStoredDefinition",
    "CategoricalLabel",
    "CategoricalPrediction",
    "Country",
    "CreativeWork",
    "CryptoCurrency",
    "CryptoKey",
    "CryptoTransaction",
    "CurrencySetting",
    "Dataset",
    "DatasetEntry",
    "DatasetType",
    "Diet",
    "EmailMessage",
    "File",
    "Indexer",
    "IndexerRun",
    "Integrator",
    "ItemEdgeSchema",
    "ItemPropertySchema",
    "Label",
    "LabelAnnotation",
    "LabelOption",
    "LabellingDataType",
    "LabellingTask",
    "Language",
    "Location",
    "MediaObject",
    "MedicalCondition",
    "Message",
    "MessageChannel",
    "Model",
    "NavigationItem",
    "Network",
    "Note",
    "OauthFlow",
    "Person",
    "PhoneNumber",
    "Photo",
    "Plugin",
    "PluginRun",
    "Post",
    "Project",
    "RSSEntry",
    "RSSFeed",
    "RSSFeedSummary",
    "Receipt",
    "Relationship",
    "Setting",
    "SuggestedMerge",
    "TemplateSettings",
    "TextClassification",
    "Translation",
    "Trigger",
    "Tweet",
    "VoteAction",
    "Wallet",
    "Website",
    "WrittenWork",
]

BUILT_IN: dict[str, type[Item]] = {
    name: value for name, value in list(globals().items()) if isinstance(value, type) and issubclass(value, Item)
}
BUILT_IN.pop("ItemBase")


def get_schema_cls(name: str, extra: dict[str, type[Item]] | None = None) -> type[Item]:
    """The class of a type: one of `extra` first, then a built-in one.

    Raises:
        TypeError: There is none.
    """
    found = (extra or {}).get(name) or BUILT_IN.get(name)
    if found is None:
        raise TypeError(f"{name} is not a known schema model")
    return found


def get_constructor(
    name: str, plugin_class: str | None = None, plugin_package: str | None = None, extra: dict[str, type[Item]] | None = None
) -> type[Item]:
    """Like `get_schema_cls`. Data in the pod never decides what is imported, so the two middle arguments are not looked at."""
    return get_schema_cls(name, extra)


def get_schema() -> list[type[Item]]:
    """All built-in classes."""
    return list(BUILT_IN.values())
