"""`PodClient`: items in, items out. Source: plugin-sdk.md, 4. Each module adds one concern to the class of the one before it:

core.py          construction, keys, what happens to errors
registering.py   item types: told to the pod by the caller, or at their first write
reading.py       get, search, graph queries; one Python object per item
writing.py       create, update, delete, edges, bulk, synchronisation
files.py         contents of files, photos, data sets
services.py      mail, plugins and their runs, triggers, logins at providers; `PodClient` itself

A client may be used from several threads. Errors: writing methods answer True or False, as plugin code of all times expects; what went
wrong is logged and kept in `last_error`, or raised where the caller asked for that (`raise_errors`, environment `DATAPOD_STRICT=1`).
"""

from datapod.client.services import PodClient as PodClient
