"""Values as names of rows and columns. Source: sql-language.md, 7."""

from __future__ import annotations

from datapod_server.errors import QueryError
from datapod_server.sql.structures import Embedding, RowValue, Value
from datapod_server.values.atoms import text_form
from datapod_server.values.path import Path


def path_of_name(value: Value) -> Path:
    """A path is itself, an array one element per entry, any other atom one element: its text.

    Raises:
        QueryError: Null, an empty path or array, a row.
    """
    if isinstance(value, str):
        return Path((value,))
    if isinstance(value, RowValue):
        raise QueryError(
            "Unable to create a row name from the passed expression. Row names must be either a simple atom, or a Path atom, "
            "or an array of atoms."
        )
    if isinstance(value, Embedding):
        path = Path([text_form(element) for element in value.elements])
    elif value is None or isinstance(value, Path):
        path = Path() if value is None else value
    else:
        path = Path((text_form(value),))
    if not path:
        raise QueryError("Can't create a row with a null name.")
    return path
