"""GraphQL-style queries over items: text ─► tree ─► a few statements for each level of the answer. Source: pod-protocol.md, 10.

tree.py        the nodes
grammar.py     text to tree, with the place of every error
execution.py   level by level: which items, then their properties, then the edges that lead on
"""

from datapod_server.items.graph.execution import run_graph_query
from datapod_server.items.graph.grammar import parse_graph_query

__all__ = ["parse_graph_query", "run_graph_query"]
