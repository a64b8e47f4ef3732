"""Authentication on `/v1` and the counting of wrong keys: rest-api.md, 15.1, 15.3."""

from __future__ import annotations

import hashlib
import os
import stat

import httpx
import pytest

CHALLENGE = 'Basic realm="datapod", Bearer'
ROUTES = [
    ("GET", "/v1/datasets"),
    ("GET", "/v1/query?q=select%201"),
    ("POST", "/v1/types/plugins/python/routes/run"),
    ("PUT", "/v1/datasets/x"),
    ("DELETE", "/v1/datasets/x"),
    ("GET", "/v1/plugins/p/routes/r"),
    ("POST", "/v1/shutdown"),
    ("GET", "/v1/nothing/here"),
    ("GET", "/somewhere"),
]


def tree_digest(folder):
    """Names, contents and sizes of everything below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.name.endswith("-shm"):  # shared memory of the database: readers leave marks there
            continue
        digest.update(str(path.relative_to(folder)).encode() + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()


@pytest.mark.parametrize(("verb", "path"), ROUTES)
@pytest.mark.parametrize("credentials", ["none", "wrong key", "wrong owner", "rubbish", "bearer", "empty"])
def test_no_route_of_v1_answers_without_the_owners_keys(server, verb, path, credentials):
    headers = {
        "none": {},
        "wrong key": {"Authorization": httpx._auth.BasicAuth(server.owner_key, "ab" * 32)._auth_header},
        "wrong owner": {"Authorization": httpx._auth.BasicAuth("12" * 32, server.database_key)._auth_header},
        "rubbish": {"Authorization": "Basic !!!"},
        "bearer": {"Authorization": f"Bearer {'0' * 48}.{'0' * 96}"},
        "empty": {"Authorization": ""},
    }[credentials]
    answer = server.http.request(verb, server.address + path, headers=headers, content=b"{}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.json()["httpCode"] == 401
    assert server.database_key not in answer.text


@pytest.mark.parametrize("path", ["/", "/ping", "/version", "/info"])
def test_what_tells_nothing_needs_no_credentials(server, path):
    assert server.http.get(server.address + path).status_code == 200


def test_v1_never_creates_a_pod(start_server):
    server = start_server("--owners=ANY")
    answer = server.v1("GET", "/v1/datasets")
    assert answer.status_code == 401
    assert list((server.data_dir / "pods").iterdir()) == []


def test_a_wrong_key_changes_nothing_on_disk(start_server):
    server = start_server()
    server.create_pod()
    assert server.stop() == 0
    before = tree_digest(server.data_dir / "pods")
    again = start_server()  # the pod of the key file is unlocked at once: wrong keys meet an open pod
    assert again.v4("search", database_key="ab" * 32).status_code == 401
    assert again.v4("create_item", {"type": "Person"}, database_key="ab" * 32).text == "Failure: Failed to open the database file"
    assert again.stop() == 0
    locked = start_server("--owners=ANY", "--lock-after=0")  # and a locked one
    assert locked.v4("search", owner_key=server.owner_key, database_key="ab" * 32).status_code == 401
    assert locked.stop() == 0
    assert tree_digest(server.data_dir / "pods") == before


def test_an_unlisted_owner_is_refused_before_anything_is_created(server):
    answer = server.v4("search", owner_key="99" * 32)
    assert (answer.status_code, answer.text) == (403, "Failure: Unexpected owner")
    assert [path.name for path in (server.data_dir / "pods").iterdir()] == [server.owner_key]


def test_too_many_wrong_keys_from_one_address_have_to_wait(start_server):
    server = start_server()
    server.create_pod()
    statuses = [server.v4("search", database_key="ab" * 32).status_code for _ in range(110)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    answer = server.v4("search", database_key="ab" * 32)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert server.v1("GET", "/v1/datasets").status_code == 429


def test_trusted_loopback_needs_no_credentials_but_keeps_the_other_rules(start_server):
    server = start_server("--trust-loopback")
    assert server.http.get(server.address + "/v1/datasets").status_code == 200
    assert server.http.get(server.address + "/v1/datasets", headers={"Host": "evil.example"}).status_code == 421
    assert server.http.get(server.address + "/v1/datasets", headers={"Origin": "https://evil.example"}).status_code == 403
    assert server.http.get(server.address + "/v1/datasets", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 401
    assert server.http.get(server.address + "/v1/datasets", auth=("aa", "bb")).status_code == 401
    assert "WARNING: --trust-loopback" in server.log()


def test_the_unix_socket_is_the_owners_alone(start_server, tmp_path):
    path = tmp_path / "pod.socket"
    server = start_server("--http-listen-socket", str(path))
    server.create_pod()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        assert client.get("http://localhost/version").status_code == 200
        assert client.get("http://localhost/v1/datasets").status_code == 401
        assert client.get("http://localhost/v1/datasets", auth=(server.owner_key, server.database_key)).status_code == 200
    assert server.stop() == 0
    assert not path.exists()


def test_keys_stand_neither_in_the_log_nor_in_process_titles_nor_in_the_servers_environment(start_server):
    server = start_server("--enable-access-log")
    server.create_pod()
    server.v1("GET", "/v1/datasets")
    digest = "0" * 64
    for path in (f"/v4/{server.owner_key}", f"//v4/{server.owner_key}", f"/v4/{server.owner_key}/", ""):  # as mistaken clients have it
        server.http.post(f"{server.address}{path}/upload_file/{server.database_key}/{digest}", content=b"x")
    child = server.child_pid()
    for source in ("cmdline", "environ"):
        with open(f"/proc/{child}/{source}", "rb") as file:
            assert server.database_key.encode() not in file.read()
    server.stop()
    assert "/upload_file/.../" in server.log()
    assert server.database_key not in server.log()
    assert os.environ.get("DATAPOD_HOME") != str(server.home)
