"""Examples that run: a plugin outside the server, one inside it, a script, and a demo of them all."""
