"""A small OAuth provider over real HTTP: an authorize page that redirects with a code, and a token end point (RFC 6749, 4.1)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.sdk.listening import QuietHandler, listening


class Provider:
    def __init__(self) -> None:
        self.address = ""
        self.codes: set[str] = set()
        self.refresh_tokens: set[str] = {"good refresh token"}
        self.access_tokens: set[str] = set()
        self.authorizations = 0

    def authorize(self, query: dict[str, list[str]]) -> str:
        """The address to go back to, with a code that is good once."""
        self.authorizations += 1
        code = secrets.token_hex(8)
        self.codes.add(code)
        return f"{query['redirect_uri'][0]}?{urlencode({'code': code, 'state': query.get('state', [''])[0]})}"

    def tokens(self, form: dict[str, list[str]]) -> tuple[int, dict[str, str]]:
        if form["grant_type"] == ["authorization_code"]:
            known = form["code"][0] in self.codes
            self.codes.discard(form["code"][0])
        else:
            known = form["refresh_token"][0] in self.refresh_tokens
        if not known:
            return 400, {"error": "invalid_grant"}
        token = secrets.token_hex(8)
        self.access_tokens.add(token)
        return 200, {"access_token": token, "refresh_token": "good refresh token", "token_type": "Bearer"}


@contextmanager
def oauth_provider() -> Iterator[Provider]:
    provider = Provider()

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            place = urlsplit(self.path)
            if place.path == "/authorize":  # the user agrees at once: on to the page after login, and from there back with the code
                self.answer(302, Location=f"{provider.address}/agreed?{place.query}")
            elif place.path == "/agreed":
                self.answer(302, Location=provider.authorize(parse_qs(place.query)))
            else:  # the front end's own page
                self.answer(200)

        def do_POST(self) -> None:
            status, answer = provider.tokens(parse_qs(self.body().decode()))
            self.answer(status, "application/json", json.dumps(answer).encode())

    with listening(Handler) as provider.address:
        yield provider
