"""Nothing readable on disk: design, 6; pod-protocol.md, 18.2."""

from __future__ import annotations

import hashlib
import os
import signal

PLANTED = [
    "plantedItemValue4711",
    "plantedPropertyName4711",
    "plantedFileContent4711",
    "plantedSparseCell4711",
    "plantedTabularCell4711",
    "plantedRowName4711",
    "plantedDatasetId4711",
    "plantedPluginSource4711",
]


def plant(server):
    """Put every planted text into the pod, each through its own call."""
    definition = {"type": "ItemPropertySchema", "itemType": "Secret", "propertyName": "plantedPropertyName4711", "valueType": "Text"}
    assert server.v4("create_item", definition).status_code == 200
    assert server.v4("create_item", {"type": "Secret", "plantedPropertyName4711": "plantedItemValue4711" * 50}).status_code == 200
    content = b"plantedFileContent4711" * 1000
    digest = hashlib.sha256(content).hexdigest()
    assert server.v4("create_item", {"type": "File", "sha256": digest}).status_code == 200
    upload = f"{server.address}/v4/{server.owner_key}/upload_file/{server.database_key}/{digest}"
    assert server.http.post(upload, content=content).status_code == 200
    for name, kind, cell in (
        ("plantedDatasetId4711", "sparse.mutable", "plantedSparseCell4711"),
        ("other", "tabular", "plantedTabularCell4711"),
    ):
        assert server.v1("PUT", f"/v1/datasets/{name}", {"type": kind}).status_code == 201
        rows = [[f"plantedRowName4711-{number}", [["text", cell * 20, 0]]] for number in range(500)]
        assert server.v1("POST", f"/v1/datasets/{name}/multirows", rows).status_code == 200
        assert server.v1("POST", f"/v1/datasets/{name}/commit", {}).status_code == 200
    plugin = {"type": "python", "params": {"source": {"main": "x = 'plantedPluginSource4711'"}}}
    assert server.v1("PUT", "/v1/plugins/planted", plugin).status_code == 201
    return digest


def readable(server):
    """The planted texts, and keys, that stand in some file or file name of the data folder, or in the log."""
    found = []
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert len(files) > 3
    names = "\n".join(str(path) for path in server.data_dir.rglob("*"))
    for text in [*PLANTED, server.database_key]:
        for path in [*files, server.log_file]:
            if text.encode() in path.read_bytes():
                found.append((text, path.name))
        if text in names:
            found.append((text, "a file name"))
    return found


def test_nothing_planted_is_readable_while_the_server_runs_and_after_it_was_killed(start_server):
    server = start_server()
    digest = plant(server)
    assert readable(server) == []
    child = server.child_pid()
    server.process.kill()
    os.kill(child, signal.SIGKILL)
    server.process.wait()
    assert readable(server) == []
    again = start_server()
    assert again.v4("get_file", {"sha256": digest}).content == b"plantedFileContent4711" * 1000
    assert len(again.v4("search", {"type": "Secret"}).json()) == 1
    assert len(again.v1("GET", "/v1/datasets/plantedDatasetId4711/rows").json()) == 500
    assert again.v1("GET", "/v1/datasets/other").json()["status"]["rowCount"] == 500
    assert again.v1("GET", "/v1/plugins/planted").json()["state"] == "ok"
    assert again.stop() == 0
    assert readable(again) == []


def test_the_memory_of_the_server_does_not_end_up_in_core_files(start_server):
    server = start_server()
    with open(f"/proc/{server.child_pid()}/limits") as file:
        limits = {line[:26].strip(): line[26:].split()[0] for line in file}
    assert limits["Max core file size"] == "0"


def test_code_in_the_server_can_read_neither_the_data_nor_the_keys_nor_the_servers_memory(start_server):
    server = start_server()
    server.create_pod()
    attempts = [
        f"open({str(server.home / 'pod_keys' / 'keys.json')!r}).read()",
        f"__import__('os').listdir({str(server.data_dir / 'pods')!r})",
        f"open('/proc/{server.child_pid()}/mem', 'rb').read(1)",
        f"open('/proc/{server.child_pid()}/environ', 'rb').read(1)",
        f"__import__('os').kill({server.child_pid()}, 9)",
        "open('/etc/planted', 'w')",
    ]
    for attempt in attempts:
        answer = server.v1("POST", "/v1/types/plugins/python/routes/run", {"source": attempt})
        assert answer.status_code == 400, attempt
        assert answer.json()["exception"]["type"] in ("PermissionError", "FileNotFoundError"), attempt
    assert server.v4("search", {"_limit": 1}).status_code == 200
