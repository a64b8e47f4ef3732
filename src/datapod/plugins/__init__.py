"""Connectors that ship with Datapod, one module each. Run one: `datapod plugin run datapod.plugins.contacts:ContactsPlugin`.

contacts.py    people from vCard files and CardDAV servers
feeds.py       entries of RSS and Atom feeds, also of a list in OPML
mail.py        messages from mbox files, Maildir folders and IMAP servers; with mail_*.py, which it names

Their libraries are an extra: `pip install 'datapod[plugins]'`. Pages: docs/connectors.md, docs/mail.md.
"""
