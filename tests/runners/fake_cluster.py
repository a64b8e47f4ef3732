"""A Kubernetes API server in miniature: a real HTTP server that takes Jobs, runs their containers as processes of this machine, and tells
of pods and logs what a cluster tells. It refuses what a cluster refuses: strangers, names that are no DNS labels, names that exist.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_VERSION = ("major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform")
_PIPE_BYTES = 65536


class Pod:
    """A Job with its one pod: a process in a group of its own, or none where the image is unknown."""

    def __init__(self, job: dict[str, Any], program: Sequence[str] | None) -> None:
        self.job = job
        self.spec = job["spec"]["template"]["spec"]["containers"][0]
        self.name = job["metadata"]["name"]
        self.labels = job["spec"]["template"]["metadata"]["labels"]
        self.deleted = False
        self.oom_killed = False
        self.output = b""
        self.closed = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        if program is not None:
            environment = {"PATH": os.environ["PATH"]} | {variable["name"]: variable["value"] for variable in self.spec["env"]}
            self.process = subprocess.Popen(
                program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        with self.process.stdout as pipe:
            while chunk := pipe.read1(_PIPE_BYTES):
                self.output += chunk
        self.closed.set()

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def gone(self) -> bool:
        return self.deleted and (self.process is None or self.process.poll() is not None)

    def described(self) -> dict[str, Any]:
        """The pod as the cluster tells it."""
        code = None if self.process is None else self.process.poll()
        if self.process is None:
            phase, state = (
                "Pending",
                {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{self.spec["image"]}"'}},
            )
        elif code is None:
            phase, state = "Running", {"running": {"startedAt": "2024-01-01T00:00:00Z"}}
        else:
            reason = "OOMKilled" if self.oom_killed else "Completed" if code == 0 else "Error"
            phase = "Succeeded" if code == 0 else "Failed"
            state = {"terminated": {"exitCode": code if code >= 0 else 128 - code, "reason": reason}}
        status = {"name": self.name, "image": self.spec["image"], "imageID": "", "ready": code is None, "restartCount": 0, "state": state}
        return {
            "metadata": {"name": f"{self.name}-x7k2p", "labels": self.labels},
            "spec": {"containers": [{"name": self.name, "image": self.spec["image"]}], "restartPolicy": "Never"},
            "status": {"phase": phase, "podIP": "127.0.0.1", "containerStatuses": [status]},
        }


class FakeCluster:
    """Its pods, what was asked of it, and the settings with which the official client finds it."""

    def __init__(self, programs: Mapping[str, Sequence[str]], config_file: Path) -> None:
        self.programs = programs
        self.pods: dict[str, Pod] = {}
        self.asked: list[str] = []
        self.answers = True
        self.forbidden_image: str | None = None
        cluster = self

        class Handler(_Handler):
            fake = cluster

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.config_file = config_file
        context = {"context": {"cluster": "fake", "user": "fake", "namespace": "plugins"}, "name": "fake"}
        server = f"http://127.0.0.1:{self.http.server_address[1]}"
        settings = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "contexts": [context],
            "clusters": [{"name": "fake", "cluster": {"server": server}}],
            "users": [{"name": "fake", "user": {"token": "of-the-cluster"}}],
        }
        config_file.write_text(json.dumps(settings))

    def find_pods(self, selector: str) -> list[Pod]:
        wanted = dict(part.split("=") for part in selector.split(",") if part)
        return [pod for pod in self.pods.values() if not pod.gone() and wanted.items() <= pod.labels.items()]

    def living(self) -> list[str]:
        return [pod.name for pod in self.pods.values() if pod.process is not None and pod.process.poll() is None]


class _Handler(BaseHTTPRequestHandler):
    fake: FakeCluster
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        path, query = self._start()
        if path == "/version/":
            self._answer(200, dict.fromkeys(_VERSION, "1"))
        elif path.endswith("/pods"):
            self._answer(200, {"items": [pod.described() for pod in self.fake.find_pods(query.get("labelSelector", ""))]})
        elif path.endswith("/log"):
            self._send_log(path.split("/")[-2].removesuffix("-x7k2p"))
        elif path.endswith("/jobs"):
            found = [pod.job for pod in self.fake.find_pods(query.get("labelSelector", "")) if not pod.deleted]
            self._answer(200, {"items": found})
        else:
            pod = self.fake.pods.get(path.split("/")[-1])
            if pod is None or pod.deleted:
                self._answer(404, {"reason": "NotFound"})
            else:
                self._answer(200, pod.job)

    def do_POST(self) -> None:
        self._start()
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = job["metadata"]["name"]
        container = job["spec"]["template"]["spec"]["containers"][0]
        if self.headers["Authorization"] != "Bearer of-the-cluster":
            return self._answer(401, {})
        if not _DNS_LABEL.fullmatch(name) or not _DNS_LABEL.fullmatch(container["name"]):
            return self._answer(422, {"reason": "Invalid"})
        if container["image"] == self.fake.forbidden_image:
            return self._answer(403, {"reason": "Forbidden"})
        if name in self.fake.pods:
            return self._answer(409, {"reason": "AlreadyExists"})
        self.fake.pods[name] = Pod(job, self.fake.programs.get(container["image"]))
        return self._answer(201, job)

    def do_DELETE(self) -> None:
        path, query = self._start()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path.endswith("/pods"):
            for pod in self.fake.find_pods(query["labelSelector"]):
                pod.signal(signal.SIGKILL)
            return self._answer(200, {})
        pod = self.fake.pods.get(path.split("/")[-1])
        if pod is None or pod.deleted:
            return self._answer(404, {"reason": "NotFound"})
        pod.deleted = True
        pod.signal(signal.SIGTERM)
        return self._answer(200, {})

    def _start(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        self.fake.asked.append(f"{self.command} {parts.path}")
        if not self.fake.answers:
            self._answer(500, {"reason": "InternalError"})
            raise ConnectionAbortedError
        return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_log(self, name: str) -> None:
        pod = self.fake.pods[name]
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        while True:
            ended = pod.closed.wait(0.01)
            piece = pod.output[sent:]
            if piece:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self.wfile.flush()
                sent += len(piece)
            if ended and sent == len(pod.output):
                break
        self.wfile.write(b"0\r\n\r\n")


@contextmanager
def running_cluster(programs: Mapping[str, Sequence[str]], config_file: Path) -> Iterator[FakeCluster]:
    """A cluster that knows these images, and what each runs."""
    cluster = FakeCluster(programs, config_file)
    thread = threading.Thread(target=cluster.http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield cluster
    finally:
        for pod in cluster.pods.values():
            pod.signal(signal.SIGKILL)
            if pod.process is not None:
                pod.process.wait()
                pod.closed.wait(5)
        cluster.http.shutdown()
        thread.join()
        cluster.http.server_close()
