"""URLs to streams and listings: rest-api.md, 11; python-runtime.md, 6.5."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from datapod_server.errors import Failed, Forbidden, Invalid
from datapod_server.vfs import Vfs
from datapod_server.vfs.url import parse_url

ENDINGS = ["gz", "bz2", "bzip2", "xz", "lz4", "zst", "zstd"]


@pytest.fixture
def vfs(tmp_path: Path) -> Vfs:
    return Vfs(tmp_path / "data")


@pytest.mark.parametrize("ending", ["csv", *ENDINGS])
@pytest.mark.parametrize("content", [b"", b"one\ntwo\n", b"x" * 300_000])
def test_what_is_written_is_read_again_in_every_compression(vfs, tmp_path, ending, content):
    url = f"file://{tmp_path}/deep/er/file.{ending}"
    with vfs.open_write(url) as stream:
        stream.write(content)
    with vfs.open_read(url) as stream:
        assert stream.read() == content
    assert ending == "csv" or (tmp_path / f"deep/er/file.{ending}").read_bytes() != content


def test_a_compressed_file_is_recognised_in_spite_of_a_trailing_tilde(vfs, tmp_path):
    (tmp_path / "x.csv.gz~").write_bytes(gzip.compress(b"a\n"))
    assert list(vfs.read_lines(f"file://{tmp_path}/x.csv.gz~")) == ["a"]


def test_lines_come_without_their_ends_and_without_an_empty_last_one(vfs, tmp_path):
    (tmp_path / "a b.txt").write_bytes("one\r\ntwo\n\nvier é\n".encode())
    url = f"file://{tmp_path}/a b.txt"
    assert list(vfs.read_lines(url)) == ["one", "two", "", "vier é"]
    assert list(vfs.read_lines(url, 2)) == ["one", "two"]
    assert list(vfs.read_lines(url, 0)) == []


def test_a_relative_file_url_means_the_working_directory(vfs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with vfs.open_write("file://sub/x.txt") as stream:
        stream.write(b"hello")
    assert (tmp_path / "sub/x.txt").read_text() == "hello"


def test_mldb_data_means_the_data_directory(vfs, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.txt").write_text("inside")
    assert list(vfs.read_lines("file:///mldb_data/x.txt")) == ["inside"]


def test_a_missing_file_is_named_in_the_words_that_clients_match(vfs, tmp_path):
    with pytest.raises(Invalid, match=rf"^Opening file {tmp_path}/nope\.csv: .*No such file or directory"):
        vfs.read_lines(f"file://{tmp_path}/nope.csv")
    with pytest.raises(Invalid, match="No such file or directory"):
        vfs.read_lines("mem://nope")


@pytest.mark.parametrize("call", ["read_lines", "ls", "open_write"])
def test_a_text_without_scheme_is_refused_with_the_way_out(vfs, call):
    with (
        pytest.raises(Invalid, match=r"Cannot accept URI without scheme \(if you want a file, add file://\): x\.csv"),
        vfs.open_read("x.csv"),
    ):
        pass
    with pytest.raises(Invalid, match="Cannot accept URI without scheme"):
        result = getattr(vfs, call)("x.csv")
        if call == "open_write":
            result.__enter__()


@pytest.mark.parametrize("url", ["gopher://x", "memory://x", "local:///etc/passwd"])
def test_an_unknown_scheme_is_named(vfs, url):
    scheme = url.split(":")[0]
    with pytest.raises(Invalid, match=f"no handler found for scheme: {scheme}"):
        vfs.read_lines(url)
    with pytest.raises(Invalid, match=f"no handler found for scheme: {scheme}"):
        vfs.ls(url)


def test_a_listing_has_direct_children_only_with_what_is_known_of_them(vfs, tmp_path):
    (tmp_path / "folder/below").mkdir(parents=True)
    (tmp_path / "folder/below/hidden.txt").write_text("x")
    (tmp_path / "folder/a.txt").write_text("abc")
    listing = vfs.ls(f"file://{tmp_path}/folder/")
    assert listing.dirs == [f"file://{tmp_path}/folder/below"]
    (url,) = listing.objects
    info = listing.objects[url]
    assert url == f"file://{tmp_path}/folder/a.txt"
    assert (info.exists, info.size, info.last_modified) == (True, 3, (tmp_path / "folder/a.txt").stat().st_mtime)


def test_listing_a_missing_folder_is_an_error(vfs, tmp_path):
    with pytest.raises(Invalid, match="No such file or directory"):
        vfs.ls(f"file://{tmp_path}/nope")


def test_memory_files_are_replaced_appended_listed_and_erased(vfs):
    for text, append in ((b"one", False), (b"two", False), (b"three", True)):
        with vfs.open_write("mem://folder/x", append=append) as stream:
            stream.write(text)
    assert list(vfs.read_lines("mem://folder/x")) == ["twothree"]
    assert vfs.ls("mem://").dirs == ["mem://folder"]
    assert list(vfs.ls("mem://folder").objects) == ["mem://folder/x"]
    assert vfs.erase("mem://folder/x")
    assert not vfs.erase("mem://folder/x")
    assert vfs.info("mem://folder/x") is None


def test_two_pods_do_not_see_each_others_memory_files(vfs, tmp_path):
    with vfs.open_write("mem://x") as stream:
        stream.write(b"mine")
    assert Vfs(tmp_path).info("mem://x") is None


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(vfs, tmp_path):
    (tmp_path / "x.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), vfs.open_write(f"file://{tmp_path}/x.txt") as stream:
        stream.write(b"half")
        raise ZeroDivisionError
    assert (tmp_path / "x.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_a_full_device_is_a_clear_error(vfs):
    with pytest.raises(Failed, match="cannot write"), vfs.open_write("file:///proc/nothing/x.txt"):
        pass


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "lz4", "zst"])
def test_a_damaged_compressed_file_is_a_clear_error(vfs, tmp_path, ending):
    (tmp_path / f"x.{ending}").write_bytes(b"this is no compressed file")
    with pytest.raises(Failed, match="cannot expand"), vfs.open_read(f"file://{tmp_path}/x.{ending}") as stream:
        stream.read()


@pytest.fixture
def website() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = {"/x.csv": b"a,b\n1,2\n", "/x.csv.gz": gzip.compress(b"zipped\n")}.get(self.path)
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/x.csv")
                self.end_headers()
                return
            self.send_response(404 if body is None else 200)
            self.send_header("Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT")
            self.end_headers()
            self.wfile.write(b"nothing here" if body is None else body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_http_is_read_with_redirects_and_expanded_by_the_ending(vfs, website):
    assert list(vfs.read_lines(f"{website}/moved")) == ["a,b", "1,2"]
    assert list(vfs.read_lines(f"{website}/x.csv.gz")) == ["zipped"]
    assert vfs.info(f"{website}/x.csv").last_modified == 1577836800.0
    assert vfs.info(f"{website}/nope") is None


def test_an_http_error_quotes_code_url_and_answer(vfs, website):
    with pytest.raises(Invalid, match=f"HTTP code 404 reading {website}/nope: nothing here"):
        vfs.read_lines(f"{website}/nope")


def test_a_server_that_is_not_there_is_a_clear_error(vfs):
    with pytest.raises(Failed, match="reading http://127"):
        vfs.read_lines("http://127.0.0.1:9/x")


@pytest.mark.parametrize("way", ["secret/keys.json", "./secret/../secret/keys.json", "link.json", "folder/keys.json"])
def test_no_url_opens_what_is_hidden(tmp_path, way):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/keys.json").write_text("the keys")
    (tmp_path / "link.json").symlink_to(tmp_path / "secret/keys.json")
    (tmp_path / "folder").symlink_to(tmp_path / "secret")
    url = f"file://{tmp_path}/{way}"
    for hidden in ("secret", "secret/keys.json"):
        vfs = Vfs(tmp_path, [tmp_path / hidden])
        for call in (vfs.read_lines, vfs.info, vfs.ls, vfs.erase, lambda url, vfs=vfs: vfs.open_write(url).__enter__()):
            with pytest.raises(Forbidden, match="hidden from URLs"):
                call(url)
    assert (tmp_path / "secret/keys.json").read_text() == "the keys"


@pytest.mark.parametrize("name", ["a" * 300, "loop"], ids=["long", "link to itself"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(Invalid, match="Opening file"):
        list(Vfs(tmp_path, hidden=[tmp_path / "keys"]).read_lines(f"file://{tmp_path}/{name}"))


def test_what_was_opened_is_judged_by_where_it_is(tmp_path: Path) -> None:
    """A folder on the way may have become a link after the look at the path."""
    secret = tmp_path / "keys"
    secret.write_text("the keys")
    vfs = Vfs(tmp_path / "data", hidden=[secret])
    with secret.open("rb") as stream, pytest.raises(Forbidden):
        vfs.check_opened(stream.fileno(), tmp_path / "innocent", parse_url("file://innocent"))
