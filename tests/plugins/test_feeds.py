"""Feeds from a real HTTP server: RSS, Atom, lists, conditional requests, mistakes; in memory, and from outside against a real pod."""

from __future__ import annotations

import pytest

from datapod import PodClient
from datapod.connectors import FatalError, ImportFailed
from datapod.connectors.fake_provider import Fault
from datapod.connectors.suite import ConnectorSuite, MortalPod, live, snapshot
from datapod.plugins.feeds import FeedsPlugin, addresses_in_opml
from datapod.testing import InMemoryPod, run_for_test

PLUGIN = "datapod.plugins.feeds:FeedsPlugin"


def rss(*entries: str, title: str = "Harbour news") -> tuple[str, bytes]:
    """A feed with the newest entry first, as feeds have it."""
    items = "".join(reversed(entries))
    return "application/rss+xml", (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>{title}</title><link>https://harbour.example/</link>'
        f"<description>All about ships</description>{items}</channel></rss>"
    ).encode()


def entry(name: str, text: str = "text") -> str:
    return (
        f'<item><guid isPermaLink="false">{name}</guid><title>Ship {name}</title><link>https://harbour.example/{name}</link>'
        f"<description>{text}</description><pubDate>Tue, 10 Jun 2003 04:00:00 GMT</pubDate></item>"
    )


ATOM = b"""<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Vuurtoren</title>
<link href="https://light.example/"/><id>urn:feed</id><updated>2024-02-03T10:00:00Z</updated>
<entry><title>Vlieland &amp; Terschelling</title><link href="https://light.example/1"/><id>urn:1</id>
<updated>2024-02-03T10:00:00+01:00</updated><author><name>Ann</name></author><summary>short</summary>
<link rel="enclosure" type="image/png" href="https://light.example/1.png"/>
<content type="html">&lt;p&gt;long&lt;script&gt;bad()&lt;/script&gt;&lt;/p&gt;</content></entry></feed>"""


class TestFeeds(ConnectorSuite):
    """The suite of the kit. A feed forgets its past, so nothing is removed."""

    connector = FeedsPlugin
    item_type = "RSSEntry"

    @pytest.fixture(autouse=True)
    def feed(self, provider):
        self.provider = provider
        self.entries: dict[str, str] = {}

    def config(self):
        return {"feeds": f"{self.provider.address}/feed"}

    def add(self, name):
        self.entries[name] = entry(name)
        self.provider.contents["/feed"] = rss(*self.entries.values())

    def change(self, name):
        self.entries[name] = entry(name, "corrected")
        self.provider.contents["/feed"] = rss(*self.entries.values())

    def test_everything_is_imported_with_its_cursor(self):
        pod = MortalPod()
        self._add_all("one", "two", "three")
        assert self.run(pod).report["created"] == 4  # the feed itself is one of them
        assert len(live(pod, "RSSEntry")) == 3 and live(pod, "ImportCursor")


@pytest.fixture
def pod():
    return InMemoryPod()


def run(pod, **config):
    return run_for_test(FeedsPlugin, config, client=PodClient(api=pod))


def test_a_feed_and_its_entries_become_items_with_an_edge_each(pod, provider):
    provider.contents["/feed"] = rss(entry("a"), entry("b"))
    run(pod, feeds=f"{provider.address}/feed")
    feed = live(pod, "RSSFeed")[0]
    assert (feed["title"], feed["description"], feed["href"]) == ("Harbour news", "All about ships", f"{provider.address}/feed")
    a, b = live(pod, "RSSEntry")
    assert (a["title"], a["externalId"], a["published"], a["rssFeedId"]) == ("Ship a", "a", 1_055_217_600_000, feed["id"])
    links = [(edge["_source"], edge["_target"]) for edge in pod.edges if edge["_name"] == "entry"]
    assert links == [(feed["id"], a["id"]), (feed["id"], b["id"])]


def test_atom_is_read_as_well_and_scripts_are_taken_out(pod, provider):
    provider.contents["/atom"] = ("application/atom+xml", ATOM)
    run(pod, feeds=f"{provider.address}/atom")
    item = live(pod, "RSSEntry")[0]
    assert (item["title"], item["author"], item["fullText"]) == ("Vlieland & Terschelling", "Ann", "<p>long</p>")
    assert (item["updated"], item["thumbnail"], "published" in item) == (1_706_950_800_000, "https://light.example/1.png", False)


def test_a_feed_that_did_not_change_is_asked_one_question(pod, provider):
    provider.contents["/feed"] = rss(entry("a"))
    run(pod, feeds=f"{provider.address}/feed")
    run(pod, feeds=f"{provider.address}/feed")
    assert [asked.status for asked in provider.asked] == [200, 304]
    assert "if-none-match" in provider.asked[1].headers


def test_an_entry_that_a_feed_forgets_stays(pod, provider):
    provider.contents["/feed"] = rss(entry("a"), entry("b"))
    run(pod, feeds=f"{provider.address}/feed")
    provider.contents["/feed"] = rss(entry("b"), entry("c"))
    assert run(pod, feeds=f"{provider.address}/feed").report["created"] == 1 and len(live(pod, "RSSEntry")) == 3


def test_a_list_of_feeds_is_followed_however_deep(pod, provider, tmp_path):
    for name in "abc":
        provider.contents[f"/{name}"] = rss(entry(name), title=name)
    at = provider.address
    opml = f'<opml version="2.0"><body><outline text="x"><outline xmlUrl="{at}/a"/></outline><outline xmlUrl="{at}/b"/></body></opml>'
    path = tmp_path / "feeds.opml"
    path.write_text(opml)
    provider.contents["/list"] = ("text/x-opml", opml.encode())
    run(pod, feeds=f"{at}/c {at}/a", opml=str(path))
    assert {feed["title"] for feed in live(pod, "RSSFeed")} == {"a", "b", "c"}
    before = snapshot(pod)
    run(pod, feeds=f"{at}/c {at}/a", opml=f"{at}/list")
    assert snapshot(pod) == before


def test_a_list_that_unpacks_itself_into_a_bomb_is_refused():
    bomb = b'<!DOCTYPE o [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><opml><outline xmlUrl="&b;"/></opml>'
    for content in (bomb, b"not xml", b""):
        with pytest.raises(FatalError, match="no OPML"):
            addresses_in_opml(content)


def test_a_dead_feed_and_a_page_that_is_none_do_not_stop_the_others(pod, provider):
    provider.contents["/page"] = ("text/html", b"<html><body>hello</body></html>")
    provider.contents["/feed"] = rss(entry("a"))
    plugin = run(pod, feeds=f"{provider.address}/dead\n{provider.address}/page\n{provider.address}/feed")
    assert set(plugin.failures) == {f"{provider.address}/dead", f"{provider.address}/page"} and len(live(pod, "RSSEntry")) == 1
    assert plugin.pluginRun.status == "done"


def test_a_feed_that_is_gone_for_good_is_marked(pod, provider):
    provider.contents["/feed"] = rss(entry("a"))
    run(pod, feeds=f"{provider.address}/feed")
    provider.fail_next(Fault(410))
    run(pod, feeds=f"{provider.address}/feed")
    feed = live(pod, "RSSFeed")[0]
    assert feed["importIsActive"] is False and feed["title"] == "Harbour news"
    assert run(pod, feeds=f"{provider.address}/feed").report == {}


def test_a_body_that_looks_like_a_path_is_not_opened(pod, provider, tmp_path):
    path = tmp_path / "secret.xml"
    path.write_bytes(rss(entry("secret"))[1])
    provider.contents["/feed"] = ("application/rss+xml", str(path).encode())
    with pytest.raises(ImportFailed, match="no feed"):
        run(pod, feeds=f"{provider.address}/feed")
    assert live(pod, "RSSEntry") == []


def test_entries_without_id_or_with_nothing_and_feeds_cut_off_are_read_as_far_as_they_go(pod, provider):
    whole = rss(
        "<item><title>no id</title></item>", "<item></item>", entry("a"), "<item><title>bad date</title><pubDate>x</pubDate></item>"
    )
    provider.contents["/feed"] = ("application/rss+xml", whole[1][:-20])
    assert run(pod, feeds=f"{provider.address}/feed").report == {"created": 4, "broken": 1}
    assert run(pod, feeds=f"{provider.address}/feed").report == {}


def test_nothing_to_import_says_what_to_give(pod):
    with pytest.raises(FatalError, match="give `feeds`"):
        run(pod)


def test_from_outside_a_killed_run_goes_on_and_nothing_is_doubled(outside, provider):
    feeds = [f"/feed{number}" for number in range(4)]
    for path in feeds:
        provider.contents[path] = rss(*(entry(f"{path[1:]}-{number}") for number in range(30)), title=path)
    config = {"feeds": " ".join(provider.address + path for path in feeds)}
    provider.fail_next(Fault(), Fault(), Fault(seconds=120))  # the third feed never answers in the first run
    first = outside.start(PLUGIN, config)
    outside.kill_when(first, lambda: provider.waiting == 1)
    assert len(outside.items("RSSEntry")) == 60
    assert provider.count("/feed3") == 0
    assert "feeds: 62 created" in outside.run(PLUGIN, config)
    assert [provider.count("/feed0", 304), provider.count("/feed1", 304), provider.count("/feed3", 200)] == [1, 1, 1]
    before = outside.snapshot("RSSFeed", "RSSEntry")
    assert len(before[0]) == 124 and sorted(before[1].values()) == [1] * 120
    assert "feeds: nothing to import" in outside.run(PLUGIN, config)
    assert outside.snapshot("RSSFeed", "RSSEntry") == before
    assert provider.count("/feed3", 304) == 1


def test_from_outside_the_declared_permissions_suffice(outside, provider):
    provider.contents["/feed"] = rss(entry("a"), entry("b"))
    for expected in ("feeds: 3 created", "feeds: 1 created, 2 unchanged, 1 updated"):
        finished = outside.run_by_pod(PLUGIN, {"feeds": f"{provider.address}/feed"}, FeedsPlugin.permissions)
        assert finished["status"] == "done" and expected in finished["log"], (finished, outside.server.log())
        provider.contents["/feed"] = rss(entry("a"), entry("b", "corrected"), entry("c"))
    assert len(outside.items("RSSEntry")) == 3
