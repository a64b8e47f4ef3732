"""A real CardDAV server for tests: Radicale from PyPI, as a process, with one user."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

USER, PASSWORD = "ann", "right"

CONFIG = """[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[rights]
type = owner_only
[storage]
filesystem_folder = {folder}/data
[logging]
level = info
"""


class RadicaleServer:
    """Running from construction to `close`. `asked()` lists what it was asked, as method and path."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
        (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
        self.address = f"http://127.0.0.1:{port}"
        self.book = f"{self.address}/{USER}/people/"
        self.folder = folder / "data" / "collection-root" / USER / "people"
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "radicale", "--config", str(folder / "config")], stderr=log, stdout=log)
        self.http = httpx.Client(auth=(USER, PASSWORD), timeout=60)
        self._wait()
        made = self.http.request("MKCOL", self.book, content=MKCOL, headers={"Content-Type": "application/xml"})
        assert made.status_code == 201, made.text

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.http.get(self.address)
                return
            except httpx.TransportError:
                assert self.process.poll() is None and time.monotonic() < deadline, self._log.read_text()

    def put(self, name: str, card: str) -> None:
        self.http.put(f"{self.book}{name}.vcf", content=card.encode(), headers={"Content-Type": "text/vcard"}).raise_for_status()

    def delete(self, name: str) -> None:
        self.http.delete(f"{self.book}{name}.vcf").raise_for_status()

    def asked(self, method: str) -> int:
        """How often a request of that method arrived so far."""
        return self._log.read_text().count(f"{method} request for")

    def close(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait(30)


MKCOL = b"""<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"><set><prop>
<resourcetype><collection/><c:addressbook/></resourcetype><displayname>People</displayname></prop></set></mkcol>"""
