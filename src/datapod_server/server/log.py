"""The server's log: standard error, one line each, `YYYY-MM-DD HH:MM:SS [LEVEL] - message`, times in UTC. Source: pod-protocol.md, 19.2."""

from __future__ import annotations

import logging
import os
import time

_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "off": logging.CRITICAL + 1,
}


def start_logging(default: str = "info") -> None:
    """Send all log records to standard error; the level comes from `DATAPOD_LOG`, or a plain level word in `RUST_LOG`."""
    word = (os.environ.get("DATAPOD_LOG") or os.environ.get("RUST_LOG") or default).strip().lower()
    formatter = logging.Formatter("%(asctime)s [%(levelname)s] - %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_LEVELS.get(word, logging.INFO))
    # Libraries may quote what passes through them at levels below this; only the house's own records are known to hold no user data.
    for name in ("httpx", "httpcore", "fsspec", "asyncio", "urllib3", "_granian"):
        logging.getLogger(name).setLevel(logging.WARNING)
