"""The OAuth 2 code flow with PKCE, so that an author only declares the places of a service. Source: RFC 6749, 4.1 and 6; RFC 7636.

The verifier never leaves the process that made it: a code that somebody else catches on its way back is worth nothing.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any, ClassVar
from urllib.parse import urlencode

import httpx

from datapod.authenticators.oauth import OAuthAuthenticator, Tokens
from datapod.client import PodClient
from datapod.schema import PluginRun

_TIMEOUT_SECONDS = 30.0


class TokenRefused(Exception):
    """The service gave no tokens; the text is its error word (RFC 6749, 5.2), never what was sent."""


class CodeFlowAuthenticator(OAuthAuthenticator):
    """Declare `AUTHORIZE_URL`, `TOKEN_URL` and `CLIENT_ID`; call `authenticate`, and `access_token` before each request.

    Raises:
        ValueError: One of them is missing.
    """

    AUTHORIZE_URL: ClassVar[str] = ""
    TOKEN_URL: ClassVar[str] = ""
    CLIENT_ID: ClassVar[str] = ""
    CLIENT_SECRET: ClassVar[str] = ""
    """Of services that want one; no secret towards the owner, who can read the plugin."""
    SCOPE: ClassVar[str] = ""
    REDIRECT_URI: ClassVar[str] = "http://127.0.0.1:8765/"
    """Where the service sends the owner back to; `datapod plugin login` catches what arrives on this machine."""
    EXTRA: ClassVar[dict[str, str]] = {}
    """Further parameters of the address, such as `access_type` for services that give refresh tokens on demand only."""

    def __init__(self, client: PodClient, pluginRun: PluginRun) -> None:  # noqa: N803 - a name of old code
        super().__init__(client, pluginRun)
        missing = [name for name in ("AUTHORIZE_URL", "TOKEN_URL", "CLIENT_ID") if not getattr(self, name)]
        if missing:
            raise ValueError(f"{type(self).__name__} lacks {', '.join(missing)}")
        self._verifier: str | None = None

    def get_oauth_url(self) -> str:
        """The address with a new challenge, and a state by which the one who catches the way back knows its own."""
        self._verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self._verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.CLIENT_ID,
            "redirect_uri": self.REDIRECT_URI,
            "state": secrets.token_urlsafe(16),
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            **({"scope": self.SCOPE} if self.SCOPE else {}),
            **self.EXTRA,
        }
        return f"{self.AUTHORIZE_URL}{'&' if '?' in self.AUTHORIZE_URL else '?'}{urlencode(query)}"

    def get_tokens_from_code(self, code: str) -> Tokens:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.REDIRECT_URI}
        if self._verifier is not None:
            form["code_verifier"] = self._verifier
        return self._exchange(form)

    def refresh_tokens(self, refreshToken: str) -> Tokens:  # noqa: N803 - a name of old code
        return self._exchange({"grant_type": "refresh_token", "refresh_token": refreshToken})

    def _exchange(self, form: dict[str, str]) -> dict[str, Any]:
        own = {"client_id": self.CLIENT_ID, **({"client_secret": self.CLIENT_SECRET} if self.CLIENT_SECRET else {})}
        response = httpx.post(self.TOKEN_URL, data={**form, **own}, headers={"Accept": "application/json"}, timeout=_TIMEOUT_SECONDS)
        try:
            content = response.json()
        except ValueError:
            content = None
        if response.is_success and isinstance(content, dict):
            return content
        reason = content.get("error") if isinstance(content, dict) else None
        raise TokenRefused(f"{self.TOKEN_URL} answered {response.status_code} {reason or 'without tokens'}")
