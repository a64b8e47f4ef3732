"""GraphQL-style queries. Source: pod-protocol.md, 10; 21 (19, 33, 37)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.api.v4.conftest import Desk

from datapod_server.errors import Invalid
from datapod_server.items.graph import parse_graph_query

BASE = {"id", "type", "dateCreated", "dateModified", "dateServerModified", "deleted"}


@pytest.fixture
def harbour(desk: Desk) -> Desk:
    desk.account()
    names = {"name": "Text", "sailArea": "Real", "crew": "Integer", "leaky": "Bool", "label": "Text"}
    entries = [{"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": n, "valueType": t} for n, t in names.items()]
    desk.ok("bulk", {"createItems": entries})
    desk.ok(
        "bulk",
        {
            "createItems": [
                {"type": "Boat", "id": "boat01", "name": "Zwaluw", "sailArea": 52.5, "crew": 3, "leaky": False, "dateCreated": 300},
                {"type": "Boat", "id": "boat02", "name": "Meeuw", "crew": 1, "leaky": True, "dateCreated": 200},
                {"type": "Boat", "id": "boat03", "name": 'Gull "II"', "sailArea": 8.0, "crew": 3, "dateCreated": 100},
                {"type": "Harbour", "id": "harbour01", "name": "Veere"},
                {"type": "Harbour", "id": "harbour02", "name": "Zierikzee"},
            ],
            "createEdges": [
                {"_source": boat, "_target": harbour, "_name": name}
                for boat, harbour, name in [
                    ("boat01", "harbour01", "moored"),
                    ("boat02", "harbour01", "moored"),
                    ("boat03", "harbour02", "moored"),
                    ("boat03", "harbour01", "moored"),
                    ("harbour01", "harbour02", "near"),
                    ("harbour02", "harbour01", "near"),
                ]
            ],
        },
    )
    return desk


def ask(desk: Desk, query: str) -> list[dict[str, Any]]:
    return desk.ok("graphql", query)["data"]


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def test_base_properties_are_always_there_and_others_only_when_selected(harbour: Desk) -> None:
    boats = ask(harbour, "query{Boat{id}}")
    assert all(boat.keys() == BASE for boat in boats)
    assert ids(boats) == [item["id"] for item in harbour.ok("search", {"type": "Boat"})]
    assert ids(ask(harbour, "{ Boat }")) == ids(boats)
    named = ask(harbour, "query boats { Boat { name sailArea unknown } }")
    assert [("sailArea" in boat, "unknown" in boat) for boat in named if boat["id"] == "boat02"] == [(False, False)]


def test_the_example_of_the_chapter(harbour: Desk) -> None:
    (veere,) = ask(
        harbour, 'query { Harbour (filter: {name: {eq: "Veere"}}) { name ~moored (limit: 1, order_desc: dateCreated) { name } } }'
    )
    assert veere.keys() == {*BASE, "name", "~moored"}
    (boat,) = veere["~moored"]
    assert (boat["name"], boat.keys()) == ("Zwaluw", {*BASE, "name"})


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ('{crew: {eq: 3}}', {"boat01", "boat03"}),
        ('{eq: {crew: 3}}', {"boat01", "boat03"}),
        ('{crew: {eq: 3}, name: {eq: "Zwaluw"}}', {"boat01"}),
        ('{crew: {ne: 3}}', {"boat02"}),
        ('{crew: {gt: 1}}', {"boat01", "boat03"}),
        ('{crew: {gte: 1, lt: 3}}', {"boat02"}),
        ('{gte: {crew: 1}, lt: {crew: 3}}', {"boat02"}),
        ('{sailArea: {lte: 8}}', {"boat03"}),
        ('{sailArea: {eq: null}}', {"boat02"}),
        ('{sailArea: {ne: null}}', {"boat01", "boat03"}),
        ('{leaky: {eq: true}}', {"boat02"}),
        ('{id: {eq: "boat02"}}', {"boat02"}),
        ('{dateCreated: {gte: 200}}', {"boat01", "boat02"}),
        (r'{name: {eq: "Gull \"II\""}}', {"boat03"}),
        ('{unknown: {eq: 1}}', set()),
        ('{crew: {eq: 3} crew: {eq: 3}}', {"boat01", "boat03"}),
    ],
)  # fmt: skip
def test_filters_at_the_root_and_on_edges_agree(harbour: Desk, filter_: str, expected: set[str]) -> None:
    assert set(ids(ask(harbour, f"{{ Boat (filter: {filter_}) {{ id }} }}"))) == expected
    below = ask(harbour, f"{{ Harbour {{ ~moored (filter: {filter_}) {{ id }} }} }}")
    assert {boat for harbour_item in below for boat in ids(harbour_item["~moored"])} == expected


def test_order_then_slice_and_items_without_the_property_last(harbour: Desk) -> None:
    assert ids(ask(harbour, "{ Boat (order_asc: sailArea) {} }")) == ["boat03", "boat01", "boat02"]
    assert ids(ask(harbour, "{ Boat (order_desc: sailArea) {} }")) == ["boat01", "boat03", "boat02"]
    assert ids(ask(harbour, "{ Boat (order_asc: dateCreated, limit: 1, offset: 1) {} }")) == ["boat02"]
    assert ids(ask(harbour, "{ Boat (limit: 0) {} }")) == []
    (veere,) = ask(harbour, '{ Harbour (filter: {name: {eq: "Veere"}}) { ~moored (offset: 1 limit: 5) {} } }')
    assert ids(veere["~moored"]) == ["boat02", "boat03"]


def test_several_roots_aliases_depth_and_empty_lists(harbour: Desk) -> None:
    found = ask(
        harbour,
        "{ Harbour { title: name around: near { near { near { name } } } # a comment\n } Boat { moored { name } label } Ghost { x } }",
    )
    assert [item["type"] for item in found] == ["Harbour", "Harbour", "Boat", "Boat", "Boat"]
    assert found[0]["title"] == "Veere"
    assert found[0]["around"][0]["near"][0]["near"][0]["name"] == "Zierikzee"
    assert all(isinstance(boat["moored"], list) for boat in found[2:])
    (meeuw,) = ask(
        harbour, '{ Boat (filter: {id: {eq: "boat02"}}) { moored (filter: {name: {eq: "Nowhere"}}) { name } nothing { name } } }'
    )
    assert (meeuw["moored"], meeuw["nothing"]) == ([], [])


def test_deleted_items_and_edges_never_appear(harbour: Desk, make_desk: Any) -> None:
    harbour.ok("delete_item", "boat02")
    harbour.ok("delete_edge_by_source_target", {"_source": "boat03", "_target": "harbour01", "_name": "moored"})
    assert set(ids(ask(harbour, "{ Boat {} }"))) == {"boat01", "boat03"}
    (veere,) = ask(harbour, '{ Harbour (filter: {name: {eq: "Veere"}}) { ~moored {} } }')
    assert ids(veere["~moored"]) == ["boat01"]
    implicit = make_desk()
    implicit.ok("create_item", {"type": "Buoy", "id": "buoy01", "deleted": True})
    assert ask(implicit, "{ Buoy { id } }") == []


@pytest.mark.parametrize(
    ("query", "line", "column"),
    [
        ("", 1, 1),
        ("{", 1, 2),
        ("{}", 1, 2),
        ("{ Boat { name }", 1, 16),
        ("{ Boat (filter: {name: {like: 1}}) {} }", 1, 25),
        ("{ Boat (first: 3) {} }", 1, 9),
        ("{ Boat (limit: -1) {} }", 1, 16),
        ("{\n  Boat { ~moored }\n}", 2, 18),
        ("mutation { Boat }", 1, 1),
        ("subscription { Boat }", 1, 1),
        ("query q($x: Int) { Boat }", 1, 8),
        ("{ Boat { ...parts } }", 1, 10),
        ("{ Boat (filter: {name: {eq: $x}}) {} }", 1, 29),
        ("{ count }", 1, 3),
        ('{ Boat (filter: {name: {eq: "open}}) {} }', 1, 29),
        ("{ Boat } fragment x", 1, 10),
        ("{ a " * 100, 1, 205),
    ],
)
def test_errors_name_their_place(desk: Desk, query: str, line: int, column: int) -> None:
    answer = desk("graphql", query)
    assert answer.status == 400
    assert answer.text.startswith(f"Failure: GraphQL error at line {line} column {column}: "), answer.text


def test_values_of_the_wrong_type_and_payloads_that_are_no_text_are_400(harbour: Desk) -> None:
    for filter_ in ('{crew: {eq: "3"}}', "{crew: {eq: true}}", "{leaky: {gt: false}}", "{name: {eq: 1}}"):
        assert harbour("graphql", f"{{ Boat (filter: {filter_}) {{}} }}").status == 400
        assert harbour("graphql", f"{{ Harbour {{ ~moored (filter: {filter_}) {{}} }} }}").status == 400
    assert harbour("graphql", {"query": "{ Boat }"}).status == 400


@settings(max_examples=300)
@given(st.text(alphabet='{}():~,"\\#\n abquery1.-e$', max_size=60) | st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_graph_query(text)
    except Invalid as error:
        assert "GraphQL error at line" in str(error)


def test_secrets_of_accounts_are_absent(harbour: Desk) -> None:
    harbour.ok("create_item", {"type": "Account", "handle": "me", "secret": "s3cret"})
    assert "s3cret" not in json.dumps(ask(harbour, "{ Account { handle secret } }"))
    assert ask(harbour, '{ Account (filter: {secret: {eq: "s3cret"}}) { handle } }') == []


def test_an_answer_that_repeats_items_without_end_is_refused(desk):
    ids = [f"knot{number:02}" for number in range(10)]
    edges = [{"_source": source, "_target": target, "_name": "to"} for source in ids for target in ids]
    desk.ok("bulk", {"createItems": [{"type": "Knot", "id": knot} for knot in ids], "createEdges": edges})
    answer = desk("graphql", "{ Knot " + "{ to " * 49 + "{ }" + " }" * 49 + " }")
    assert answer.status == 400
    assert "limit the edges" in answer.text
    assert len(desk.ok("graphql", "{ Knot " + "{ to (limit: 1) " * 49 + "{ }" + " }" * 49 + " }")["data"]) == 10
