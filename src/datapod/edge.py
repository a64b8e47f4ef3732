"""Edges: named, directed links between two items. Source: plugin-sdk.md, 2.5."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

if TYPE_CHECKING:
    from datapod.item import Item

Target = TypeVar("Target")


class Edge:
    """`source --name-> target`. Equal to another edge when name and both ends are the same.

    `Edge[Account](a, b, "owner")` refuses a target of another type (compared by class name). `label` and `sequence` stay here;
    a pod does not store them.
    """

    target_type: ClassVar[str | None] = None

    def __init__(
        self,
        source: Item,
        target: Item,
        name: str | None = None,
        label: str | None = None,
        sequence: int | None = None,
        created: bool = False,
        reverse: bool = True,
        *,
        _type: str | None = None,
    ) -> None:
        edge_name = name if name is not None else _type
        if edge_name is None:
            raise TypeError("Edge() needs a name")
        if self.target_type is not None and not is_of_type(target, self.target_type):
            raise TypeError(f"Edge '{edge_name}' goes to {self.target_type}, not to {type(target).__name__}")
        self.source = source
        self.target = target
        self.name = edge_name
        self._type = edge_name
        self.label = label
        self.sequence = sequence
        self.created = created
        self.reverse = reverse

    def __class_getitem__(cls, target: Any) -> type[Edge]:
        return type("Edge", (cls,), {"target_type": target if isinstance(target, str) else target.__name__})

    def traverse(self, start: Item) -> Item:
        """The other end.

        Raises:
            ValueError: `start` is neither end.
        """
        if start is self.source:
            return self.target
        if start is self.target:
            return self.source
        raise ValueError(f"{start!r} is no end of {self!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Edge):
            return NotImplemented
        return self.name == other.name and self.source is other.source and self.target is other.target

    def __hash__(self) -> int:
        return hash((self.name, id(self.source), id(self.target)))

    def __repr__(self) -> str:
        return f"{self.source} --{self.name}-> {self.target}"


class EdgeList(list[Edge], Generic[Target]):
    """A list of edges of one name. Built as `EdgeList()`, `EdgeList(edges)` or `EdgeList(name, target_type, edges)`."""

    def __init__(
        self, name_or_edges: str | Iterable[Edge] | None = None, target_type: Any = None, edges: Iterable[Any] | None = None
    ) -> None:
        self.name = name_or_edges if isinstance(name_or_edges, str) else None
        self.target_type: str | None = getattr(target_type, "__name__", target_type)
        given = edges if isinstance(name_or_edges, str) else name_or_edges
        super().__init__()
        self.unlinked: list[Item] = []
        """Items given in the place of edges; they become edges when the list is assigned to an item."""
        if given is None:
            return
        for entry in given if isinstance(given, Iterable) else [given]:
            if isinstance(entry, Edge):
                self.append(entry)
            else:
                self.unlinked.append(entry)

    def append(self, edge: Edge) -> None:
        """Add an edge; raises TypeError when it goes to another type than this list is for."""
        if self.target_type is not None and not is_of_type(edge.target, self.target_type):
            raise TypeError(f"Attempted to insert edge with invalid target type {type(edge.target).__name__}, expected {self.target_type}")
        super().append(edge)

    @property
    def targets(self) -> list[Item]:
        return [edge.target for edge in self]


def is_of_type(item: Any, type_name: str) -> bool:
    """Whether an item's class, or one it derives from, has that name. `Item` and `Any` accept everything."""
    return type_name in ("Any", "Item") or any(cls.__name__ == type_name for cls in type(item).__mro__)
