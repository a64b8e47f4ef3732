"""Connectors that ship with Datapod, one file each. Run one: `datapod plugin run datapod.plugins.contacts:ContactsPlugin`.

contacts.py    people from vCard files and CardDAV servers
feeds.py       entries of RSS and Atom feeds, also of a list in OPML

Their libraries are an extra: `pip install 'datapod[plugins]'`. Page: docs/connectors.md.
"""
