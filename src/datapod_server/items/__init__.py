"""Items: typed nodes with properties, and directed edges between them, in one encrypted file per pod.

kinds.py        value types: what JSON they take, how they are stored
central.py      the properties that registered accounts know without a definition
schema.py       one value type per property name; definitions and their conflicts
migrations.py   the tables, built in numbered steps
malformed.py    JSON of the wrong shape, with its place
own.py          what belongs to a plugin run without being granted
view.py         what one asker sees; every read goes through it
audit.py        what runs were granted, touched and refused
sealed.py       secrets of accounts, encrypted a second time
reading.py      rows to objects, in batches
words.py        full text
edges.py        edges from both ends
search.py       a query to one statement
grants.py       what owners granted to runs
permit.py       what one asker may write
graph/          GraphQL-style queries
writing.py      one write transaction: create, update, delete, edges
bulk.py         many of them at once
definitions.py  the schema call
store.py        `ItemStore`: all of it, safe for several threads
changes.py      what a transaction is about to commit, for those who react to it
runs.py         the hook that starts plugin runs
files.py        `FileStore`: encrypted files and their keys
tables.py       items and edges as tables of the query language
"""

from datapod_server.items.files import FileStore
from datapod_server.items.store import AccountMode, ItemStore

__all__ = ["AccountMode", "FileStore", "ItemStore"]
