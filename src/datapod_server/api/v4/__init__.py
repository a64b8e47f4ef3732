"""The desk of `/v4`, `/v5` and `/version`: path and envelope to one call into the house, and its result to an answer.

errors.py     what an error looks like
envelope.py   who asks, and the payload
accounts.py   the account call
items.py      items, edges, search, bulk, definitions
files.py      upload and download
runs.py       what plugin runs printed
plugins.py    talking to plugin runs and about them
scopes.py     which scope of an access token each call needs
outside.py    mail and logins at providers
grants.py     standing grants, the audit record
version.py    which server this is
routing.py    the table of endpoints

Source: pod-protocol.md, 1, 2. Endpoints that are not listed in the table answer `Endpoint not found`.
"""

from datapod_server.api.v4.routing import answer

__all__ = ["answer"]
