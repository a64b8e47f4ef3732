"""The house of Datapod. Rooms by floor, from the ground up; each imports only from lower floors (contract in pyproject.toml).

0 ground     values/ messages.py principal.py rights.py errors.py
1 store      storage/ vfs/
2 data       entities/, then items/ datasets/
3 language   sql/
4 work       procedures/ functions/ workers/ runners/ outside/
5 house      pod.py vault.py
6 desk       api/
7 doors      server/ embedded.py cli/
apart        runtime/: what runs inside a worker; imports the ground only

Follow one request: a door makes a `Request`, `api/` routes it to a handler, the handler makes one call into the `Pod`.
"""
