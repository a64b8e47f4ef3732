"""What plugins, datasets, procedures and functions share: configurations, states, creation, replacement, deletion, restart.

types.py       registries of types
config.py      a configuration, as given and as shown
entry.py       one entity: its state, and why it cannot be used
collection.py  the life cycle
records.py     what comes back after a restart
runs.py        procedures and their runs
"""
