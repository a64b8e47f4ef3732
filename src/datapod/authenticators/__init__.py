"""Login dialogues. Plugin and front end talk over two items: the run and its account.

dialogue.py     asking and waiting, which all dialogues share
oauth.py        the user logs in at the service, and the front end brings back a code
code_flow.py    the same, with everything but the places of the service: RFC 6749 with PKCE
password.py     the user types name and password into the front end
"""
