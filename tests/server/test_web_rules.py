"""Host, Origin and CORS: rest-api.md, 15.2 and pod-protocol.md, 1.4."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [("/v1/datasets", 421, "Host not allowed"), ("/ping", 421, "Host not allowed"), ("/version", 403, "Failure: Host not allowed")],
)
def test_a_name_that_is_not_the_servers_own_is_refused_on_every_path(server, path, status, text):
    answer = server.v1("GET", path, headers={"Host": "rebound.example:3030"})
    assert answer.status_code == status
    assert text in answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:99", "127.0.0.1:3030", "[::1]:3030", "192.168.1.5", "LOCALHOST."])
def test_localhost_and_ip_addresses_are_accepted_whatever_the_port(server, host):
    assert server.http.get(server.address + "/version", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/datasets", "/version", "/", "/v4/abc/search"])
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://localhost:1"}],
)
def test_a_foreign_web_page_is_refused_and_cannot_read_the_answer(server, path, headers):
    answer = server.http.get(server.address + path, headers=headers)
    assert answer.status_code == 403
    assert "Origin not allowed" in answer.text
    assert "access-control-allow-origin" not in answer.headers


def test_the_servers_own_pages_may_ask(server):
    answer = server.v1("GET", "/v1/datasets", headers={"Origin": server.address, "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200


def test_a_page_must_send_json_as_json(server):
    answer = server.v1(
        "PUT", "/v1/datasets/x", {"type": "sparse.mutable"}, headers={"Origin": server.address, "Content-Type": "text/plain"}
    )
    assert answer.status_code == 403
    assert server.v1("GET", "/v1/datasets/x").status_code == 404


def test_an_allowed_origin_is_echoed_on_answers_and_errors_and_preflights(start_server):
    server = start_server("--allow-origin", "https://app.example")
    origin = {"Origin": "https://app.example"}
    answer = server.http.get(server.address + "/version", headers=origin)
    refused = server.http.get(server.address + "/v1/datasets", headers=origin)
    preflight = server.http.options(server.address + "/v1/datasets", headers=origin | {"Access-Control-Request-Method": "PUT"})
    old = server.http.options(server.address + "/v4/abc/search", headers=origin)
    assert (answer.status_code, refused.status_code, preflight.status_code, old.status_code) == (200, 401, 204, 200)
    for each in (answer, refused, preflight, old):
        assert each.headers["access-control-allow-origin"] == "https://app.example"
        assert "Origin" in each.headers["vary"]
        assert "access-control-allow-credentials" not in each.headers
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    assert old.headers["access-control-allow-methods"] == "HEAD, GET, POST, PUT"
    assert (old.headers["access-control-max-age"], old.text) == ("300", "")


def test_a_star_counts_for_the_pod_protocol_and_never_for_v1(start_server):
    server = start_server("--allow-origin=*")
    origin = {"Origin": "https://anywhere.example"}
    assert server.http.get(server.address + "/version", headers=origin).headers["access-control-allow-origin"] == "*"
    assert server.v1("GET", "/v1/datasets", headers=origin).status_code == 403


def test_a_preflight_without_origin_is_an_unknown_endpoint(server):
    answer = server.http.options(f"{server.address}/v4/{server.owner_key}/search")
    assert (answer.status_code, answer.text) == (404, "Endpoint not found")
