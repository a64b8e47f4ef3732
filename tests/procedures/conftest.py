"""Tests of this room share the workbench in bench.py."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
