"""The demo: from an empty pod to items, a table, SQL over both, a plugin, a restart and a plot.

__main__.py   the command: `python -m examples.demo`
steps.py      what is shown, step by step, each a function of a few lines
server.py     a real `datapod serve` in a process of its own
pod.py        the calls that the steps make, over HTTP as anybody would make them
account.py    the printed account: a title and a time for each step
plot.py       bars on the terminal and a picture in ./demo-out
"""
