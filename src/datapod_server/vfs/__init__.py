"""URLs: texts of the form `scheme://rest` as streams and listings.

url.py          a text taken apart; what `file://` paths stand for
compression.py  which method an ending asks for, and its streams
reading.py      open_read, read_lines
writing.py      open_write: nobody sees a half-written file
listing.py      info, ls

Other rooms use `Vfs`, which knows the data directory of its pod. Source: rest-api.md, 11.
"""

from datapod_server.vfs.vfs import Vfs

__all__ = ["Vfs"]
