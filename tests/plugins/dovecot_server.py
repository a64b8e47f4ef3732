"""A real IMAP server for tests: Dovecot from Debian, as a process, with one user, a Maildir and a certificate that nobody knows."""

from __future__ import annotations

import imaplib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "ann@example.org", "right-horse"

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
ssl_dh =
disable_plaintext_auth = yes
auth_mechanisms = plain login{token_mechanism}
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
maildir_very_dirty_syncs = no
default_internal_user = dovecot
default_login_user = dovenull
{token_passdb}
passdb {{
  driver = static
  args = user={login} password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Junk {{
    special_use = \\Junk
    auto = create
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""

TOKEN_PASSDB = """passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/tokens.conf
}}
"""


def is_installed() -> bool:
    return shutil.which("dovecot") is not None and os.getuid() == 0


class DovecotServer:
    """Running from construction to `close`.

    Args:
        token_info: An address; with an access token behind it, it answers whose token that is (`{"email": ...}`), or 401.
    """

    def __init__(self, token_info: str = "") -> None:
        # Its processes leave root behind and have to reach their files: the folders of pytest are open to root only.
        folder = Path(tempfile.mkdtemp(prefix="datapod-dovecot-"))
        folder.chmod(0o755)
        self.folder = folder
        self.certificate = folder / "certificate.pem"
        self._write_certificate()
        self.plain_port, self.tls_port = _free_port(), _free_port()
        self.maildir = folder / "mail" / USER
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "mail", "mail")
        config = folder / "dovecot.conf"
        values = {"folder": folder, "plain_port": self.plain_port, "tls_port": self.tls_port, "login": USER, "password": PASSWORD}
        tokens = {"token_mechanism": " xoauth2", "token_passdb": TOKEN_PASSDB.format(folder=folder)} if token_info else {}
        (folder / "tokens.conf").write_text(f"tokeninfo_url = {token_info}\nintrospection_mode = get\nusername_attribute = email\n")
        config.write_text(CONFIG.format(user="mail", group="mail", **({"token_mechanism": "", "token_passdb": ""} | tokens | values)))
        self._command = ["dovecot", "-F", "-c", str(config)]
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._wait()

    def config(self, **more: object) -> dict[str, object]:
        """Of a run of the plugin."""
        return {
            "host": "localhost",
            "port": self.tls_port,
            "user": USER,
            "password": PASSWORD,
            "certificates": str(self.certificate),
        } | more

    def session(self) -> imaplib.IMAP4_SSL:
        connection = imaplib.IMAP4_SSL("localhost", self.tls_port, ssl_context=ssl.create_default_context(cafile=str(self.certificate)))
        connection.login(USER, PASSWORD)
        return connection

    def put(self, *messages: bytes, folder: str = "INBOX", flags: str = "") -> None:
        """Store messages."""
        with self.session() as connection:
            connection.create(f'"{folder}"')
            for message in messages:
                status, answer = connection.append(f'"{folder}"', flags, "", message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
                assert status == "OK", answer

    def renumber(self) -> None:
        """Give all folders another UIDVALIDITY, as a restored or converted mail store has it."""
        for path in [path for path in self.maildir.rglob("dovecot*") if path.name != "dovecot-uidlist"]:
            path.unlink()
        for path in self.maildir.rglob("dovecot-uidlist"):
            # Without this file Dovecot takes the time in seconds, which may be the same second as before.
            version, validity, *_ = path.read_text().split()
            path.write_text(f"{version} V{int(validity[1:]) + 1_000} N1\n")

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.session().logout()
                return
            except OSError:
                ended = self.process.poll() is not None
                said = self.process.stderr.read().decode() if ended and self.process.stderr else ""
                log = self.folder / "log"
                assert not ended and time.monotonic() < deadline, said + (log.read_text() if log.exists() else "")
                time.sleep(0.02)

    def _write_certificate(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(1)
        )
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = builder.sign(key, hashes.SHA256())
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        (self.folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            if self.process.stderr is not None:
                self.process.stderr.close()
            shutil.rmtree(self.folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
