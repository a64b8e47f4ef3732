"""`datapod serve`: read the options, claim the data folder, find the keys, bind the socket, and watch over the server."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

import datapod
from datapod.keyfile import key_file_path, read_keys, store_new_keys
from datapod_server.cli.options import UsageError, parse
from datapod_server.cli.serve_options import SERVE_OPTIONS
from datapod_server.errors import DatapodError, Failed
from datapod_server.server.listening import listen_tcp, listen_unix, url_of
from datapod_server.server.log import start_logging
from datapod_server.server.settings import ServeSettings
from datapod_server.server.supervisor import Supervisor
from datapod_server.storage.folder import DataFolder

_SUMMARY = "Start the server: items, tables, SQL and plugins, encrypted, on one address."
_EPILOG = "Example: datapod serve --data-dir ~/my-pod --port 3030"


def run(argv: list[str]) -> int:
    """Serve until a signal or `POST /v1/shutdown`. Exit statuses: pod-protocol.md, 19.1."""
    try:
        options = parse("serve", _SUMMARY, SERVE_OPTIONS, argv, os.environ, epilog=_EPILOG)
        if options is None:
            return 0
        if options["version"]:
            print(f'datapod {{"cargo":"0.4.4","datapod":"{datapod.__version__}","git_describe":null}}')
            return 0
        settings = settings_of(options)
    except UsageError as error:
        print(f"datapod serve: {error}\nTry: datapod serve --help", file=sys.stderr)
        return 2
    start_logging()
    try:
        return _serve(settings)
    except DatapodError as error:
        print(f"datapod serve: {error}", file=sys.stderr)
        return 1


def settings_of(options: dict[str, Any]) -> ServeSettings:
    """Check what one option means for another. Raises `UsageError`."""
    data_dir = Path(options["data_dir"] or user_data_path("datapod")).expanduser().absolute()
    host, scheme = _address(options)
    certificate = options["tls_pub_crt"] or str(data_dir / "certs" / "pod.crt")
    key = options["tls_priv_key"] or str(data_dir / "certs" / "pod.key")
    if options["trust_loopback"] and not is_loopback(host):
        raise UsageError(f"--trust-loopback works only with a loopback address, and this server would listen on {host}")
    if options["port"] > 65535:
        raise UsageError("--port must be at most 65535")
    _check_owners(options["owners"])
    _check_platforms(options["oauth_platforms"])
    _check_runners(options["insecure_plugin_script"], options["plugins_process"])
    return ServeSettings(
        data_dir=str(data_dir),
        key_file=str(key_file_path()),
        owners=options["owners"],
        host=host,
        port=options["port"],
        listen_socket=options["http_listen_socket"],
        scheme="https" if scheme == "https" else "http",
        tls_certificate=certificate,
        tls_key=key,
        tls_self_signed=options["tls"] == "self-signed",
        shared_server=options["shared_server"],
        trust_loopback=options["trust_loopback"],
        allow_hosts=options["allow_host"],
        allow_origins=options["allow_origin"],
        lock_after_seconds=options["lock_after"],
        account_mode=options["account_mode"],
        implicit_accounts=not options["no_implicit_accounts"],
        max_json_mb=options["max_json_mb"],
        max_file_mb=options["max_file_mb"],
        access_log=options["enable_access_log"],
        plugins_callback_address=options["plugins_callback_address"],
        plugin_scripts=options["insecure_plugin_script"],
        plugin_processes=options["plugins_process"],
        plugins_container_engine=options["plugins_container_engine"],
        plugins_docker_network=options["plugins_docker_network"],
        plugins_docker_pull=options["plugins_docker_pull"],
        use_kubernetes=options["use_kubernetes"],
        plugins_public_domain=options["plugins_public_domain"],
        plugins_max_seconds=options["plugins_max_seconds"],
        plugins_max_memory_mb=options["plugins_max_memory_mb"],
        plugin_token_lifetime_seconds=options["plugin_token_lifetime"],
        unrestricted_plugins=options["unrestricted_plugins"],
        oauth_platforms=options["oauth_platforms"],
        email_smtp_relay=options["email_smtp_relay"],
        email_smtp_port=options["email_smtp_port"],
        email_smtp_user=options["email_smtp_user"],
        email_smtp_password=options["email_smtp_password"],
        email_subject_prefix=options["email_subject_prefix"],
        plugin_directories=options["plugin_directory"],
        runtime_network=options["runtime_network"],
        echo_output=options["echo_output"],
    )


def _check_platforms(path: str | None) -> None:
    if path is not None:
        from datapod_server.outside.platforms import read_platforms

        try:
            read_platforms(Path(path))
        except ValueError as error:
            raise UsageError(f"--oauth-platforms: {error}") from error


def is_loopback(host: str) -> bool:
    """Whether a listening address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(options: dict[str, Any]) -> tuple[str, str]:
    """Host and scheme. Source: the table of pod-protocol.md, 1.7."""
    insecure = options["insecure_non_tls"]
    if insecure is not None:
        try:
            ipaddress.ip_address(insecure)
        except ValueError:
            raise UsageError(f"--insecure-non-tls needs an IP address, not '{insecure}'") from None
        return insecure, "http"
    host = options["host"]
    wants_tls = bool(options["tls_pub_crt"] or options["tls_priv_key"] or options["tls"])
    if options["non_tls"]:
        if not is_loopback(host):
            raise UsageError(f"--non-tls is for loopback; plain HTTP on {host} needs --insecure-non-tls={host}")
        return host, "http"
    return host, "https" if wants_tls or not is_loopback(host) else "http"


def _check_owners(owners: str | None) -> None:
    from datapod_server.admission import Admission
    from datapod_server.errors import Invalid

    if owners is not None:
        try:
            Admission.parse(owners)
        except Invalid as error:
            raise UsageError(f"--owners: {error}") from None


def _check_runners(scripts: tuple[str, ...], processes: tuple[str, ...]) -> None:
    if not (scripts or processes):  # the usual start does without the import
        return
    from datapod_server.runners.settings import parse_process, parse_script

    try:
        for text in scripts:
            parse_script(text)
        for text in processes:
            parse_process(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _serve(settings: ServeSettings) -> int:
    assert settings.data_dir is not None  # noqa: S101 - `datapod serve` always stores
    folder = DataFolder.claim(Path(settings.data_dir))
    try:
        fresh_keys = _ensure_keys(settings)
        _prepare_tls(settings)
        with contextlib.closing(listen_tcp(settings.host, settings.port)) as listener, _unix(settings) as unix:
            address = url_of(settings.scheme, listener)
            bound = settings.at_port(listener.getsockname()[1])
            _warn(settings)
            supervisor = Supervisor(bound, tcp=listener.fileno(), unix=unix, on_ready=lambda: _greet(bound, address, fresh_keys))
            return supervisor.run()
    finally:
        folder.release()


def _ensure_keys(settings: ServeSettings) -> bool:
    """Write the key file at the first start; whether it was written now."""
    if settings.owners is not None or settings.key_file is None:
        return False
    path = Path(settings.key_file)
    try:
        if read_keys(path) is not None:
            return False
        store_new_keys(path)
    except (OSError, ValueError) as error:
        raise Failed(f"The key file {path} cannot be used: {error}") from error
    return True


def _prepare_tls(settings: ServeSettings) -> None:
    if settings.scheme != "https" or settings.tls_certificate is None or settings.tls_key is None:
        return
    if settings.tls_self_signed:
        from datapod_server.server.certificate import ensure_self_signed, write_trusted

        ensure_self_signed(Path(settings.tls_certificate), Path(settings.tls_key), [settings.host, *settings.allow_hosts])
        write_trusted(Path(settings.tls_certificate))
    for name in (settings.tls_certificate, settings.tls_key):
        if not Path(name).is_file():
            raise Failed(
                f"{settings.host} needs TLS, and the file {name} is missing. Ways out: --tls-pub-crt and --tls-priv-key with your own "
                f"files, --tls=self-signed, --insecure-non-tls={settings.host} (plain HTTP), or the default --host 127.0.0.1"
            )
    try:  # here and not in the server alone, which would die and be started again
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate, settings.tls_key, password="")
    except (OSError, ValueError) as error:
        raise Failed(
            f"The certificate {settings.tls_certificate} and the key {settings.tls_key} cannot be used: they must be PEM files that belong "
            "together, the key without a password"
        ) from error


@contextlib.contextmanager
def _unix(settings: ServeSettings) -> Iterator[int | None]:
    """The descriptor of the Unix socket, if one was asked for."""
    if settings.listen_socket is None:
        yield None
        return
    with contextlib.closing(listen_unix(Path(settings.listen_socket).absolute())) as listener:
        yield listener.fileno()


def _warn(settings: ServeSettings) -> None:
    if settings.trust_loopback:
        print("WARNING: --trust-loopback: every program on this machine owns this pod without a key.", file=sys.stderr)
    if settings.scheme == "http" and not is_loopback(settings.host) and not _is_private(settings.host):
        print(f"WARNING: plain HTTP on {settings.host}: the traffic, keys included, can be read and forged on its way.", file=sys.stderr)


def _is_private(host: str) -> bool:
    address = ipaddress.ip_address(host)
    return not address.is_unspecified and (address.is_private or address.is_link_local)


def _greet(settings: ServeSettings, address: str, fresh_keys: bool) -> None:
    """Say where everything is; no keys."""
    lines = [f"Datapod {datapod.__version__} is ready at {address}", f"  data     {settings.data_dir}"]
    if settings.owners is None:
        lines.append(
            f"  keys     {settings.key_file}{' (made now; without it nobody can read the data: keep a copy)' if fresh_keys else ''}"
        )
    else:
        lines.append(f"  owners   {'everybody (ANY)' if settings.owners == 'ANY' else 'the listed hashes'}")
    if settings.listen_socket is not None:
        lines.append(f"  socket   {settings.listen_socket}")
    lines += [
        f"  python   from datapod import connect; client = connect({'' if address.endswith(':3030') else repr(address)})",
        f"  curl     curl -u OWNER_KEY:DATABASE_KEY {address}/v1/datasets     (both keys are in the key file)",
    ]
    with contextlib.suppress(OSError):  # nobody reads it: no reason to stop serving
        print("\n".join(lines), flush=True)
