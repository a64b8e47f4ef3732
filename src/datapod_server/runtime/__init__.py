"""What runs inside a worker: the `mldb` object, its wrapper, output capture. Imports the ground only, so that it is small and holds no key.

zygote.py       the prepared parent: forks one process per plugin and per script
worker.py       the process of one plugin or script: runs code, one thread per request
wire.py         the words that pass between server and worker, and no others
channel.py      frames over a socket; calls in both directions, many at a time
output.py       what code prints and logs, as entries of the run that printed them
failures.py     the exception object
plain.py        values between Python and JSON
mldb_object.py  `mldb`, `mldb.plugin`, `mldb.script`, the request
recording.py    dataset objects: rows from Python values
wrapper.py      responses, exceptions, tracked procedures
unit_tests.py   MldbUnitTest, run_tests
jail.py         Landlock and seccomp
confined.py     around a plugin process outside the server: a network in which there is only the pod
"""
