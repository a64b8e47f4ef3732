"""The server's command line; `datapod` hands these commands over by name.

main.py            command name to module
options.py         options as a table: parser, environment, help
serve.py           datapod serve, with serve_options.py
run_script.py      datapod run-script
mldb_runner.py     datapod mldb-runner
doctor.py sql.py   what is active here; how a query would be run
"""
