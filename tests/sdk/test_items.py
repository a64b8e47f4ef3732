"""Items: three ways to declare a type, values, edges, and what is remembered about changes."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime
from typing import Annotated, List, Literal, Optional  # noqa: UP035 - old code writes these

import pytest

from datapod import Account, Edge, EdgeList, Item, PluginRun, ValidationError
from datapod.declaration import Prop
from datapod.errors import UnknownEdge


class Person(Item):
    name: str | None = None


class Colour(enum.StrEnum):
    RED = "red"


class Boat(Item):
    name: Optional[str] = None  # noqa: UP045
    length: Optional[float] = None  # noqa: UP045
    launched: datetime | None = None
    sold: date | None = None
    masts: Annotated[int | None, Prop(description="without the mizzen")] = None
    rig: Literal["sloop", "ketch"] | None = None
    colour: Colour | None = None
    captain: List["Person"] = []  # noqa: UP006, UP037
    crew: list[Person | Account] = []
    photo_bytes: bytes | None = None


class Listed(Item):
    properties = Item.properties + ["name", "age"]  # noqa: RUF005
    edges = Item.edges

    def __init__(self, name=None, age=None, **kwargs):
        super().__init__(**kwargs)
        self.name = name
        self.age = age


class Annotated2(Item):
    properties = Item.properties + ["name", "length"]  # noqa: RUF005
    edges = Item.edges + ["captain"]  # noqa: RUF005

    def __init__(self, name: str = None, length: float = None, captain: EdgeList["Person"] = None, **kwargs):  # noqa: RUF013, UP037
        super().__init__(**kwargs)
        self.name, self.length = name, length
        self.captain = EdgeList("captain", "Person", captain)


class Strict(Item):
    name: str


def test_declared_names_come_after_the_inherited_ones_in_order():
    assert Boat.properties[: len(Item.properties)] == Item.properties
    assert Boat.properties[len(Item.properties) :] == ["name", "length", "launched", "sold", "masts", "rig", "colour"]
    assert Boat.edges == [*Item.edges, "captain", "crew"]


def test_a_list_of_what_is_no_item_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError, match=r"Wrong.names"):

        class Wrong(Item):
            names: list[str] = []


def test_the_schema_of_a_class_says_types_and_targets():
    schema = Boat.pod_schema()
    assert schema.properties["launched"] == schema.properties["sold"] == "DateTime"
    assert (schema.properties["masts"], schema.properties["rig"], schema.properties["colour"]) == ("Integer", "Text", "Text")
    assert schema.edges["crew"] == [{"source": "Boat", "target": "Person"}, {"source": "Boat", "target": "Account"}]
    assert "photo_bytes" not in schema.properties


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("name", 3, "3"),
        ("length", "2.5", 2.5),
        ("masts", "2", 2),
        ("masts", True, 1),
        ("launched", 1000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("launched", "2020-01-01T00:00:00+00:00", datetime(2020, 1, 1, tzinfo=UTC)),
        ("sold", date(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)),
        ("colour", Colour.RED, "red"),
    ],
)
def test_values_are_converted_when_a_declarative_item_is_made(name, given, kept):
    assert getattr(Boat(**{name: given}), name) == kept


@pytest.mark.parametrize(("name", "value"), [("masts", "two"), ("masts", 2.5), ("length", []), ("rig", "galley"), ("speed", 3)])
def test_a_value_or_keyword_that_does_not_fit_is_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        Boat(**{name: value})


def test_a_property_without_default_is_needed_by_people_and_not_by_the_pod():
    with pytest.raises(ValidationError, match="Strict needs 'name'"):
        Strict()
    assert Strict.from_json({"id": "abcdef"}).name is None


def test_list_style_items_refuse_unknown_keywords_and_take_extra_attributes():
    with pytest.raises(TypeError, match="speed"):
        Listed(speed=3)
    item = Listed("n", 1)
    item.speed = 3
    assert item.to_json() == {"name": "n", "age": 1, "speed": 3, "type": "Listed"}


def test_declarative_items_refuse_undeclared_attributes():
    with pytest.raises(ValueError, match="speed"):
        Boat().speed = 3


def test_an_item_class_without_annotations_is_read_back():
    item = Listed.from_json({"id": "abcdef", "name": "n", "age": 3, "unknown": 1, "dateCreated": -5})
    assert (item.name, item.age, item.dateCreated) == ("n", 3, datetime(1969, 12, 31, 23, 59, 59, 995000, tzinfo=UTC))
    assert item._in_pod and item._updated_properties == set()


def test_an_item_class_with_a_narrow_constructor_is_read_back():
    class Narrow(Item):
        properties = Item.properties + ["name"]  # noqa: RUF005
        edges = Item.edges

        def __init__(self, name):
            super().__init__()
            self.name = name

    assert (Narrow.from_json({"id": "abcdef", "name": "n"}).id, Narrow.from_json({"id": "abcdef"}).name) == ("abcdef", None)


def test_dates_travel_as_rounded_milliseconds():
    assert Boat(launched=datetime(1970, 1, 1, 0, 0, 0, 1600, tzinfo=UTC)).to_json()["launched"] == 2


def test_what_is_not_a_finite_number_is_never_sent():
    with pytest.raises(ValidationError, match="nan"):
        Boat(length=float("nan")).to_json()


def test_an_edge_is_a_fresh_list_of_neighbours():
    boat, ann = Boat(), Person(name="Ann")
    edge = boat.add_edge("captain", ann)
    assert boat.add_edge("captain", ann) is edge
    boat.captain.append("nobody")
    assert boat.captain == [ann] and boat.get_all_edges() == [edge] and boat._new_edges == [edge]
    assert edge.traverse(ann) is boat and repr(edge) == "Boat (#None) --captain-> Person (#None)"
    with pytest.raises(ValueError, match="no end"):
        edge.traverse(Person())


def test_an_unknown_edge_is_a_name_error_and_a_value_error():
    with pytest.raises(UnknownEdge, match="'rudder'") as caught:
        Boat().add_edge("rudder", Person())
    assert isinstance(caught.value, NameError) and isinstance(caught.value, ValueError)


def test_edges_given_to_the_constructor_are_new_ones():
    ann = Person()
    for boat in (Boat(captain=ann), Boat(captain=[ann]), Annotated2(captain=[ann]), Annotated2(captain=[Edge(None, ann, "captain")])):
        assert boat.captain == [ann] and len(boat._new_edges) == 1
    assert Annotated2().captain == []


def test_assigning_an_edge_replaces_the_local_ones():
    boat = Boat(captain=[Person(name="a")])
    new = Person(name="b")
    boat.captain = [new]
    assert boat.captain == [new] and [edge.target for edge in boat._new_edges] == [new]


def test_a_typed_edge_list_takes_its_type_by_name():
    with pytest.raises(TypeError, match="invalid target type"):
        EdgeList("captain", "Person", [Edge(Boat(), Boat(), "captain")])


def test_only_real_changes_of_declared_properties_are_remembered():
    boat = Boat.from_json({"id": "abcdef", "name": "a"})
    boat.name = "a"
    boat.photo_bytes = b"x"
    assert boat._updated_properties == set()
    boat.name = "b"
    boat.name = "c"
    assert boat._original_properties == {"name": "a"}
    assert boat._date_local_modified["name"].tzinfo is UTC


def test_equality_is_by_type_and_values_and_hash_by_identity():
    assert Person(name="a") == Person(name="a") and Person(name="a") != Person(name="b") and Person(name="a") != Boat(name="a")
    assert len({Person(name="a"), Person(name="a")}) == 2
    assert repr(Person(id="abcdef")) == "Person (#abcdef)"


def test_undeclared_types_are_made_on_the_spot():
    item = Item.generic("Raft", logs=4)
    assert (type(item).__name__, item.to_json()) == ("Raft", {"logs": 4, "type": "Raft"})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("img", "a.b", "C"), {"containerImage": "img", "pluginModule": "a.b", "pluginName": "C"}),
        (("img", None, "a.b", "C", "idle"), {"authUrl": None, "pluginModule": "a.b", "pluginName": "C", "status": "idle"}),
        (("img", "http://x", "data:1", "a.b", "C"), {"authUrl": "http://x", "authImage": "data:1", "pluginModule": "a.b"}),
        (("img", "a.b", "C", [], "start", "{}"), {"pluginModule": "a.b", "status": "start", "config": "{}"}),
        (("img", "a.b", "C", "start", "{}"), {"pluginModule": "a.b", "status": "start", "config": "{}"}),
    ],
)
def test_a_run_understands_the_argument_orders_of_all_releases(arguments, expected):
    run = PluginRun(*arguments)
    assert {name: getattr(run, name) for name in expected} == expected


def test_a_run_and_its_target_fill_in_for_each_other():
    run = PluginRun("none", "a", "B")
    assert run.id == run.targetItemId and len(run.id) == 32
    assert PluginRun(targetItemId="abcdef").id == "abcdef"
    other = PluginRun.from_json({"id": "abcdef", "targetItemId": "ghijkl"})
    assert (other.id, other.targetItemId) == ("abcdef", "ghijkl")


def test_the_names_of_2021_are_aliases_that_are_never_sent():
    run = PluginRun(state="start", settings="{}")
    run.message = "m"
    assert (run.status, run.config, run.error, run.state) == ("start", "{}", "m", "start")
    assert not {"state", "settings", "message", "oAuthUrl"} & set(run.to_json())
    assert PluginRun.from_json({"id": "abcdef", "oAuthUrl": "u"}).authUrl == "u"


class Renamed(Item):
    title: Annotated[str | None, Prop(alias="heading")] = None


def test_an_alias_is_an_older_name_that_is_read_and_never_sent():
    old = Renamed.from_json({"id": "abcdef", "heading": "a"})
    assert (old.title, old.heading, Renamed(heading="b").title) == ("a", "a", "b")
    old.heading = "c"
    assert old._updated_properties == {"title"} and old.to_json() == {"id": "abcdef", "title": "c", "type": "Renamed"}
    with pytest.raises(TypeError, match="alias 'title'"):
        type("Wrong", (Item,), {"__annotations__": {"title": str, "name": Annotated[str, Prop(alias="title")]}, "__module__": __name__})


def test_a_choice_is_checked_when_it_is_assigned_and_not_when_it_is_read():
    boat = Boat(rig="sloop")
    with pytest.raises(ValidationError, match="sloop, ketch"):
        boat.rig = "galley"
    assert Boat.from_json({"id": "abcdef", "rig": "galley"}).rig == "galley"
