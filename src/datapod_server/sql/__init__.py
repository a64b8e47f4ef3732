"""SQL: from text to rows. Text ─► tree ─► bound query ─► either interpreter (the definition of right) or compiler (the fast road).

lexer.py grammar.py       text to tree; every node keeps its place in the text
tree.py                   the nodes: frozen, typed, without behaviour
tables.py                 what a query needs from outside: tables, and an object that finds them
narrowed.py               what a query of a plugin run may name
environment.py            what all parts of one query share
structures.py             values of expressions: atoms, rows, embeddings, beside their times
operators.py naming.py    what operators do; values as names; `lengths.py`: how long texts and rows may become
builtins/ aggregators.py  functions, one module per family; aggregators
scopes.py contexts.py     what an expression is evaluated over, and what names mean there
expressions.py items.py column_expressions.py      expressions and select lists made ready
sources.py joins.py       FROM made ready
grouping.py               groups: keys and aggregators
binder.py                 a whole statement made ready; all checks that need no data
interpreter.py            row by row
compiler/                 one engine statement, or the reason why not
clauses.py                a query as configurations give it: text, or an object of clauses
queries.py                the way in, which chooses the road; `lines.py`: the expressions of an import; `explain.py`: for people
"""
