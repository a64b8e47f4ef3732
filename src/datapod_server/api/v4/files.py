"""Upload and download. The upload calls carry their credentials in the path. Source: pod-protocol.md, 11."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Struct

from datapod_server.api.v4.envelope import Asked, Auth, ClientAuth, authenticate
from datapod_server.api.v4.scopes import check_scope
from datapod_server.errors import Forbidden, Invalid
from datapod_server.messages import Request, Response
from datapod_server.vault import Visit


class FileName(Struct, frozen=True):
    sha256: str


class FileItem(Struct, frozen=True):
    id: str


_auth_decoder: msgspec.json.Decoder[Auth] = msgspec.json.Decoder(Auth)


def upload_file(visit: Visit, request: Request, owner_key: str, credentials: str, sha256: str) -> Response:
    """The database key stands in the path as it is."""
    return _store(visit, request, owner_key, ClientAuth(credentials), sha256)


def upload_file_b(visit: Visit, request: Request, owner_key: str, credentials: str, sha256: str) -> Response:
    """The `auth` object stands in the path, percent-encoded once."""
    try:
        text = unquote_to_bytes(credentials).decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"Failed to decode UTF-8 authorization JSON, {error.reason}") from error
    try:
        auth = _auth_decoder.decode(text)
    except msgspec.DecodeError as error:
        raise Invalid(f"JSON formatting error {error}") from error
    return _store(visit, request, owner_key, auth, sha256)


def get_file(asked: Asked, name: FileName) -> Response:
    pieces = asked.pod.files.read(name.sha256, asked.principal)
    asked.pod.items.audit.note(asked.principal, "file", "File", "read")
    return Response(200, (("Content-Type", "application/octet-stream"),), pieces)


def delete_file(asked: Asked, file: FileItem) -> dict[str, str]:
    asked.pod.files.delete(file.id, asked.principal)
    asked.pod.items.audit.note(asked.principal, "file", "File", "write")
    return {}


def _store(visit: Visit, request: Request, owner_key: str, auth: Auth, sha256: str) -> Response:
    asked = authenticate(visit, owner_key, auth, create=True)
    check_scope(asked.principal, "upload_file_b")
    chunks: Iterable[bytes] = (request.body,) if request.stream is None else request.stream
    try:
        asked.pod.files.store(sha256, chunks, asked.principal)
    except Forbidden as error:
        asked.pod.items.audit.note_refusal(asked.principal, error)
        raise
    asked.pod.items.audit.note(asked.principal, "file", "File", "write")
    return Response.json(b"{}")
