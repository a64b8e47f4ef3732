"""Datasets: sparse, time-stamped tables, recorded in any order and kept in the table engine.

kind.py            what a dataset type declares, and what every dataset does
sparse.py          `sparse.mutable`: any number of values per cell; its engine tables are in cells.py, its time quantum in times.py
tabular.py         `tabular`: one value per cell, typed columns; rows become columns in tabulating.py, and are read in table_reading.py
recording.py       rules on names that all kinds share; recorded columns turned into rows
packing.py         columns of atoms as Arrow arrays and back; tagged.py has the values that do not fit a typed column
place.py           where the data of one dataset lives: an engine and a key

Source: datasets-and-procedures.md, 3.
"""

from datapod_server.datasets import sparse, tabular
from datapod_server.datasets.kind import Dataset, DatasetKind, Types
from datapod_server.datasets.place import DatasetPlace, drop_data, drop_unreferenced

BUILT_IN = (sparse, tabular)


def register(types: Types) -> None:
    """Add all built-in dataset types to a registry."""
    for module in BUILT_IN:
        module.register(types)


__all__ = ["BUILT_IN", "Dataset", "DatasetKind", "DatasetPlace", "drop_data", "drop_unreferenced", "register"]
