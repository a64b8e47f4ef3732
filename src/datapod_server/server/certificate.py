"""A self-signed certificate for `--tls=self-signed`. Source: pod-protocol.md, 1.7."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from datapod_server.errors import Failed

_VALID_DAYS = 3650


def ensure_self_signed(certificate_file: Path, key_file: Path, names: Sequence[str]) -> None:
    """Make certificate and key (mode 0600) if either is missing, for these names, `localhost` and the loopback addresses.

    Raises `Failed` if they cannot be written.
    """
    if certificate_file.is_file() and key_file.is_file():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Datapod")])
    now = datetime.datetime.now(datetime.UTC)
    wanted = dict.fromkeys([*names, "localhost", "127.0.0.1", "::1"])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in wanted]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        _write(key_file, private)
        _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise Failed(f"the certificate cannot be written to {certificate_file.parent}: {error.strerror}") from error


def trusted_file(certificate_file: Path) -> Path:
    """What plugins are to trust: a file beside the certificate, made by `write_trusted`."""
    return certificate_file.with_name("trusted.pem")


def write_trusted(certificate_file: Path) -> None:
    """Put together the certificate and the usual authorities: plugins reach the pod by the one, other servers by the others.

    Raises `Failed` if it cannot be written.
    """
    path = trusted_file(certificate_file)
    try:
        _write(path, Path(certifi.where()).read_bytes() + certificate_file.read_bytes())
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from error


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
