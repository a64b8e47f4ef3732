"""What the compiler leaves to the interpreter."""

from __future__ import annotations


class Uncovered(Exception):
    """This construct is not compiled; the text says which one and is shown by `datapod sql explain`. Never an answer to anybody."""
