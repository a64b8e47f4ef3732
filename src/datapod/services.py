"""What a pod does besides keeping items: mail, plugins, triggers, logins at providers. Source: plugin-sdk.md, 5 and 13.5.

A pod that lacks one of them answers 404 `Endpoint not found`; the error names the end point.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]


class ServiceCalls(abc.ABC):
    """These end points as methods; how a request is sent is the deriving class' matter."""

    @abc.abstractmethod
    def _json(self, endpoint: str, payload: Any) -> Any:
        """The decoded answer of an end point of the owner."""

    def send_email(self, to: str, subject: str = "", body: str = "") -> Any:
        return self._json("send_email", {"to": to, "subject": subject, "body": body})

    def send_trigger_status(self, item_ids: Sequence[str], trigger_id: str, status: str) -> Any:
        return self._json("trigger/status", {"item_ids": list(item_ids), "trigger_id": trigger_id, "status": status})

    # Plugins

    def plugin_status(self, ids: Sequence[str]) -> Json:
        """`{"plugins": {id: {"status": ...}}}`; `unreachable` for a run that nobody hears from."""
        answer: Json = self._json("plugin/status", {"plugins": list(ids)})
        return answer

    def plugin_api(self, id: str) -> Json:  # noqa: A002
        """End points of a running plugin: path to `{"method", "args"}`."""
        answer: Json = self._json("plugin/api", {"id": id})
        return answer

    def plugin_api_call(
        self,
        id: str,  # noqa: A002
        method: str,
        endpoint: str,
        query: Json | None = None,
        jsonBody: Any = None,  # noqa: N803
    ) -> Any:
        """What the plugin answers to a call of one of its end points."""
        payload = {"id": id, "method": method, "endpoint": endpoint, "query": query, "jsonBody": jsonBody}
        return self._json("plugin/api/call", payload)

    def plugin_log(self, id: str) -> str:  # noqa: A002
        return str(self._json("get_pluginrun_log", id)["logs"])

    def plugin_runs(self, ids: Sequence[str] | None = None) -> list[Json]:
        """Runs, newest first, with their rights, times and schedules; for the owner only."""
        runs: list[Json] = self._json("plugin/runs", {} if ids is None else {"ids": list(ids)})["runs"]
        return runs

    def plugin_audit(self, id: str) -> Json:  # noqa: A002
        """What a run was granted, touched and refused; for the owner only."""
        answer: Json = self._json("plugin/audit", {"id": id})
        return answer

    def plugin_grant(self, subject: Mapping[str, str], permissions: Mapping[str, Any] | None) -> None:
        """The standing grant of an image or a class; None takes it back. For the owner only."""
        self._json("plugin/grant", {**subject, "permissions": permissions})

    # Logins at providers whose client secrets the pod holds

    def oauth2get_authorization_url(self, platform: str, scopes: str, redirect_uri: str) -> Json:
        """The address that the user visits, and what `oauth2authorize` needs afterwards."""
        answer: Json = self._json("oauth2/auth_url", {"platform": platform, "scopes": scopes, "redirectUri": redirect_uri})
        return answer

    def oauth2authorize(self, *, platform: str, code: str, redirect_uri: str, pkce_verifier: str | None) -> Json:
        """Exchange the code; the pod keeps the tokens and answers `{"accessToken"}`."""
        payload = {"platform": platform, "authCode": code, "redirectUri": redirect_uri, "pkceVerifier": pkce_verifier}
        answer: Json = self._json("oauth2/authorize", payload)
        return answer

    def oauth2get_access_token(self, platform: str) -> Json:
        """`{"accessToken"}`, refreshed by the pod if it has expired; 404 when there is none."""
        answer: Json = self._json("oauth2/access_token", {"platform": platform})
        return answer

    def oauth1_request_token(self, platform: str, callback_url: str) -> Json:
        """`{"oauth_token", "oauth_token_secret"}`."""
        answer: Json = self._json("oauth1_request_token", {"service": platform, "callbackUrl": callback_url})
        return answer

    def oauth1_access_token(self, *, oauth_token: str, oauth_token_secret: str, oauth_verifier: str) -> Json:
        """The same two keys, of the lasting token."""
        payload = {"oauthToken": oauth_token, "oauthTokenSecret": oauth_token_secret, "oauthVerifier": oauth_verifier}
        answer: Json = self._json("oauth1_access_token", payload)
        return answer

    def oauth(self, service: str, callback_url: str) -> Any:
        """The form of `oauth1_request_token` that clients of 2022 call."""
        return self._json("oauth", {"service": service, "callbackUrl": callback_url})
