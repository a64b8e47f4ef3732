"""What only a socket shows: empty bodies, content types, long answers, clients that go away. Source: rest-api.md, 1.1, 1.2, 14.4, 15.5."""

from __future__ import annotations

import json
import socket

import pytest


@pytest.fixture(scope="module")
def long_dataset(server):
    server.create_pod()
    assert server.v1("PUT", "/v1/datasets/long", {"type": "tabular"}).status_code == 201
    rows = [[str(number), [["x", number, 0], ["t", "text" * 20, 0]]] for number in range(20_000)]
    assert server.v1("POST", "/v1/datasets/long/multirows", rows).status_code == 200
    assert server.v1("POST", "/v1/datasets/long/commit", {}).status_code == 200
    return "long"


def test_an_empty_body_is_400_where_one_is_needed(server):
    for path in ("/v1/datasets/x", "/v1/procedures/x", "/v1/functions/x", "/v1/plugins/x"):
        answer = server.v1("PUT", path)
        assert answer.status_code == 400
        assert "empty payload" in answer.json()["error"]


def test_the_content_type_of_a_body_is_not_looked_at(server):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json", "nonsense"):
        answer = server.v1("PUT", "/v1/datasets/typed", {"type": "sparse.mutable"}, headers={"content-type": kind})
        assert answer.status_code == 201
        assert answer.headers["content-type"] == "application/json"


def test_a_query_may_be_a_form(server):
    body = b"q=select+1+as+x&format=aos"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = server.http.request(
        "GET", server.address + "/v1/query", content=body, headers=headers, auth=(server.owner_key, server.database_key)
    )
    assert answer.json() == [{"_rowName": "result", "x": 1}]


@pytest.mark.parametrize("body", [b"{", b'{"type": "tabular"} x', b"\xff\xfe", b"nul", b"[1,", b'{"type": NaN}'])
def test_malformed_json_is_400(server, body):
    auth = (server.owner_key, server.database_key)
    answer = server.http.put(server.address + "/v1/datasets/x", content=body, auth=auth)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("malformed JSON")


@pytest.mark.parametrize("form", ["table", "full", "aos", "soa", "sparse"])
def test_a_long_answer_arrives_whole(server, long_dataset, form):
    answer = server.v1("GET", "/v1/query", params={"q": f"select * from {long_dataset}", "format": form})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert (len(found["x"]) if form == "soa" else len(found)) == 20_000 + (form == "table")


def test_a_failure_late_in_a_long_answer_breaks_the_connection(server, long_dataset):
    text = f"select t, case when x = 19999 then t * 2 else x end as y from {long_dataset}"
    with pytest.raises(Exception, match=r"(?i)peer|disconnect|incomplete|terminated|closed"):
        server.v1("GET", "/v1/query", params={"q": text, "format": "table"})
    assert server.v1("GET", "/v1/query", params={"q": "select 1 as x", "format": "atom"}).json() == 1


def test_a_client_that_goes_away_holds_nothing(server, long_dataset):
    import base64

    keys = base64.b64encode(f"{server.owner_key}:{server.database_key}".encode()).decode()
    body = json.dumps({"q": f"select * from {long_dataset}", "format": "full"})
    head = f"GET /v1/query HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {keys}\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall((head + body).encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert server.v1("GET", f"/v1/datasets/{long_dataset}").json()["status"]["rowCount"] == 20_000
    assert server.v1("DELETE", f"/v1/datasets/{long_dataset}").status_code == 204
