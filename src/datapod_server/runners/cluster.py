"""The calls to a Kubernetes API server, and the one error that they raise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config

from datapod_server.runners.job import LABELS

_ANSWER_SECONDS = 5.0
_NOT_FOUND = 404
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class ClusterError(Exception):
    """The cluster does not answer, or refused; the text says why in one line."""


class Cluster:
    """One namespace of one cluster. Safe to use from several threads."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self.namespace = namespace
        self._jobs = client.BatchV1Api(api)
        self._pods = client.CoreV1Api(api)
        self._version = client.VersionApi(api)

    @staticmethod
    def connect(config_file: str | None = None) -> Cluster:
        """The cluster that this process runs in; else the current context of the command line's settings. Asks nothing of it yet.

        Raises `ClusterError` if there are no such settings.
        """
        settings = client.Configuration()
        loading: Any = config  # its functions have no types
        try:
            if config_file is None and "KUBERNETES_SERVICE_HOST" in os.environ:
                loading.load_incluster_config(client_configuration=settings)
                namespace = _OWN_NAMESPACE.read_text().strip()
            else:
                loading.load_kube_config(config_file, client_configuration=settings)
                _, context = loading.list_kube_config_contexts(config_file)
                namespace = context["context"].get("namespace", "default")
        except (config.ConfigException, OSError) as error:
            raise ClusterError(_one_line(error)) from error
        return Cluster(client.ApiClient(settings), namespace)

    def check(self) -> None:
        """Raises `ClusterError` unless the cluster answers."""
        with _errors():
            self._version.get_code(_request_timeout=_ANSWER_SECONDS)

    def create(self, job: client.V1Job) -> None:
        with _errors():
            self._jobs.create_namespaced_job(self.namespace, job, _request_timeout=_ANSWER_SECONDS)

    def find_job(self, name: str) -> Any:
        """A `V1Job` as the cluster has it, or None."""
        with _errors():
            return _or_none(self._jobs.read_namespaced_job, name)(self.namespace, _request_timeout=_ANSWER_SECONDS)

    def find_pod(self, name: str) -> Any:
        """The `V1Pod` of a Job, found by its label, or None."""
        with _errors():
            pods = self._pods.list_namespaced_pod(self.namespace, label_selector=f"app={name}", _request_timeout=_ANSWER_SECONDS).items
        return pods[0] if pods else None

    def job_names(self) -> list[str]:
        """All Jobs that run plugins, of this server and of others."""
        selector = ",".join(f"{label}={value}" for label, value in LABELS.items())
        with _errors():
            jobs: list[Any] = self._jobs.list_namespaced_job(
                self.namespace, label_selector=selector, _request_timeout=_ANSWER_SECONDS
            ).items
        return [job.metadata.name for job in jobs]

    def delete_job(self, name: str) -> None:
        """Its pod is told to end; does nothing if it is gone."""
        with _errors():
            delete = _or_none(self._jobs.delete_namespaced_job, name)
            delete(self.namespace, propagation_policy="Background", _request_timeout=_ANSWER_SECONDS)

    def kill_pod(self, name: str) -> None:
        """End the pod of a Job without giving it time; does nothing if it is gone."""
        with _errors():
            self._pods.delete_collection_namespaced_pod(
                self.namespace, label_selector=f"app={name}", grace_period_seconds=0, _request_timeout=_ANSWER_SECONDS
            )

    def follow_log(self, pod: str, container: str) -> Iterator[bytes]:
        """What the container printed and prints, until it ends."""
        with _errors():
            answer: Any = self._pods.read_namespaced_pod_log(pod, self.namespace, container=container, follow=True, _preload_content=False)
            try:
                yield from answer.stream(decode_content=True)
            finally:
                answer.release_conn()


def _or_none(call: Any, name: str) -> Any:
    """The call with its name; it answers None for what is not there."""

    def asked(*arguments: Any, **options: Any) -> Any:
        try:
            return call(name, *arguments, **options)
        except client.ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    return asked


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except client.ApiException as error:
        raise ClusterError(f"the cluster answered {error.status} {error.reason}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ClusterError(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
