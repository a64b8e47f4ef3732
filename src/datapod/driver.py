"""A run from its id to its end: find the class, build the plugin, run it, write back what changed, say how it ended.

Source: plugin-sdk.md, 8.3 to 8.6 and 12.2.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from datapod.errors import PodError
from datapod.keyfile import make_private_folder, plugin_folder
from datapod.states import RUN_ABORTED, RUN_COMPLETED, RUN_DAEMON, RUN_FAILED, RUN_INITIALIZED, RUN_STARTED

if TYPE_CHECKING:
    from datapod.client import PodClient
    from datapod.plugin import PluginBase

logger = logging.getLogger("datapod.driver")

MAX_ERROR_CHARACTERS = 2_000
_DAEMON_LOOK_SECONDS = 0.5


def run_plugin_from_run_id(run_id: str, client: PodClient, **config: Any) -> PluginBase:
    """Carry out the run of that id; the exceptions of the plugin pass through.

    Args:
        config: Keyword arguments of the plugin's constructor.

    Raises:
        ValueError: There is no such run.
        ImportError: There is no such plugin.
    """
    run: Any = client.get(run_id)
    if run is None:
        raise ValueError(f"Run {run_id} is deleted")
    write_run_info((run.pluginModule or "").partition(".")[0] or run.containerImage or "", run.id)
    plugin_class = get_plugin_cls(run.pluginModule, run.pluginName)
    plugin: PluginBase = plugin_class(pluginRun=run, client=client, **fit_config(plugin_class, config))
    plugin.set_run_status(RUN_INITIALIZED)
    if hasattr(plugin, "add_to_schema"):
        try:
            plugin.add_to_schema()
        except BaseException:
            plugin.teardown()
            raise
    carry_out(plugin)
    return plugin


def carry_out(plugin: PluginBase) -> None:
    """Status `started`, `run`, write-back, and status `done` or `daemon`. `teardown` is called in any case but that of a daemon."""
    plugin.set_run_status(RUN_STARTED)
    stays = False
    try:
        plugin.setup()
        _run_to_its_end(plugin)
        if type(plugin).flush_on_finish and not plugin.client.flush():
            raise PodError(None, f"What the plugin changed could not be written back: {plugin.client.last_error}")
        stays = plugin.daemon
    finally:
        if not stays:
            plugin.teardown()
    if stays:
        plugin.set_run_status(RUN_DAEMON)
    elif not is_aborted(plugin.client, plugin.pluginRun):
        plugin.set_run_status(RUN_COMPLETED)


def stay(plugin: PluginBase) -> None:
    """Keep the process of a daemon until it is interrupted, or until the plugin takes `daemon` back, which completes the run."""
    pause = threading.Event()
    try:
        while plugin.daemon:
            pause.wait(_DAEMON_LOOK_SECONDS)
    finally:
        plugin.teardown()
    if not is_aborted(plugin.client, plugin.pluginRun):
        plugin.set_run_status(RUN_COMPLETED)


def _run_to_its_end(plugin: PluginBase) -> None:
    """Call `run`; a plugin that ends by `sys.exit()` or `sys.exit(0)` has done its work like one that returns."""
    try:
        plugin.run()
    except SystemExit as ending:
        if ending.code not in (None, 0):
            raise


def is_aborted(client: PodClient, run: Any) -> bool:
    """Whether the pod says that the run was aborted; such a status is left alone."""
    return run is not None and any(found.get("status") == RUN_ABORTED for found in client.api.get_item(str(run.id)))


def mark_failed(client: PodClient, run_id: str, error: BaseException) -> None:
    """Print the traceback and note the failure in the run; a pod that is gone does not hide the traceback."""
    try:
        trace = "".join(traceback.format_exception(error))
        print(_encodable(trace, getattr(sys.stdout, "encoding", None) or "utf-8"), end="", flush=True)
    finally:
        _note_failure(client, run_id, _encodable(f"{type(error).__name__}: {error}")[:MAX_ERROR_CHARACTERS])


def _note_failure(client: PodClient, run_id: str, text: str) -> None:
    try:
        found = client.api.get_item(run_id)
        if found and found[0].get("status") != RUN_ABORTED:
            client.api.update_item({"id": run_id, "status": RUN_FAILED, "error": text})
    except PodError as refusal:
        logger.error("could not note the failure of run %s in the pod: %s", run_id, refusal)


def _encodable(text: str, encoding: str = "utf-8") -> str:
    """The text with what the encoding lacks as escapes: a message may hold half characters, those of an odd file name for one."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def get_plugin_cls(plugin_module: str | None, plugin_name: str | None) -> Any:
    """The class of a plugin. Import errors *inside* the plugin pass through unchanged.

    Raises:
        ImportError: `Unknown plugin: <module>.<name>`, when the module or the class itself does not exist.
    """
    unknown = f"Unknown plugin: {plugin_module}.{plugin_name}"
    if not plugin_module or not plugin_name:
        raise ImportError(unknown)
    if plugin_module.partition(".")[0] == "pymemri":
        _offer_pymemri()
    try:
        module = _import_module(plugin_module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if plugin_module == missing or plugin_module.startswith(f"{missing}."):
            raise ImportError(unknown) from error
        raise
    try:
        return getattr(module, plugin_name)
    except AttributeError as error:
        raise ImportError(unknown) from error


def _import_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pymemri" or not _offer_pymemri():
            raise
        return importlib.import_module(name)


def _offer_pymemri() -> bool:
    """Let old imports find their names here, unless the real package is installed."""
    from datapod.compat import install_pymemri_alias

    return install_pymemri_alias()


def fit_config(plugin_class: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration as the constructor takes it: text becomes the annotated type, since forms deliver text.

    Raises:
        ValueError: A name that the constructor does not take, or text that is no value of its type.
    """
    parameters = inspect.signature(plugin_class.__init__).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    unknown = [name for name in config if name not in parameters]
    if unknown and not takes_all:
        raise ValueError(f"{plugin_class.__name__} takes no configuration named {', '.join(sorted(unknown))}")
    try:
        hints = get_type_hints(plugin_class.__init__)
    except NameError:
        hints = {}  # an annotation that only a type checker can resolve
    return {name: _from_text(value, hints.get(name), name) for name, value in config.items()}


def _from_text(value: Any, kind: Any, name: str) -> Any:
    from datapod.values import converted

    if not isinstance(value, str) or kind not in (int, float, bool):
        return value
    return converted(value, kind, name)


def parse_config(text: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The JSON object of a configuration; nothing gives an empty one.

    Raises:
        ValueError: Not JSON, or not an object.
    """
    if text is None or text == "":
        return {}
    config = json.loads(text) if isinstance(text, str) else text
    if not isinstance(config, Mapping):
        raise ValueError(f"Incorrect plugin config format, expected a dict, got a {type(config).__name__}")
    return dict(config)


def run_info_path(plugin: str) -> Path:
    return plugin_folder() / re.sub(r"[^A-Za-z0-9._-]", "_", plugin) / "current_run.json"


def write_run_info(plugin: str, run_id: str) -> None:
    """Note the newest run of a plugin on disk, for commands that are called without a run id. Failures are only logged."""
    path = run_info_path(plugin)
    logger.info("writing run info to %s", path)
    try:
        make_private_folder(path.parent)
        path.write_text(json.dumps({"id": run_id}), encoding="utf-8")
        path.chmod(0o600)
    except OSError as error:
        logger.warning("failed to write run info to %s: %s", path, error)
