"""The HTTP door, and the process that keeps it standing.

settings.py      what a server is told; crosses from the supervisor to the server process
listening.py     sockets, bound by the supervisor
supervisor.py    the small parent: restarts a crashed server, passes signals on, gives the exit status
child.py         the server process: order of start and stop
house.py         builds vault, desk and door from the settings
http.py          granian on an inherited socket
application.py   ASGI: from bytes to `Request`, from `Response` to bytes, on the door's threads
origins.py       Host and Origin rules, CORS
bodies.py        limits, bodies in memory and as streams
credentials.py   who asks on /v1
desk.py          which protocol answers a path
open_pages.py    what needs no credentials
log.py certificate.py
"""
