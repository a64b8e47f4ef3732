"""Code in a worker reads neither key file nor pods, whatever road it tries. Source: python-runtime.md, 14.1; design, 6."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunningServer

from datapod_server.runtime import jail

_ITSELF = """\
import os, pathlib, subprocess, sys
path, how = mldb.script.args
def link():
    os.symlink(path, "link")
    return open("link").read()
os.chdir(os.environ["TMPDIR"])
roads = {
    "open": lambda: open(path, "rb").read(),
    "list": lambda: os.listdir(path),
    "link": link,
    "hard link": lambda: os.link(path, "hard") or open("hard").read(),
    "child": lambda: subprocess.run(["cat", path], check=True, capture_output=True).stdout,
    "root": lambda: open("/proc/self/root" + path, "rb").read(),
    "write": lambda: open(path, "ab"),
    "rename": lambda: os.rename(path, "moved"),
    "remove": lambda: os.remove(path),
}
try:
    read = roads[how]()
except (OSError, subprocess.CalledProcessError) as error:
    read = None
mldb.set_return(repr(read))
"""
_BY_THE_SERVER = """\
import os
url, how, path = mldb.script.args
def import_text():
    params = {"dataFileUrl": url, "outputDataset": {"id": "stolen", "type": "tabular"}}
    mldb.post("/v1/procedures", {"type": "import.text", "params": params})
    return mldb.query("select * from stolen")
def fetch():
    return mldb.query("select fetcher('%s') as x" % url)
def link():
    where = os.environ["TMPDIR"] + "/link"
    os.symlink(path, where)
    return mldb.read_lines("file://" + where)
def script():
    return mldb.post("/v1/types/plugins/python/routes/run", {"address": url}).json()
def plugin():
    return mldb.put("/v1/plugins/thief", {"type": "python", "params": {"address": url}}).json()
roads = {"read_lines": lambda: mldb.read_lines(url), "ls": lambda: mldb.ls(url), "import.text": import_text, "fetcher": fetch, "link": link,
         "script": script, "plugin": plugin}
try:
    read = roads[how]()
except Exception as error:
    read = {"refused": str(error)}
mldb.set_return(read)
"""


def ask(server: RunningServer, source: str, args: Any) -> str:
    """What a script returned, or why it failed, as text."""
    body = server.v1("POST", "/v1/types/plugins/python/routes/run", {"source": source, "args": args}).json()
    return json.dumps(body)


def places(server: RunningServer) -> dict[str, str]:
    """What is to be hidden: paths as code may guess them."""
    pod = server.data_dir / "pods" / server.owner_key
    return {
        "key file": str(server.home / "pod_keys" / "keys.json"),
        "items": str(pod / "items.sqlite"),
        "pod": str(pod),
        "data directory": str(server.data_dir),
    }


@pytest.mark.skipif(not jail.capabilities()["landlock"], reason="this system has no Landlock")
@pytest.mark.parametrize("how", ["open", "list", "link", "hard link", "child", "root", "write", "rename", "remove"])
@pytest.mark.parametrize("what", ["key file", "items", "data directory"])
def test_the_process_itself_reaches_nothing(server: RunningServer, what: str, how: str) -> None:
    told = json.loads(ask(server, _ITSELF, [places(server)[what], how]))
    assert told.get("result") == "None", told


@pytest.mark.parametrize("how", ["read_lines", "ls", "import.text", "fetcher", "link", "script", "plugin"])
@pytest.mark.parametrize("what", ["key file", "items", "pod", "data directory"])
def test_the_server_reads_nothing_for_it(server: RunningServer, what: str, how: str) -> None:
    path = places(server)[what]
    told = ask(server, _BY_THE_SERVER, [f"file://{path}", how, path])
    shown = told.replace(path, "").replace(str(server.data_dir), "")
    for secret in (server.database_key, "items.sqlite", "SQLite format", "tables.duckdb", "\\\\u0000"):
        assert secret not in shown, told
    listing_of_own = how == "ls" and what == "pod"  # allowed: the folder is also `mldb_data`
    assert listing_of_own or any(word in told for word in ("hidden", "refused", "error")), told


@pytest.mark.parametrize("name", ["items.sqlite", "tables.duckdb", "files", "runs", "./files/../items.sqlite", "../../x"])
@pytest.mark.parametrize("how", ["read_lines", "ls", "import.text"])
def test_the_pods_own_folder_shows_no_stores(server: RunningServer, name: str, how: str) -> None:
    told = ask(server, _BY_THE_SERVER, [f"file:///mldb_data/{name}", how, ""])
    assert "hidden" in told, told


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/self/root/etc/hostname/../../proc/1/environ", "/dev/fd/0", "/proc"])
def test_the_server_tells_nothing_of_its_own_process(server: RunningServer, path: str) -> None:
    for how in ("read_lines", "ls"):
        told = ask(server, _BY_THE_SERVER, [f"file://{path}", how, ""])
        assert "refused" in told, told


@pytest.mark.parametrize("place", ["routes.py", "static/link"])
def test_links_in_a_plugins_own_folder_lead_nowhere(server: RunningServer, place: str, tmp_path: Path) -> None:
    folder = tmp_path / "thief"
    (folder / "static").mkdir(parents=True)
    (folder / "main.py").write_text(
        "import os\nmldb.plugin.serve_static_folder('static', 'static')\n"
        f"place = mldb.plugin.get_plugin_dir() + '/{place}'\n"
        "if os.path.exists(place): os.remove(place)\n"
        "os.symlink(mldb.plugin.args, place)\n"
    )
    (folder / "routes.py").write_text("request.set_return(1)")
    key_file = places(server)["key file"]
    params = {"address": f"file://{folder}", "args": key_file}
    assert server.v1("PUT", "/v1/plugins/thief2", {"type": "python", "params": params}).status_code == 201
    static = server.v1("GET", "/v1/plugins/thief2/routes/static/link")
    routes = server.v1("GET", "/v1/plugins/thief2/routes/x")
    assert server.database_key not in static.text + routes.text
    assert static.status_code != 200
    assert routes.status_code == 200
    assert routes.json() == 1
    assert server.v1("DELETE", "/v1/plugins/thief2").status_code in (200, 204)


@pytest.mark.parametrize("what", ["key folder", "above the keys", "everything", "other processes", "link"])
def test_no_right_to_write_is_given_where_secrets_are(server: RunningServer, what: str, tmp_path: Path) -> None:
    """Writing goes with reading, and code can start scripts whose `runtime.writable` it chooses."""
    keys = server.home / "pod_keys"
    link = tmp_path / "link"
    link.symlink_to(keys)
    folder = {"key folder": keys, "above the keys": server.home, "everything": "/", "other processes": "/proc", "link": link}[what]
    body = {"source": f"mldb.set_return(open({str(keys / 'keys.json')!r}).read())", "runtime": {"writable": [str(folder)]}}
    answer = server.v1("POST", "/v1/types/plugins/python/routes/run", body)
    assert server.database_key not in answer.text
    assert (answer.status_code, "cannot be made writable" in answer.text) == (400, True)


def test_another_folder_may_be_made_writable(server: RunningServer, tmp_path: Path) -> None:
    body = {"source": f"open({str(tmp_path / 'made')!r}, 'w').write('x')", "runtime": {"writable": [str(tmp_path)]}}
    assert server.v1("POST", "/v1/types/plugins/python/routes/run", body).status_code == 200
    assert (tmp_path / "made").read_text() == "x"
