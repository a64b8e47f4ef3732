"""What a pod knows about property names: one value type per name, from stored definitions first, then from the central schema.

Source: pod-protocol.md, 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import apsw

from datapod_server.errors import Invalid
from datapod_server.items.central import CENTRAL
from datapod_server.items.kinds import STORED_AS, ValueType, shown

PROPERTY_SCHEMA, EDGE_SCHEMA = "ItemPropertySchema", "ItemEdgeSchema"
DEFINING_KEYS: Mapping[str, tuple[str, str, str]] = {
    PROPERTY_SCHEMA: ("itemType", "propertyName", "valueType"),
    EDGE_SCHEMA: ("edgeName", "sourceType", "targetType"),
}
_VALUE_TYPES = frozenset(str(kind) for kind in ValueType)
_PROPERTY_NAME = re.compile(r"[a-zA-Z][_a-zA-Z0-9]{0,63}")

Entry = tuple[str, str, str, str]
"""The item type of a schema entry, and its three texts in the order of `DEFINING_KEYS`."""


class Schema:
    """One state of the schema. A writer changes a copy and publishes it with its commit; readers use what is published.

    Attributes:
        stored: Value type of every name that a stored entry defines.
        entries: The id of the stored item of each schema entry.
        numbers: The number of a name in the value tables; a name without one has no values.
        names: For each number its name, the Python type of a stored value, and whether it is a bool.
    """

    def __init__(self, *, registered: bool) -> None:
        self.registered = registered
        self.stored: dict[str, ValueType] = {}
        self.entries: dict[Entry, str] = {}
        self.numbers: dict[str, int] = {}
        self.names: dict[int, tuple[str, type, bool]] = {}
        self._folded: dict[str, ValueType] = {}

    @staticmethod
    def load(connection: apsw.Connection, *, registered: bool) -> Schema:
        """Read the schema as the file has it now."""
        schema = Schema(registered=registered)
        schema.numbers = {str(name): int(number) for number, name in connection.execute("SELECT number, name FROM names")}
        for entry_type, keys in DEFINING_KEYS.items():
            numbers = [schema.numbers[key] for key in keys]
            for item_id, *texts in connection.execute(_ENTRIES, (*numbers, entry_type)):
                schema.add((entry_type, texts[0], texts[1], texts[2]), item_id)
        for name, number in schema.numbers.items():
            schema._number(name, number)
        return schema

    def copy(self) -> Schema:
        other = Schema(registered=self.registered)
        other.stored, other.entries, other.numbers = self.stored.copy(), self.entries.copy(), self.numbers.copy()
        other.names, other._folded = self.names.copy(), self._folded.copy()
        return other

    def find(self, name: str) -> ValueType | None:
        """The value type of a property; None if nothing defines it."""
        kind = self.stored.get(name)
        if kind is None and self.registered:
            return CENTRAL.get(name)
        return kind

    def get(self, name: str, value: Any) -> ValueType:
        """`find`, or `Invalid` in the words of the protocol."""
        kind = self.find(name)
        if kind is None:
            raise Invalid(f"Property {name} not defined in Schema (attempted to use it for json value {shown(value)})")
        return kind

    def agrees(self, name: str, value_type: str) -> bool:
        """Whether a definition says what is stored, or else what the central schema says, in any kind of account."""
        return self.stored.get(name, CENTRAL.get(name)) == value_type

    def check(self, entry: Entry) -> ValueType | None:
        """Whether an entry may be stored.

        Returns:
            The soft default that it contradicts: allowed only while no item carries a value under that name. None if there is none.

        Raises:
            Invalid: A rule of 5.2 or 5.6 is violated.
        """
        if entry[0] == EDGE_SCHEMA:
            return None
        _, _, name, value_type = entry
        if value_type not in _VALUE_TYPES:
            known = ", ".join(sorted(_VALUE_TYPES))
            raise Invalid(f"Schema for property {name} has the unknown value type '{value_type}'; it must be one of {known}")
        before = self.stored.get(name)
        if before is not None:
            if before != value_type:
                raise contradiction(name, before, value_type)
            return None
        if not _PROPERTY_NAME.fullmatch(name):
            raise Invalid(f"Property name {name} does not satisfy the format {_PROPERTY_NAME.pattern}")
        alike = self._folded.get(name.lower())
        if alike is not None and alike != value_type:
            raise contradiction(name, alike, value_type)
        soft = self.find(name)
        return soft if soft is not None and soft != value_type else None

    def add(self, entry: Entry, item_id: str) -> None:
        """Take in an entry that was checked and stored; of equal ones the first counts."""
        self.entries.setdefault(entry, item_id)
        if entry[0] == PROPERTY_SCHEMA and entry[3] in _VALUE_TYPES:
            name, kind = entry[2], ValueType(entry[3])
            if self.stored.setdefault(name, kind) is kind:
                self._folded.setdefault(name.lower(), kind)
            if name in self.numbers:
                self._number(name, self.numbers[name])

    def number(self, name: str, connection: apsw.Connection) -> int:
        """The number under which values of a known property are stored; a new one where it has none yet."""
        number = self.numbers.get(name)
        if number is None:
            connection.execute("INSERT INTO names (name) VALUES (?)", (name,))
            number = self.numbers[name] = connection.last_insert_rowid()
            self._number(name, number)
        return number

    def _number(self, name: str, number: int) -> None:
        kind = self.find(name)
        if kind is not None:
            self.names[number] = (name, STORED_AS[kind], kind is ValueType.BOOL)


_ENTRIES = """
SELECT items.id, a.value, b.value, c.value FROM items
JOIN strings a ON a.item = items.row AND a.name = ?1
JOIN strings b ON b.item = items.row AND b.name = ?2
JOIN strings c ON c.item = items.row AND c.name = ?3
WHERE items.type = ?4 ORDER BY items.row
"""


def contradiction(name: str, before: str, after: str) -> Invalid:
    return Invalid(f"Schema for property {name} is already defined to type {before}, cannot override to type {after}")
