"""Plugin runs outside the server: from a `PluginRun` item to a process that is started, watched and ended. Source: pod-protocol.md, 14.

runs.py         `Runners`: what a pod asks; checks inside the transaction, start after the commit, recovery after a crash
preparation.py  what is needed for a start: the backend, the token, the rights
items.py        what runs need of the pod's items
choice.py       which backend starts which image
backend.py      the contract of a backend: what it is given, and what the rest of the house may ask of a started run
process.py      the backend for scripts and for Python processes on this machine
container.py    the backend for containers of docker or podman
kubernetes.py   the backend for Jobs of a cluster; job.py: what a Job says; cluster.py: the calls to the cluster
confinement.py  the network right of a run, and refusing it where a backend cannot enforce it
leftovers.py    which containers and Jobs a killed server left
guard.py        ends a process group when the server dies, however it dies
environment.py  the variables that a run gets, and those of the server that it must not see
callback.py     the address at which a run reaches the server
supervision.py  one started run from its start to its last state
restarts.py     which runs are started again, and after how long
schedule.py     the text of a schedule, and its arithmetic
scheduler.py    which runs carry a schedule, and making the runs that are due
triggers.py     calling living plugins about new items
listing.py      the list of runs that the owner sees
ticker.py       the thread that looks at what is due
states.py       the states of a run that the server knows the meaning of
reach.py        asking living runs over HTTP
calls.py        one such call: to this host and no other, within a time limit
output.py       the newest 1 MiB of what a run printed
records.py      which runs the server started, how they ended and what they printed; in the pod's encrypted database
settings.py     what the operator chose
fake.py         a backend for tests, which passes the same suite as the real ones

A backend is a stranger to pods and items; supervision is a stranger to processes.
"""

from datapod_server.runners.callback import callback_address, container_callback_address
from datapod_server.runners.choice import end_leftovers
from datapod_server.runners.confinement import missing_means
from datapod_server.runners.container import default_engine
from datapod_server.runners.runs import Runners
from datapod_server.runners.settings import ContainerSettings, RunnerSettings, parse_process, parse_script

__all__ = [
    "ContainerSettings",
    "RunnerSettings",
    "Runners",
    "callback_address",
    "container_callback_address",
    "default_engine",
    "end_leftovers",
    "missing_means",
    "parse_process",
    "parse_script",
]
