"""The store: encrypted files of one pod, each under a key of its own.

keys.py      owner key, database key, one subkey per purpose (HKDF-SHA256)
sqlite.py    an encrypted SQLite file (SQLite3 Multiple Ciphers)
engine.py    the DuckDB engine behind one narrow interface, with its encrypted file
pandas.py    keeping pandas out of our processes
blobs.py     files as encrypted blobs: AEAD in chunks, temporary name, sync, rename
"""
