"""The fast road: a bound statement over one stored table becomes one statement of the table engine.

coverage.py      `Uncovered`: what is not compiled, and why; the interpreter takes over
typed.py         an engine expression beside the kind of its values and the time they carry
operators.py     arithmetic, comparison and logic with the meaning of sql-language.md, not the engine's
expressions.py   one handler per node
aggregates.py    aggregators, with the checks that send a query back to the interpreter
statement.py     SELECT to an engine statement with the parts of its answer
answers.py       batches of the engine back to rows

The rule of the house: compiled or interpreted, a query gives the same names, order, values and times. What cannot be promised is
`Uncovered`.
"""

from datapod_server.sql.compiler.coverage import Uncovered
from datapod_server.sql.compiler.statement import Compiled, compile_select

__all__ = ["Compiled", "Uncovered", "compile_select"]
