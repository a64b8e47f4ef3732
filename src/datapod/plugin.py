"""`PluginBase`: what every plugin derives from. Source: plugin-sdk.md, 8.1 and 8.2.

An author implements `run`, and, if the declarations in the plugin's module do not say it all, `add_to_schema`.
"""

from __future__ import annotations

import abc
import inspect
import sys
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

from datapod.client import PodClient
from datapod.endpoints import Endpoints, endpoints_of
from datapod.item import Item
from datapod.listeners import get_abort_plugin_listener, get_pod_restart_listener
from datapod.registration import schema_of_class
from datapod.schema import PluginRun

_FOUNDING_KEYWORDS = ("name", "repository", "icon", "query", "bundleImage", "runDestination", "pluginClass")


class PluginBase(abc.ABC):
    """Base of all plugins. `pluginRun` and `client` come from the driver; all other keywords are the run's configuration.

    Raises:
        ValueError: Built without a client.
    """

    schema_classes: ClassVar[list[type[Item]]] = []
    """Item classes to register; if empty, those declared in the plugin's module."""
    permissions: ClassVar[Mapping[str, Any] | None] = None
    """The rights the plugin asks for (pod-protocol.md, 23.2); None: none declared."""
    flush_on_finish: ClassVar[bool] = True
    """Whether changed items are written back when `run` is over."""

    def __init__(self, pluginRun: Any = None, client: Any = None, **keywords: Any) -> None:  # noqa: N803 - names of old code
        if isinstance(pluginRun, PodClient) or isinstance(client, PluginRun):
            pluginRun, client = client, pluginRun  # noqa: N806 - a name of old code
        if client is None:
            raise ValueError("Plugins need a `client: PodClient` as kwarg to run.")
        if pluginRun is None:
            warnings.warn("Running a plugin without a pluginRun; this is only useful in development.", RuntimeWarning, stacklevel=2)
        self.pluginRun: Any = pluginRun
        self.client: Any = client
        for name in _FOUNDING_KEYWORDS:
            if name in keywords:
                setattr(self, name, keywords[name])
        self._config_dict = keywords
        self._daemon = False
        self._status: str | None = None
        self._status_listeners: list[Any] = []
        self._webserver: Any = None
        self.endpoints: Endpoints = endpoints_of(self)

    @property
    def daemon(self) -> bool:
        """Whether the plugin goes on serving after `run`."""
        return self._daemon

    @daemon.setter
    def daemon(self, value: bool) -> None:
        self._daemon = bool(value)

    @abc.abstractmethod
    def run(self) -> Any:
        """The plugin's logic. Called once, after `add_to_schema`; an exception fails the run."""

    def add_to_schema(self) -> Any:
        """Register item types, before `run`: `schema_classes`, else the classes declared in the plugin's module."""
        classes = type(self).schema_classes or declared_classes(type(self))
        if classes:
            self.client.add_to_schema(*classes)

    def _run(self) -> None:
        """What the driver does with a built plugin: status `started`, `run`, write-back, and the end."""
        from datapod.driver import carry_out

        carry_out(self)

    def set_run_status(self, status: str) -> None:
        """Write the run's status; without a run, nothing."""
        self._status = status
        if self.pluginRun is not None and self.client is not None:
            self.pluginRun.status = status
            self.client.update_item(self.pluginRun)

    def set_progress(self, progress: float) -> None:
        """Write how much is done, from 0 to 1."""
        if self.pluginRun is not None:
            self.pluginRun.progress = float(progress)
            self.client.update_item(self.pluginRun)

    def setup(self) -> None:
        """Start what runs beside the plugin. Overridable; call `super().setup()`."""
        if self.pluginRun is not None:
            self._status_listeners = [
                get_abort_plugin_listener(self.client, self.pluginRun.id),
                get_pod_restart_listener(self.client, self.pluginRun.id),
            ]
        if self.endpoints.needs_server or self.daemon:
            self._webserver = self.endpoints.serve(self)

    def teardown(self) -> None:
        """Stop what `setup` started; called after failures too. Overridable; call `super().teardown()`."""
        for listener in self._status_listeners:
            listener.stop()
        self._status_listeners = []
        if self._webserver is not None:
            self._webserver.shutdown()
            self._webserver = None

    @classmethod
    def get_schema(cls, include_edges: bool = True) -> list[dict[str, Any]]:
        """Schema items of `schema_classes`."""
        entries = [entry for item_class in cls.schema_classes for entry in schema_of_class(item_class).to_items()]
        return [entry for entry in entries if include_edges or entry["type"] != "ItemEdgeSchema"]

    @classmethod
    def get_schema_properties(cls) -> list[dict[str, Any]]:
        return cls.get_schema(include_edges=False)

    @classmethod
    def get_schema_edges(cls) -> list[dict[str, Any]]:
        return [entry for entry in cls.get_schema() if entry["type"] == "ItemEdgeSchema"]


def declared_classes(plugin_class: type) -> list[type[Item]]:
    """Item classes that a plugin declares: those of its module, those of its package that the module imports, and their targets.

    Classes in list style without annotations are left out: nothing but a sample says what their properties hold.
    """
    module = sys.modules[plugin_class.__module__]
    package = module.__name__.rpartition(".")[0]
    found: dict[str, type[Item]] = {}

    def add(candidate: Any) -> None:
        if not (isinstance(candidate, type) and issubclass(candidate, Item)) or candidate.is_built_in or candidate.__name__ in found:
            return
        if any(entry.kind is None for entry in candidate.declaration.properties.values()):
            return
        found[candidate.__name__] = candidate
        home = sys.modules.get(candidate.__module__)
        for targets in candidate.declaration.own_edges.values():
            for target in targets:
                add(getattr(home, target, None) or getattr(module, target, None))

    for value in vars(module).values():
        if inspect.isclass(value) and (value.__module__ == module.__name__ or (package and value.__module__.startswith(f"{package}."))):
            add(value)
    return list(found.values())
