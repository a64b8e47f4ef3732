"""What the server writes into a run that cannot speak for itself, and when it ends one. Source: pod-protocol.md, 14.7."""

from __future__ import annotations

import pytest

from datapod_server.errors import StaleToken
from datapod_server.runners.fake import FakeBackend


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        ({"code": 0}, "done", None),
        ({"code": 137}, "error", "The plugin ended with exit code 137"),
        ({"code": None, "signal_number": 9}, "error", "The plugin ended by signal SIGKILL"),
    ],
)
def test_a_run_that_wrote_no_final_state_gets_one_from_its_exit(house, end, status, error):
    pod = house(FakeBackend(lambda run: run.end(**end)))
    pod.create(status="started")
    pod.await_end()
    assert pod.status() == (status, error)


@pytest.mark.parametrize("status", ["done", "error", "aborted"])
def test_a_final_state_that_the_plugin_wrote_stays(house, status):
    pod = house(FakeBackend(lambda run: run.end(1)))
    pod.create(status=status)
    pod.await_end()
    assert pod.status() == (status, None)


def test_a_start_that_fails_after_the_commit_is_written_into_the_run(house):
    pod = house(FakeBackend(fails="Argument list too long"))
    pod.create()
    pod.await_end()
    assert pod.status() == ("error", "Failed to start: Argument list too long")


def test_an_aborted_run_has_time_to_end_itself_before_it_is_asked_and_then_killed(house, wait_until):
    backend = FakeBackend(obeys=False)
    pod = house(backend)
    pod.create(status="started")
    wait_until(lambda: backend.runs)
    assert backend.runs[0].asked == []
    pod.items.update_run("run", {"status": "aborted"})
    pod.await_end()
    assert backend.runs[0].asked[:2] == ["terminate", "kill"]
    assert pod.status() == ("aborted", None)


def test_a_run_that_reported_its_end_and_lingers_is_ended_and_keeps_its_state(house):
    backend = FakeBackend()
    pod = house(backend)
    pod.create(status="done")
    pod.await_end()
    assert backend.runs[0].asked[0] == "terminate"
    assert pod.status() == ("done", None)


def test_a_deleted_run_loses_its_token_at_once_and_is_ended(house):
    backend = FakeBackend()
    pod = house(backend)
    token = pod.create(status="started")
    assert pod.tokens.open_text(token).run_id == "run"
    del pod.items.items["run"]
    pod.await_end()
    with pytest.raises(StaleToken):
        pod.tokens.open_text(token)
    assert backend.runs[0].asked[0] == "terminate"


def test_a_run_that_takes_too_long_is_ended_with_the_limit_as_its_error(house):
    pod = house(FakeBackend(), max_seconds=0.05)
    pod.create(status="started")
    pod.await_end()
    assert pod.status() == ("error", "The plugin reached the limit of 0.05 seconds")


def test_a_run_that_takes_too_much_memory_is_ended_with_the_limit_as_its_error(house, wait_until):
    backend = FakeBackend()
    pod = house(backend, max_memory_mb=100)
    pod.create(status="started")
    wait_until(lambda: backend.runs)
    backend.runs[0].resident_mb = 101.0
    pod.await_end()
    assert pod.status() == ("error", "The plugin reached the limit of 100 MiB of memory")


def test_a_server_that_stops_in_good_order_ends_its_runs_and_says_so(house, wait_until):
    backend = FakeBackend(obeys=False)
    pod = house(backend)
    pod.create(status="started")
    wait_until(lambda: backend.runs)
    pod.runners.close()
    assert backend.runs[0].asked[:2] == ["terminate", "kill"]
    assert pod.status() == ("error", "The server was stopped")


def test_a_token_dies_before_the_last_state_is_written(house, wait_until):
    backend = FakeBackend()
    pod = house(backend)
    token = pod.create(status="started")
    wait_until(lambda: backend.runs)
    seen = []
    write = pod.items.update_run
    pod.items.update_run = lambda run_id, properties: (seen.append(is_valid(pod, token)), write(run_id, properties))
    backend.runs[0].end(0)
    pod.await_end()
    assert (seen, pod.status()) == ([False], ("done", None))


def is_valid(pod, token):
    try:
        pod.tokens.open_text(token)
    except StaleToken:
        return False
    return True


def test_a_pod_is_busy_while_a_run_is_alive(house, wait_until):
    backend = FakeBackend()
    pod = house(backend)
    assert not pod.runners.busy()
    pod.create()
    assert pod.runners.busy()
    wait_until(lambda: backend.runs)
    backend.runs[0].end(0)
    pod.await_end()


def test_output_can_be_read_while_a_run_is_alive_and_after_its_end(house, wait_until):
    backend = FakeBackend(lambda run: run.print("rowing\n"))
    pod = house(backend)
    pod.create()
    wait_until(lambda: backend.runs)
    assert pod.runners.output("run") == b"rowing\n"
    backend.runs[0].print("landed\n")
    backend.runs[0].end(0)
    pod.await_end()
    assert pod.runners.output("run") == b"rowing\nlanded\n"
    assert pod.runners.output("unknown") is None


def test_a_database_that_fails_while_a_run_is_watched_ends_the_run_and_does_not_keep_the_pod_busy(house, caplog):
    backend = FakeBackend()
    pod = house(backend)

    def broken(run_id):
        raise OSError("disk full")

    pod.items.find_run = broken
    pod.create()
    pod.await_end()
    assert "kill" in backend.runs[0].asked
    assert "could not be written" in caplog.text
