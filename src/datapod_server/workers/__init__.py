"""In-server Python, the server's side: a process per plugin and per script, watched, limited, and asked over a channel.

parameters.py  what may be set: `params` of a plugin, the body of a script request, limits
zygote.py      the prepared parent: started once per server, forks on demand
process.py     one worker process: calls in both directions, limits, death
services.py    what code may ask beside requests: recording, lines, listings
recording.py   rows as they cross the channel, and how datasets take them; garbage.py: what is paused meanwhile
outcome.py     what a run left: answer, output object, or how its process died
sources.py     addresses to source texts; the plugin directory
folders.py     static and documentation folders, Markdown
plugin.py      a loaded plugin: routes, status, folders; its process over several lives is in plugin_worker.py
script.py      one script
workers.py     `Workers`: all of a pod; what other rooms use
"""
