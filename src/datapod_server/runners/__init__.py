"""Plugin runs outside the server: from a `PluginRun` item to a process that is started, watched and ended. Source: pod-protocol.md, 14.

runs.py         `Runners`: what a pod asks; checks inside the transaction, start after the commit, recovery after a crash
choice.py       which backend starts which image
backend.py      the contract of a backend: what it is given, and what the rest of the house may ask of a started run
process.py      the backend for scripts and for Python processes on this machine
guard.py        ends a process group when the server dies, however it dies
environment.py  the variables that a run gets, and those of the server that it must not see
callback.py     the address at which a run reaches the server
supervision.py  one started run from its start to its last state
output.py       the newest 1 MiB of what a run printed
records.py      which runs the server started, how they ended and what they printed; in the pod's encrypted database
settings.py     what the operator chose
fake.py         a backend for tests, which passes the same suite as the real ones

A backend is a stranger to pods and items; supervision is a stranger to processes. Containers and Kubernetes become backends beside
`process.py`; until then choosing them is an error that stores nothing.
"""

from datapod_server.runners.callback import callback_address
from datapod_server.runners.runs import Runners
from datapod_server.runners.settings import RunnerSettings, parse_process, parse_script

__all__ = ["RunnerSettings", "Runners", "callback_address", "parse_process", "parse_script"]
