"""Runs as Jobs of a Kubernetes cluster. Source: pod-protocol.md, 14.3.

A thread of each run looks at its pod from time to time, and another one follows its log; no call of the supervision waits for the cluster.
A cluster that does not answer for a while changes nothing: the Job goes on, and so does looking.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Struct

from datapod_server.rights import Named
from datapod_server.runners.backend import Exit, Launch, MissingProgram, Output, Running, StartFailed
from datapod_server.runners.cluster import Cluster, ClusterError
from datapod_server.runners.confinement import cannot_enforce
from datapod_server.runners.job import job_name, job_of, plugin_address
from datapod_server.runners.leftovers import Leftovers

log = logging.getLogger("datapod.runners")

PROGRAM = "kubernetes"  # what is noted of leftovers, and named in errors
_LOOK_SECONDS = 1.0
_LAST_OUTPUT_SECONDS = 2.0
# A pod that waits for one of these waits for ever. `ErrImagePull` alone may be a moment's trouble; the back-off comes after it.
_HOPELESS = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError"})


class KubernetesBackend(Struct, frozen=True):
    """Creates Jobs and knows their names."""

    cluster: Cluster
    public_domain: str | None = None
    memory_mb: float = 0.0
    leftovers: Leftovers = Leftovers(None)
    look_seconds: float = _LOOK_SECONDS
    shares_network: ClassVar[bool] = False

    def check(self, image: str, properties: Mapping[str, object]) -> None:
        try:
            self.cluster.check()
        except ClusterError as error:
            raise MissingProgram(PROGRAM, str(error)) from error

    def check_network(self, network: Named) -> None:
        if network.chosen is not None:  # only policies of the cluster could, and nobody here sees which ones are in force
            raise cannot_enforce(PROGRAM, network, ways_out="or run it as a process")

    def container_name(self, owner_key: str, image: str, run_id: str) -> str | None:
        return job_name(owner_key, image, run_id)

    def start(self, launch: Launch, output: Output) -> Running:
        name = launch.name or job_name(launch.owner_key, launch.image, launch.run_id)
        if self.public_domain is None:
            log.warning("plugin run %s is told http://localhost as its address: no --plugins-public-domain is set", launch.run_id)
        variables = dict(launch.variables) | {"PLUGIN_DNS": plugin_address(name, self.public_domain)}
        log.info("starting Job %s of image %s in namespace %s", name, launch.image, self.cluster.namespace)
        self.leftovers.note(name, PROGRAM)
        try:
            self.cluster.create(job_of(name, launch.image, variables, self.memory_mb))
        except ClusterError as error:
            self.leftovers.forget(name)
            raise StartFailed(str(error)) from error
        return KubernetesRun(self, name, output)

    def end_leftovers(self) -> None:
        """Called once at the start of a server: delete the Jobs that an earlier one left."""
        try:
            for name in self.cluster.job_names():
                if self.leftovers.noted(name):
                    self.cluster.delete_job(name)
        except ClusterError as error:
            log.warning("Jobs that an earlier server left may still run: %s", error)
            return
        self.leftovers.clear(PROGRAM)


class KubernetesRun:
    """One Job and its pod."""

    def __init__(self, backend: KubernetesBackend, name: str, output: Output) -> None:
        self._backend = backend
        self._cluster = backend.cluster
        self._name = name
        self._output = output
        self._exit: Exit | None = None
        self._ended = threading.Event()
        self._look_now = threading.Event()
        self._asked_to_end: signal.Signals | None = None
        self._log: threading.Thread | None = None
        self._watcher = threading.Thread(target=self._watch, name=f"job {name}", daemon=True)
        self._watcher.start()

    def wait(self, timeout_seconds: float) -> Exit | None:
        return self._exit if self._ended.wait(timeout_seconds) else None

    def host(self) -> str | None:
        try:
            pod = self._cluster.find_pod(self._name)
        except ClusterError as error:
            log.debug("the address of Job %s is unknown: %s", self._name, error)
            return None
        return None if pod is None else pod.status.pod_ip

    def memory_mb(self) -> float:
        return 0.0  # the cluster keeps it to its limit

    def terminate(self) -> None:
        if not self._ended.is_set() and self._asked_to_end is None:
            self._end(signal.SIGTERM)

    def kill(self) -> None:
        if not self._ended.is_set() and self._asked_to_end is not signal.SIGKILL:
            self._end(signal.SIGKILL)

    def cleanup(self) -> None:
        self._watcher.join()
        if self._log is not None:
            self._log.join(_LAST_OUTPUT_SECONDS)
        self._backend.leftovers.forget(self._name)

    def _end(self, number: signal.Signals) -> None:
        before, self._asked_to_end = self._asked_to_end, number  # first: the watcher may see the end before the answer comes
        try:
            self._cluster.delete_job(self._name)
            if number is signal.SIGKILL:
                self._cluster.kill_pod(self._name)
        except ClusterError as error:
            log.warning("the Job %s could not be ended, which is tried again: %s", self._name, error)
            self._asked_to_end = before
            return
        self._look_now.set()

    def _watch(self) -> None:
        while (end := self._look()) is None:
            self._look_now.wait(self._backend.look_seconds)
            self._look_now.clear()
        self._exit = end
        self._ended.set()

    def _look(self) -> Exit | None:
        try:
            pod = self._cluster.find_pod(self._name)
            if pod is None:
                return self._end_without_pod()
            self._follow(pod)
            end = _end_of(pod, self._backend.memory_mb)
            if end is not None and end.code is None and self._asked_to_end is None:
                self._cluster.delete_job(self._name)  # it would wait for ever
            return end
        except ClusterError as error:
            log.warning("the state of Job %s is unknown for the moment: %s", self._name, error)
            return None

    def _end_without_pod(self) -> Exit | None:
        """The end of a Job whose pod is gone, or was never made; None while its pod is still to come."""
        if self._asked_to_end is not None:
            return Exit(signal_number=self._asked_to_end)
        job = self._cluster.find_job(self._name)
        if job is None:
            return Exit(text="The Job of the plugin was deleted")
        failed = [condition for condition in job.status.conditions or [] if condition.type == "Failed" and condition.status == "True"]
        return Exit(text=f"The Job of the plugin failed: {failed[0].reason}") if failed else None

    def _follow(self, pod: Any) -> None:
        state = _state(pod)
        if self._log is None and state is not None and (state.running or state.terminated):
            self._log = threading.Thread(target=self._deliver, args=(pod.metadata.name,), name=f"log {self._name}", daemon=True)
            self._log.start()

    def _deliver(self, pod: str) -> None:
        try:
            for chunk in self._cluster.follow_log(pod, self._name):
                self._output(chunk)
        except ClusterError as error:
            log.warning("the rest of the log of Job %s is lost: %s", self._name, error)


def _state(pod: Any) -> Any:
    """The state of its one container; None before the cluster knows it."""
    statuses = pod.status.container_statuses
    return statuses[0].state if statuses else None


def _end_of(pod: Any, memory_mb: float) -> Exit | None:
    """How the container of a pod ended, or why it never will start; None while it is alive."""
    state = _state(pod)
    if state is not None and state.terminated is not None:
        if state.terminated.reason == "OOMKilled":
            return Exit(state.terminated.exit_code, text=f"The plugin reached the limit of {memory_mb:g} MiB of memory")
        return Exit(state.terminated.exit_code)
    if state is not None and state.waiting is not None and state.waiting.reason in _HOPELESS:
        return Exit(text=f"Failed to start: {state.waiting.reason}: {state.waiting.message}")
    if pod.status.phase == "Failed":
        return Exit(text=f"The plugin was ended by the cluster: {pod.status.reason}")
    return None
