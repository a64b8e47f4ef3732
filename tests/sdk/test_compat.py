"""Old module paths exist under the name `pymemri` only, and only where the real package is not installed."""

from __future__ import annotations

import subprocess
import sys

OLD_CODE = """
from datapod.compat import OLD_MODULES, install_pymemri_alias
assert install_pymemri_alias() and install_pymemri_alias()
import importlib, datapod
for name in OLD_MODULES:
    module = importlib.import_module(f"pymemri.{name}")
    for entry in module.__all__:
        assert getattr(module, entry) is not None, (name, entry)
from pymemri.data.schema import Account, Person, PluginRun
from pymemri.data.itembase import Edge, EdgeList, ItemBase, Item
from pymemri.pod.client import PodClient, DEFAULT_POD_ADDRESS
from pymemri.pod.utils import DEFAULT_POD_KEY_PATH, POD_KEYS_FILENAME, POD_KEYS_FOLDER, POD_KEYS_FULL_FOLDER, PYMEMRI_FOLDER
assert DEFAULT_POD_KEY_PATH == POD_KEYS_FULL_FOLDER / POD_KEYS_FILENAME == PYMEMRI_FOLDER / POD_KEYS_FOLDER / POD_KEYS_FILENAME
from pymemri.pod.api import POD_ALLOWED_ORIGINS
from pymemri.plugin.authenticators.credentials import PLUGIN_DIR
from pymemri.webserver.public_api import ENDPOINT_METADATA
assert (POD_ALLOWED_ORIGINS, PLUGIN_DIR, ENDPOINT_METADATA) == (["*"], PYMEMRI_FOLDER / "plugins", "__endpoint_metadata__")
from pymemri.plugin.pluginbase import *
from pymemri.plugin.states import RUN_USER_ACTION_NEEDED
from pymemri.plugin.authenticators.oauth import OAuthAuthenticator
assert PodClient is datapod.PodClient and Account is datapod.Account and PluginBase is datapod.PluginBase
try:
    import pymemri.nonsense
except ModuleNotFoundError:
    print("no nonsense")
"""


def test_old_imports_find_the_things_of_today(tmp_path):
    done = subprocess.run([sys.executable, "-c", OLD_CODE], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("no nonsense\n", "")


def test_a_plugin_with_old_imports_runs(wire, command, tmp_path):
    (tmp_path / "old_plugin.py").write_text(
        "from pymemri.plugin.pluginbase import PluginBase\nfrom pymemri.data.schema import Person\n"
        "class Old(PluginBase):\n    def __init__(self, name: str = 'x', **kwargs):\n"
        "        super().__init__(**kwargs)\n        self.name = name\n"
        "    def run(self):\n        self.client.create(Person(firstName=self.name))\n"
    )
    (tmp_path / "config.json").write_text('{"name": "Ann"}')
    options = ["--database_key", "d", "--owner_key", "owner", "--pod_full_address", wire.address, "--config_file", "config.json"]
    done = command("plugin", "run", "old_plugin:Old", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert [item["firstName"] for item in wire.pods["owner"].items.values() if item["type"] == "Person"] == ["Ann"]
