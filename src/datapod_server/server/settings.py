"""What a server is told at its start. Crosses from the supervisor to the server process as JSON; holds no key of a pod."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct


class ServeSettings(Struct, frozen=True, kw_only=True):
    """Options of `datapod serve` after the command line and the environment were read. Source: pod-protocol.md, 19.1."""

    data_dir: str | None  # None keeps everything in memory
    key_file: str | None = None  # of the command line; the server reads it, and never writes it
    owners: str | None = None  # as given with --owners; None admits the owner of the key file
    host: str = "127.0.0.1"
    port: int = 3030
    listen_socket: str | None = None
    scheme: Literal["http", "https"] = "http"
    tls_certificate: str | None = None
    tls_key: str | None = None
    tls_self_signed: bool = False
    shared_server: bool = False
    trust_loopback: bool = False
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    lock_after_seconds: float = 300.0
    account_mode: Literal["auto", "implicit", "registered"] = "auto"
    implicit_accounts: bool = True
    max_json_mb: int = 64
    max_file_mb: int = 500
    max_body_mb: int = 1024
    threads: int = 64
    upload_threads: int = 32
    access_log: bool = False
    plugins_callback_address: str | None = None
    plugin_scripts: tuple[str, ...] = ()  # IMAGE=/path
    plugin_processes: tuple[str, ...] = ()  # IMAGE or IMAGE=PYTHON
    plugins_container_engine: str | None = None
    plugins_docker_network: str = "host"
    plugins_docker_pull: Literal["always", "missing", "never"] = "missing"
    use_kubernetes: bool = False
    plugins_public_domain: str | None = None
    plugins_max_seconds: float = 0.0
    plugins_max_memory_mb: int = 0
    plugin_token_lifetime_seconds: float = 0.0
    unrestricted_plugins: Literal["allow", "deny"] = "allow"
    oauth_platforms: str | None = None  # file that describes providers; holds secrets, so the server reads it itself
    email_smtp_relay: str | None = None
    email_smtp_port: int = 465
    email_smtp_user: str | None = None
    email_smtp_password: str | None = None
    email_subject_prefix: str | None = None
    plugin_directories: tuple[str, ...] = ()
    runtime_network: Literal["outbound", "none"] = "outbound"
    echo_output: bool = False

    def at_port(self, port: int) -> ServeSettings:
        """The same with the port that was found free."""
        return msgspec.structs.replace(self, port=port)


class Inherited(Struct, frozen=True):
    """File descriptors that the supervisor opened: listening sockets outlive a crashed server, so that clients wait instead of failing."""

    tcp: int | None
    unix: int | None
    ready: int


class Orders(Struct, frozen=True):
    """The one message from supervisor to server process, on its standard input."""

    settings: ServeSettings
    inherited: Inherited
    restarts: int = 0
