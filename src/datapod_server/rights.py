"""What a plugin run declares that it reads and writes, and what an owner granted: the same shape. Source: pod-protocol.md, 23.2.

What is not named is not granted. `Rights` only says what is granted by type and name; which items a run sees besides, because they are its
own, the items room knows.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from datapod_server.errors import Forbidden, Invalid, NotFound
from datapod_server.secret_properties import SECRET_SOMEWHERE, is_secret

ALL = "*"
_MEMBERS = ("read", "write", "edges", "files", "email", "network", "datasets", "runs", "platforms")


class Level(StrEnum):
    """How far a right to edges or files goes; each includes those before it."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


_ORDER = {Level.NONE: 0, Level.READ: 1, Level.WRITE: 2}


class Names(Struct, frozen=True):
    """Property names of one item type. `everything` stands for all names but the secret ones, which have to be listed."""

    everything: bool = False
    listed: frozenset[str] = frozenset()

    def allow(self, item_type: str, name: str) -> bool:
        return name in self.listed or (self.everything and not _hidden(item_type, name))

    def union(self, other: Names) -> Names:
        return Names(self.everything or other.everything, self.listed | other.listed)


NO_NAMES = Names()


class Types(Struct, frozen=True):
    """Property names by item type; what is under `*` holds for every type as well."""

    by_type: Mapping[str, Names] = {}

    def of(self, item_type: str) -> Names | None:
        """The names of one type; None if nothing of this type is granted."""
        own, every = self.by_type.get(item_type), self.by_type.get(ALL)
        if own is None or every is None:
            return own or every
        return own.union(every)

    def within(self, other: Types) -> bool:
        """Whether `other` grants all of this."""
        return all(self._fits(item_type, other) for item_type in {*self.by_type, *(other.by_type if ALL in self.by_type else ())})

    def intersection(self, other: Types) -> Types:
        found = {}
        for item_type in {*self.by_type, *other.by_type}:
            mine, theirs = self.of(item_type), other.of(item_type)
            if mine is not None and theirs is not None:
                listed = frozenset(
                    name for name in mine.listed | theirs.listed if mine.allow(item_type, name) and theirs.allow(item_type, name)
                )
                found[item_type] = Names(mine.everything and theirs.everything, listed)
        return Types(found)

    def _fits(self, item_type: str, other: Types) -> bool:
        mine, theirs = self.of(item_type), other.of(item_type)
        if mine is None:
            return True
        if theirs is None or (mine.everything and not theirs.everything):
            return False
        return all(theirs.allow(item_type, name) for name in mine.listed)


class Named(Struct, frozen=True):
    """A choice of names or patterns; None for `chosen` means all of them."""

    chosen: frozenset[str] | None = frozenset()

    def include(self, name: str) -> bool:
        return self.chosen is None or name in self.chosen

    def match(self, text: str) -> bool:
        """Whether one of the patterns (`*` for any characters) fits, regardless of letter case."""
        return self.chosen is None or any(fnmatch.fnmatchcase(text.lower(), _only_stars(pattern.lower())) for pattern in self.chosen)

    def within(self, other: Named) -> bool:
        return other.chosen is None or (self.chosen is not None and all(name in other.chosen or other.match(name) for name in self.chosen))

    def intersection(self, other: Named) -> Named:
        if self.chosen is None:
            return other
        if other.chosen is None:
            return self
        # A pattern that lies within one of the other's; two that only overlap grant nothing.
        return Named(
            frozenset(name for name in self.chosen if Named(frozenset({name})).within(other))
            | frozenset(name for name in other.chosen if Named(frozenset({name})).within(self))
        )


NOTHING, EVERYTHING = Named(), Named(None)


class Rights(Struct, frozen=True):
    """One declaration, parsed.

    Attributes:
        edges: `Level` by edge name, `*` for all.
        email: Patterns of addresses.
        network: Patterns of `host:port` for connections besides the one to the pod.
        datasets_read, datasets_write: Dataset ids of `/v1`.
        platforms: Those whose OAuth helpers may be used.
    """

    read: Types = Types()
    write: Types = Types()
    edges: Mapping[str, Level] = {}
    files: Level = Level.NONE
    email: Named = NOTHING
    network: Named = NOTHING
    datasets_read: Named = NOTHING
    datasets_write: Named = NOTHING
    runs: bool = False
    platforms: Named = NOTHING

    def edge(self, name: str) -> Level:
        return max(self.edges.get(name, Level.NONE), self.edges.get(ALL, Level.NONE), key=_ORDER.__getitem__)

    def knows(self, item_type: str) -> bool:
        """Whether anything of this type may be read or written."""
        return self.read.of(item_type) is not None or self.write.of(item_type) is not None

    def within(self, other: Rights) -> bool:
        """Whether `other` grants all of this: what a run that is started by another run must fulfil."""
        return (
            self.read.within(other.read)
            and self.write.within(other.write)
            and all(
                _ORDER[self.edge(name)] <= _ORDER[other.edge(name)] for name in {*self.edges, *(other.edges if ALL in self.edges else ())}
            )
            and _ORDER[self.files] <= _ORDER[other.files]
            and self.runs <= other.runs
            and all(getattr(self, name).within(getattr(other, name)) for name in _NAMED)
        )

    def intersection(self, other: Rights) -> Rights:
        """What both grant."""
        return Rights(
            self.read.intersection(other.read),
            self.write.intersection(other.write),
            self._common_edges(other),
            min(self.files, other.files, key=_ORDER.__getitem__),
            runs=self.runs and other.runs,
            **{name: getattr(self, name).intersection(getattr(other, name)) for name in _NAMED},
        )

    def _common_edges(self, other: Rights) -> Mapping[str, Level]:
        levels = {name: min(self.edge(name), other.edge(name), key=_ORDER.__getitem__) for name in {*self.edges, *other.edges}}
        return {name: level for name, level in levels.items() if level is not Level.NONE}

    def require(self, granted: bool, right: str) -> None:
        """Raise `Forbidden` (403, `details.right`) unless `granted`."""
        if not granted:
            raise missing(right)

    def require_platform(self, platform: str) -> None:
        """Raises `NotFound`, as for a platform that nobody configured."""
        if not self.platforms.include(platform):
            raise NotFound(f"Platform {platform} is not configured")


_NAMED = ("email", "network", "datasets_read", "datasets_write", "platforms")


def missing(right: str) -> Forbidden:
    """The error for something that may be seen, but not done. Source: pod-protocol.md, 23.7."""
    return Forbidden(f"Permission denied: {right}", right=right)


def parse_rights(declaration: Any) -> Rights:
    """A declaration as JSON text, or as the object that it stands for.

    Raises:
        Invalid: `Invalid permissions: PLACE: REASON`.
    """
    if isinstance(declaration, str):
        try:
            declaration = msgspec.json.decode(declaration)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _invalid("", f"no valid JSON ({error})") from error
    if not isinstance(declaration, dict):
        raise _invalid("", "must be an object")
    for member in declaration:
        if member not in _MEMBERS:
            raise _invalid(str(member), f"unknown member; known are {', '.join(_MEMBERS)}")
    datasets = _object(declaration, "datasets")
    for member in datasets:
        if member not in ("read", "write"):
            raise _invalid(f"datasets.{member}", "unknown member; known are read, write")
    return Rights(
        read=_types(declaration, "read"),
        write=_types(declaration, "write"),
        edges={name: _level(level, f"edges.{name}", (Level.READ, Level.WRITE)) for name, level in _object(declaration, "edges").items()},
        files=_level(declaration.get("files", "none"), "files", tuple(Level)),
        email=_choice(declaration.get("email", False), "email", {True: EVERYTHING, False: NOTHING}),
        network=_choice(declaration.get("network", "none"), "network", {"outbound": EVERYTHING, "none": NOTHING}),
        datasets_read=_ids(datasets.get("read", []), "datasets.read"),
        datasets_write=_ids(datasets.get("write", []), "datasets.write"),
        runs=_flag(declaration.get("runs", False), "runs"),
        platforms=_choice(declaration.get("platforms", []), "platforms", {}),
    )


def _hidden(item_type: str, name: str) -> bool:
    return name in SECRET_SOMEWHERE if item_type == ALL else is_secret(item_type, name)


def _only_stars(pattern: str) -> str:
    """`?` and `[` mean themselves; only `*` stands for other characters."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _types(declaration: Mapping[str, Any], member: str) -> Types:
    return Types({item_type: _names(names, f"{member}.{item_type}") for item_type, names in _object(declaration, member).items()})


def _names(value: Any, place: str) -> Names:
    if value == ALL:
        return Names(everything=True)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _invalid(place, 'must be "*" or a list of property names')
    return Names(ALL in value, frozenset(value) - {ALL})


def _object(declaration: Mapping[str, Any], member: str) -> dict[str, Any]:
    value = declaration.get(member, {})
    if not isinstance(value, dict):
        raise _invalid(member, "must be an object")
    return value


def _level(value: Any, place: str, allowed: Collection[Level]) -> Level:
    if not isinstance(value, str) or value not in allowed:
        raise _invalid(place, "must be one of " + ", ".join(f'"{level}"' for level in allowed))
    return Level(value)


def _choice(value: Any, place: str, words: Mapping[Any, Named]) -> Named:
    if isinstance(value, bool | str) and value in words:
        return words[value]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        known = [msgspec.json.encode(word).decode() for word in words]
        raise _invalid(place, "must be " + ", ".join([*known, "a list of texts"]))
    return Named(frozenset(value))


def _ids(value: Any, place: str) -> Named:
    if value == ALL:
        return EVERYTHING
    chosen = _choice(value, place, {})
    return EVERYTHING if chosen.include(ALL) else chosen


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise _invalid(place, "must be true or false")
    return value


def _invalid(place: str, reason: str) -> Invalid:
    return Invalid(f"Invalid permissions: {place + ': ' if place else ''}{reason}")
