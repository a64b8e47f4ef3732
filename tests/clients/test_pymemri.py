"""Released pymemri clients from the package index, as black boxes against a real server.

Each release runs one script in an environment of its own; the tests below look at what it saw. 0.0.12 never opens an account by name
(an implicit one, where nothing is known but what it registers); 0.1.2 does (a registered one, which knows the central schema).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.clients.releases import python_of
from tests.conftest import launch

# 0.0.12 needs distutils, 0.1.2 pydantic 1: neither runs on a later Python, whatever the server does.
pytestmark = pytest.mark.skipif(sys.version_info >= (3, 12), reason="the released clients run on Python 3.11 at the latest")


@pytest.fixture(scope="module")
def open_server(tmp_path_factory):
    """A server that admits every owner: these clients make their own keys."""
    running = launch(tmp_path_factory.mktemp("open"), "--owners=ANY")
    yield running
    running.stop()


def run_release(release: str, server: Any, tmp_path_factory: Any) -> dict[str, Any]:
    script = Path(__file__).parent / f"with_{release.replace('==', '_').replace('.', '_')}.py"
    folder = tmp_path_factory.mktemp("client")
    done = subprocess.run(
        [str(python_of(release)), str(script), server.address.replace("127.0.0.1", "localhost")],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


@pytest.fixture(scope="module")
def older(open_server, tmp_path_factory):
    return run_release("pymemri==0.0.12", open_server, tmp_path_factory)


@pytest.fixture(scope="module")
def newer(open_server, tmp_path_factory):
    return run_release("pymemri==0.1.2", open_server, tmp_path_factory)


def test_0_0_12_registers_its_base_schema_each_time_it_is_constructed(older):
    assert older["again"] == "PodClient" and older["schema"] is True


def test_0_0_12_creates_links_and_reads_items_and_sees_a_repeated_edge_once(older):
    assert older["created"] == [True, True, True]
    assert older["read"] == ["Ann", ["x"]]


def test_0_0_12_updates_and_searches(older):
    assert older["updated"] is True and older["ages"] == [4]
    assert older["by ids"] and older["unknown type"] == []


def test_0_0_12_writes_in_bulk_and_pages_through_all_of_it(older):
    assert older["bulk"] is True and sum(older["pages"]) == 21 and older["pages"][:4] == [5, 5, 5, 5]


def test_0_0_12_sees_deleted_items_as_deleted(older):
    assert older["left"] == 20 and older["deleted"] is None


def test_0_0_12_runs_a_plugin_to_its_end(older):
    assert older["run created"] is True and older["run"] == "done" and older["imported"] == 1


def test_0_0_12_stores_a_file_and_takes_a_second_upload_for_success(older):
    assert older["upload"] == [True, True] and older["file"] is True


def test_0_1_2_registers_a_schema_with_its_origin_as_often_as_it_likes(newer):
    assert newer["schema"] == [True, True]


def test_0_1_2_creates_links_and_reads_items(newer):
    assert newer["created"] == [True, True, True] and newer["edge"] is True
    assert newer["read"] == ["Zwaluw", 5.0, ["Ann"]]


def test_0_1_2_updates_and_searches(newer):
    assert newer["updated"] is True and newer["found"] == ["Meeuw"] and newer["typed"] == ["Boat"]
    assert newer["last"] == "11" and newer["by ids"]


def test_0_1_2_writes_in_bulk_and_pages_by_offset(newer):
    assert newer["bulk"] is True and newer["pages"] == [5, 5, 3]


def test_0_1_2_deletes_edges_and_items(newer):
    assert newer["edge deleted"] is True and newer["captains"] == 0
    assert newer["deleted"] == [True, 0] and newer["gone"] == "ValueError"


def test_0_1_2_stores_and_deletes_files(newer):
    assert newer["upload"] == [True, True] and newer["file"] is True and newer["file deleted"] is True


def test_0_1_2_with_a_wrong_key_changes_nothing(newer):
    assert newer["wrong key"] == [False, True]


def test_0_1_2_asks_along_edges_in_one_query(newer):
    assert newer["graphql"] == [["Stern", ["Bob"]]]


def test_both_releases_store_photos_with_their_bytes(older, newer):
    assert older["photo"] == newer["photo"] == [True, 6, 4, True]


def test_0_1_2_hears_that_an_unknown_run_is_unreachable(newer):
    assert newer["plugin status"] == {"no_such_run": {"status": "unreachable"}}
