"""The Job that stands for a run in a cluster, made of the models of the official client. Source: pod-protocol.md, 14.3."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from kubernetes import client

PORT = 8080  # plugins listen there, and the public name of a plugin is routed to it
LABELS = {"type": "plugin"}
_KEPT_SECONDS = 3600


def job_name(owner_key: str, image: str, run_id: str) -> str:
    """A new name for each start: letters and digits of the three, in lower case as the cluster wants it, and 8 random hex digits."""
    parts = ("c" + _plain(owner_key)[:10], _plain(image)[:20], _plain(run_id)[:20], secrets.token_hex(4))
    return "-".join(parts).lower()


def plugin_address(name: str, public_domain: str | None) -> str:
    """What the plugin is told of its own public address. Source: pod-protocol.md, 14.2."""
    return "http://localhost" if public_domain is None else f"https://{name}.{public_domain}"


def job_of(name: str, image: str, variables: Mapping[str, str], memory_mb: float) -> client.V1Job:
    """The Job, its pod and its one container, all of one name.

    Args:
        memory_mb: The container's limit in MiB; 0 sets none.
    """
    labels = {"app": name} | LABELS
    container = client.V1Container(
        name=name,
        image=image,
        image_pull_policy="Always",
        ports=[client.V1ContainerPort(container_port=PORT)],
        env=[client.V1EnvVar(name=variable, value=value) for variable, value in variables.items()],
        resources=client.V1ResourceRequirements(limits={"memory": f"{memory_mb:g}Mi"}) if memory_mb else None,
    )
    return client.V1Job(
        api_version="batch/v1",
        kind="Job",
        metadata=client.V1ObjectMeta(name=name, labels=labels),
        spec=client.V1JobSpec(
            backoff_limit=0,
            ttl_seconds_after_finished=_KEPT_SECONDS,
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels=labels),
                spec=client.V1PodSpec(restart_policy="Never", containers=[container]),
            ),
        ),
    )


def _plain(text: str) -> str:
    return re.sub("[^A-Za-z0-9]", "", text)
