"""Registries of types: values that are handed around, filled by functions you can read."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from datapod_server.errors import Invalid


class Kind(Protocol):
    """What every type of entity declares; each collection's kinds add how an entity is made."""

    @property
    def name(self) -> str: ...

    @property
    def params(self) -> type[Struct]: ...

    @property
    def summary(self) -> str: ...


K = TypeVar("K", bound=Kind)


class TypeRegistry(Generic[K]):
    """The types of one collection, by name."""

    def __init__(self, collection: str, fill: Callable[[TypeRegistry[K]], None] | None = None) -> None:
        """`fill` adds the built-in types when the registry is first asked: their modules may be heavy."""
        self.collection = collection
        self._fill = fill
        self._filling = threading.RLock()
        self._kinds: dict[str, K] = {}

    def add(self, kind: K, /) -> None:
        """Raises `ValueError` for a name that is taken."""
        if kind.name in self._kinds:
            raise ValueError(f"there is already a type '{kind.name}' of {self.collection}")
        self._kinds[kind.name] = kind

    def names(self) -> list[str]:
        self._ensure()
        return sorted(self._kinds)

    def find(self, name: str) -> K | None:
        self._ensure()
        return self._kinds.get(name)

    def get(self, name: str) -> K:
        """Raises `Invalid` in the words that clients match."""
        kind = self.find(name)
        if kind is None:
            raise Invalid(f"couldn't find type '{name}' in registry", type=name, known=self.names())
        return kind

    def _ensure(self) -> None:
        with self._filling:
            fill, self._fill = self._fill, None
            if fill is not None:
                fill(self)


def decode_params(params: Any, kind: Kind) -> Any:
    """Params as their type says; an absent or null value means all defaults. Raises `Invalid` that names the member."""
    if isinstance(params, str):
        raise Invalid(f"params of '{kind.name}' must be an object, not a text; was the object JSON-encoded into a string by mistake?")
    check_fields = getattr(kind, "check_fields", None)
    if check_fields is not None and isinstance(params, dict):
        check_fields(params)
    try:
        return msgspec.convert({} if params is None else params, kind.params)
    except msgspec.ValidationError as error:
        raise Invalid(f"params of '{kind.name}': {error}{_guess(params, kind)}") from error


def _guess(params: Any, kind: Kind) -> str:
    """Which member may have been meant by an unknown one."""
    known = kind.params.__struct_encode_fields__
    for name in params if isinstance(params, dict) else ():
        close = [] if name in known else difflib.get_close_matches(name, known, 1)
        if close:
            return f"; did you mean '{close[0]}' instead of '{name}'?"
    return ""
