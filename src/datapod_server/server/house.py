"""Builds the house for one server: vault, desk and door, from the settings."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from datapod.keyfile import Keys, read_keys
from datapod_server.admission import Admission
from datapod_server.api import v1
from datapod_server.errors import DatapodError, Failed
from datapod_server.outside import Platform, PostboxSettings, read_platforms
from datapod_server.packages import load_packages
from datapod_server.pod import Pod, PodParts
from datapod_server.runners import (
    ContainerSettings,
    RunnerSettings,
    callback_address,
    container_callback_address,
    default_engine,
    end_leftovers,
    parse_process,
    parse_script,
)
from datapod_server.server.application import Application
from datapod_server.server.bodies import BodyLimits
from datapod_server.server.certificate import trusted_file
from datapod_server.server.desk import Desk
from datapod_server.server.origins import WebRules
from datapod_server.server.settings import ServeSettings
from datapod_server.storage.access_tokens import TokenShelf
from datapod_server.storage.keys import DatabaseKey
from datapod_server.storage.tokens import TokenBox
from datapod_server.threads import Threads
from datapod_server.vault import Vault, VaultSettings
from datapod_server.workers.parameters import WorkerSettings
from datapod_server.workers.zygote import Zygote

log = logging.getLogger("datapod.server")


class House:
    """What one server process holds."""

    def __init__(self, settings: ServeSettings, vault: Vault) -> None:
        self.settings = settings
        self.vault = vault
        self._threads = Threads(settings.threads)
        self._upload_threads = Threads(settings.upload_threads)

    @staticmethod
    def build(settings: ServeSettings, zygote: Zygote) -> House:
        tokens = TokenBox(settings.plugin_token_lifetime_seconds)
        runners = _runner_settings(settings)
        end_leftovers(runners)
        directory = None if settings.data_dir is None else Path(settings.data_dir) / "pods"
        shelf = TokenShelf(None if settings.data_dir is None else Path(settings.data_dir) / "tokens")
        parts = PodParts(
            v1.answer_whole, tokens, shelf, zygote, runners, _worker_settings(settings), settings.account_mode, *_outside(settings)
        )
        vault = Vault(
            directory,
            lambda folder, key, owner_key: Pod.open(folder, key, owner_key, parts),
            admission=_admission(settings),
            tokens=tokens,
            shelf=shelf,
            settings=VaultSettings(
                lock_after_seconds=settings.lock_after_seconds,
                account_mode=settings.account_mode,
                implicit_accounts=settings.implicit_accounts,
                unrestricted_plugins=settings.unrestricted_plugins,
            ),
        )
        house = House(settings, vault)
        if settings.trust_loopback:
            house.trust_own_pod()
        elif settings.owners is None and settings.implicit_accounts:
            house.found_own_pod()
        return house

    def application(self, stop: Callable[[], None]) -> Application:
        settings = self.settings
        callback = urlsplit(settings.plugins_callback_address or "").hostname
        rules = WebRules.of(
            host=settings.host,
            allow_hosts=settings.allow_hosts,
            allow_origins=settings.allow_origins,
            scheme=settings.scheme,
            further_names=() if callback is None else (callback,),
        )
        return Application(
            Desk(stop),
            self.vault,
            rules=rules,
            limits=BodyLimits.of_mb(settings.max_json_mb, settings.max_file_mb, settings.max_body_mb),
            threads=self._threads,
            upload_threads=self._upload_threads,
            shared_server=settings.shared_server,
            access_log=settings.access_log,
        )

    def trust_own_pod(self) -> None:
        """Unlock the pod of the key file for good, creating it if need be: the one that `--trust-loopback` is about."""
        keys = _own_keys(self.settings)
        if keys is None:
            raise Failed("--trust-loopback needs the key file of the pod that it opens")
        self.vault.keep_unlocked(keys.owner_key, DatabaseKey.parse(keys.database_key))

    def found_own_pod(self) -> None:
        """Make the pod of the key file at the first start, so that every call of `/v1` works from the first minute: it never makes one."""
        keys = _own_keys(self.settings)
        if keys is not None and not self.vault.exists(keys.owner_key):
            visit = self.vault.visit()
            try:
                visit.unlock(keys.owner_key, DatabaseKey.parse(keys.database_key), create=True)
            finally:
                visit.close()

    def unlock_own_pod(self) -> None:
        """Unlock the pod of the key file, so that its plugins come back without waiting for a request. Failures are logged.

        It is made only where plugin packages are to be loaded into it, and where everything is in memory.
        """
        try:
            keys = _own_keys(self.settings)
            packages = self.settings.plugin_directories
            wanted = bool(packages) or self.settings.data_dir is None  # a pod in memory is there from the start, or never
            if keys is None or not (wanted or self.vault.exists(keys.owner_key)):
                return
            visit = self.vault.visit()
            try:
                pod = visit.unlock(keys.owner_key, DatabaseKey.parse(keys.database_key), create=wanted)
                load_packages(pod, packages)
            finally:
                visit.close()
        except DatapodError as error:
            log.warning("the pod of the key file could not be made ready: %s", error)

    def close(self) -> None:
        """Lock every pod; runs and workers end first."""
        self.vault.close()
        self._threads.close()
        self._upload_threads.close()


def _admission(settings: ServeSettings) -> Admission:
    if settings.owners is not None:
        return Admission.parse(settings.owners)
    keys = _own_keys(settings)
    if keys is None:
        raise Failed(f"the key file {settings.key_file} is gone; say with --owners who may have a pod here")
    return Admission(owner_keys=frozenset({keys.owner_key}))


def _runner_settings(settings: ServeSettings) -> RunnerSettings:
    return RunnerSettings(
        callback_address=callback_address(
            settings.plugins_callback_address, scheme=settings.scheme, host=settings.host, port=settings.port
        ),
        certificates=str(trusted_file(Path(settings.tls_certificate))) if settings.tls_self_signed and settings.tls_certificate else None,
        scripts=dict(parse_script(text) for text in settings.plugin_scripts),
        processes=dict(parse_process(text) for text in settings.plugin_processes),
        containers=ContainerSettings(
            engine=settings.plugins_container_engine or default_engine(),
            network=settings.plugins_docker_network,
            pull=settings.plugins_docker_pull,
            callback_address=container_callback_address(
                settings.plugins_callback_address, scheme=settings.scheme, port=settings.port, system=sys.platform
            ),
        ),
        kubernetes=settings.use_kubernetes,
        public_domain=settings.plugins_public_domain,
        state_folder=None if settings.data_dir is None else str(Path(settings.data_dir) / "runs"),
        unrestricted=settings.unrestricted_plugins,
        max_seconds=settings.plugins_max_seconds,
        max_memory_mb=settings.plugins_max_memory_mb,
    )


def _outside(settings: ServeSettings) -> tuple[PostboxSettings, dict[str, Platform]]:
    postbox = PostboxSettings(
        relay=settings.email_smtp_relay,
        port=settings.email_smtp_port,
        user=settings.email_smtp_user,
        password=settings.email_smtp_password,
        subject_prefix=settings.email_subject_prefix or PostboxSettings().subject_prefix,
    )
    try:
        return postbox, {} if settings.oauth_platforms is None else read_platforms(Path(settings.oauth_platforms))
    except ValueError as error:
        raise Failed(str(error)) from error


def _worker_settings(settings: ServeSettings) -> WorkerSettings:
    """Code in workers may not read where the pods and the keys are."""
    hidden = [place for place in (settings.data_dir, settings.key_file) if place]  # not the key file's folder: that may be anybody's home
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return WorkerSettings(
        network=settings.runtime_network,
        echo_output=settings.echo_output,
        bound_address=f"{settings.scheme}://{host}:{settings.port}",
        hidden=tuple(hidden),
    )


def _own_keys(settings: ServeSettings) -> Keys | None:
    """The keys of the key file, or None if there is none."""
    try:
        return None if settings.key_file is None else read_keys(Path(settings.key_file))
    except ValueError as error:
        raise Failed(str(error)) from error
