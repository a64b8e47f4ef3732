"""The option table: pod-protocol.md, 19.1."""

from __future__ import annotations

import pytest

from datapod_server.cli.options import Option, UsageError, parse
from datapod_server.cli.serve import settings_of
from datapod_server.cli.serve_options import SERVE_OPTIONS


def serve(*argv, environ=None):
    options = parse("serve", "", SERVE_OPTIONS, list(argv), environ or {})
    assert options is not None
    return options


@pytest.mark.parametrize("argv", [["--non-tls"], ["-t"], ["--non-tls=true"], ["--non-tls", "true"], ["--non-tls=1"]])
def test_a_switch_is_on_bare_or_with_a_value(argv):
    assert serve(*argv)["non_tls"] is True


@pytest.mark.parametrize("word", ["0", "false", "no", ""])
def test_a_variable_may_say_off(word):
    assert serve(environ={"SHARED_SERVER": word})["shared_server"] is False
    assert serve(environ={"SHARED_SERVER": "1"})["shared_server"] is True


def test_options_beat_variables_beat_defaults():
    environ = {"DATAPOD_LOCK_AFTER": "10", "DATAPOD_ALLOW_HOST": "a.example, b.example"}
    assert serve()["lock_after"] == 300
    assert serve(environ=environ)["lock_after"] == 10
    assert serve("--lock-after=20", environ=environ)["lock_after"] == 20
    assert serve(environ=environ)["allow_host"] == ("a.example", "b.example")
    assert serve("--allow-host", "c", "--allow-host", "d", environ=environ)["allow_host"] == ("c", "d")


@pytest.mark.parametrize(
    "argv", [["--nope"], ["--port"], ["--port", "x"], ["--port=-1"], ["--account-mode", "maybe"], ["--non-tls=perhaps"], ["x"]]
)
def test_wrong_usage_is_told(argv):
    with pytest.raises(UsageError):
        serve(*argv)


def test_abbreviations_are_not_guessed():
    with pytest.raises(UsageError):
        parse("x", "", [Option(name="owners", help="")], ["--own", "ANY"], {})


def test_the_default_address_is_plain_http_on_loopback(tmp_path):
    settings = settings_of(serve("--data-dir", str(tmp_path)))
    assert (settings.host, settings.port, settings.scheme) == ("127.0.0.1", 3030, "http")


@pytest.mark.parametrize(
    ("argv", "host", "scheme"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0", "https"),
        (["--insecure-non-tls", "0.0.0.0"], "0.0.0.0", "http"),
        (["--insecure-non-tls=0.0.0.0", "--non-tls", "--host=1.2.3.4"], "0.0.0.0", "http"),
        (["--tls=self-signed"], "127.0.0.1", "https"),
        (["--tls=self-signed", "--non-tls"], "127.0.0.1", "http"),
        (["--host", "::1"], "::1", "http"),
    ],
)
def test_the_table_of_addresses_and_schemes(argv, host, scheme):
    settings = settings_of(serve(*argv))
    assert (settings.host, settings.scheme) == (host, scheme)
