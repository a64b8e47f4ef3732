"""Mail and logins at providers. Source: pod-protocol.md, 12, 16."""

from __future__ import annotations

from msgspec import Struct

from datapod_server.api.v4.envelope import Asked
from datapod_server.rights import missing

Tokens = dict[str, str]


class Email(Struct, frozen=True):
    to: str
    subject: str
    body: str


class OnPlatform(Struct, frozen=True):
    platform: str


class Asking(Struct, frozen=True, rename="camel"):
    """For the address at which the owner agrees."""

    platform: str
    scopes: str
    redirect_uri: str


class Authorizing(Struct, frozen=True, rename="camel"):
    platform: str
    auth_code: str
    redirect_uri: str
    pkce_verifier: str | None = None


class Requesting(Struct, frozen=True, rename="camel"):
    """The first step of OAuth 1."""

    service: str
    callback_url: str


class Verifying(Struct, frozen=True, rename="camel"):
    """The last step of OAuth 1."""

    oauth_verifier: str
    oauth_token: str
    oauth_token_secret: str


def send_email(asked: Asked, email: Email) -> dict[str, str]:
    rights = asked.principal.rights
    if rights is not None and not rights.email.match(email.to):
        raise missing("email")
    asked.pod.postbox.send(email.to, email.subject, email.body)
    asked.pod.items.audit.note(asked.principal, "email", email.to.rpartition("@")[2], "write")
    return {}


def auth_url(asked: Asked, asking: Asking) -> Tokens:
    _check(asked, asking.platform)
    return asked.pod.platforms.auth_url(asking.platform, asking.scopes, asking.redirect_uri)


def authorize(asked: Asked, given: Authorizing) -> Tokens:
    _check(asked, given.platform)
    return {"accessToken": asked.pod.platforms.authorize(given.platform, given.auth_code, given.redirect_uri, given.pkce_verifier)}


def access_token(asked: Asked, place: OnPlatform) -> Tokens:
    _check(asked, place.platform)
    return {"accessToken": asked.pod.platforms.access_token(place.platform)}


def request_token(asked: Asked, given: Requesting) -> Tokens:
    _check(asked, given.service)
    return asked.pod.platforms.request_token(given.service, given.callback_url)


def exchange_verifier(asked: Asked, given: Verifying) -> Tokens:
    _check(asked, asked.pod.platforms.platform_of(given.oauth_token))
    return asked.pod.platforms.exchange_verifier(given.oauth_verifier, given.oauth_token, given.oauth_token_secret)


def _check(asked: Asked, platform: str) -> None:
    if asked.principal.rights is not None:
        asked.principal.rights.require_platform(platform)
    asked.pod.items.audit.note(asked.principal, "platform", platform, "read")
