"""A real `datapod serve` in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from examples.demo.pod import Pod

PLUGIN_IMAGE = "datapod-examples"
_REPOSITORY = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0


class ServerFailed(Exception):
    """It did not start, or did not stop in good order."""


class Server:
    """Starts, stops and starts again over the same data folder."""

    def __init__(self, work: Path) -> None:
        self.data = work / "data"
        self._log = work / "server.log"
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Pod:
        """Start it and return when it answers."""
        command = [sys.executable, "-m", "datapod", "serve", f"--data-dir={self.data}", f"--port={self._port}"]
        command += [f"--plugins-process={PLUGIN_IMAGE}"]
        # The plugins it starts find this folder's package `examples` like an installed one.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(_REPOSITORY), os.environ.get("PYTHONPATH")]))}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None:
                raise ServerFailed(f"the server ended at its start with exit code {self._process.returncode}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"the server did not answer within {_START_SECONDS:.0f} s")
            time.sleep(0.02)
        keys = json.loads((Path(os.environ["DATAPOD_HOME"]) / "pod_keys" / "keys.json").read_text())
        return Pod(self.address, keys["owner_key"], keys["database_key"])

    def stop(self) -> None:
        """Stop it in good order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ServerFailed(f"the server did not stop within {_STOP_SECONDS:.0f} s") from error
        if code != 0:
            raise ServerFailed(f"the server stopped with exit code {code}")

    def kill(self) -> None:
        """End it in any case; does nothing if it has ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def log_tail(self) -> str:
        """The last lines it printed."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-12:]) if self._log.exists() else ""

    def _answers(self) -> bool:
        try:
            return httpx.get(self.address + "/version", timeout=2).status_code == 200
        except httpx.TransportError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
