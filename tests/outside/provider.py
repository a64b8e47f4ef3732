"""An OAuth provider as a program of its own: OAuth 2 with PKCE and refresh tokens that are good once, OAuth 1 with checked signatures.

`python provider.py` prints its address; the first line of standard input that arrives ends it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from oauthlib.common import Request
from oauthlib.oauth1.rfc5849 import signature
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header

CLIENT_ID, CLIENT_SECRET = "client", "client secret"
LIFETIME_SECONDS = 90  # the server renews a minute early


class Provider:
    def __init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: set[str] = set()
        self.request_tokens: dict[str, str] = {}
        self.refreshed = 0
        self.lock = threading.Lock()

    def agree(self, query: dict[str, list[str]]) -> str:
        code = secrets.token_hex(8)
        self.codes[code] = {name: values[0] for name, values in query.items()}
        return f"{query['redirect_uri'][0]}?{urlencode({'code': code, 'state': query['state'][0]})}"

    def tokens(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                return 401, {"error": "invalid_client"}
            if form["grant_type"] == "authorization_code":
                asked = self.codes.pop(form["code"], None)
                digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form.get("redirect_uri"):
                    return 400, {"error": "invalid_grant"}
            elif form["refresh_token"] not in self.refresh_tokens:
                return 400, {"error": "invalid_grant", "error_description": "this refresh token was used already"}
            else:
                self.refresh_tokens.discard(form["refresh_token"])
                self.refreshed += 1
            access, refresh = f"access-{self.refreshed}-{secrets.token_hex(4)}", secrets.token_hex(8)
            self.refresh_tokens.add(refresh)
            return 200, {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS}

    def signed(self, uri: str, header: str, token_secret: str) -> dict[str, str] | None:
        """The fields of a request whose signature is right."""
        fields = {name: unquote(value) for name, value in parse_authorization_header(header)}
        request = Request(uri, "POST")
        request.params = [pair for pair in fields.items() if pair[0] not in ("oauth_signature", "realm")]
        request.signature = fields["oauth_signature"]
        return fields if signature.verify_hmac_sha1(request, CLIENT_SECRET, token_secret) else None


def serve() -> None:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            """Silence."""

        def answer(self, status: int, body: str, kind: str = "application/json", **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def do_GET(self) -> None:
            place = urlsplit(self.path)
            if place.path == "/refreshed":
                self.answer(200, json.dumps(provider.refreshed))
            else:
                self.answer(302, "", Location=provider.agree(parse_qs(place.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            if self.path == "/token":
                status, tokens = provider.tokens(dict(parse_qsl(body)))
                self.answer(status, json.dumps(tokens))
                return
            uri, header = f"http://{self.headers['Host']}{self.path}", self.headers.get("Authorization", "")
            token = dict(parse_authorization_header(header)).get("oauth_token", "")
            fields = provider.signed(uri, header, provider.request_tokens.get(token, ""))
            if fields is None or (self.path == "/access" and fields.get("oauth_verifier") != "agreed"):
                self.answer(401, "wrong signature or verifier", "text/plain")
                return
            new, secret = secrets.token_hex(8), secrets.token_hex(8)
            provider.request_tokens[new] = secret
            self.answer(200, urlencode({"oauth_token": new, "oauth_token_secret": secret}), "application/x-www-form-urlencoded")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    serve()
