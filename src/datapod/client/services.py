"""What a pod does besides keeping items: mail, plugins, triggers, logins at providers. Source: plugin-sdk.md, 4.4 and 13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datapod.client.core import Json
from datapod.client.files import FilesClient
from datapod.schema import OauthFlow


class PodClient(FilesClient):
    """A client of one owner's pod; see the package for what it offers. Close it, or use it in a `with` statement."""

    def send_email(self, to: str, subject: str = "", body: str = "") -> bool:
        return self._attempt("send_email", to, lambda: self.api.send_email(to, subject, body)) is not None

    def send_trigger_status(self, item_ids: Sequence[str], trigger_id: str, status: str) -> bool:
        """Tell the pod how a plugin got on with the items of a trigger."""
        call = self._attempt("send_trigger_status", trigger_id, lambda: self.api.send_trigger_status(item_ids, trigger_id, status))
        return call is not None

    # Plugins

    def plugin_status(self, ids: Sequence[str]) -> Json | None:
        """`{id: {"status": ...}}`, for example `unreachable`; None after an error."""
        answer = self._attempt("plugin_status", "", lambda: self.api.plugin_status(ids))
        return None if answer is None else answer["plugins"]

    def plugin_runs(self, ids: Sequence[str] | None = None) -> list[Json]:
        """Runs, newest first, with rights, times and schedules; for the owner only. Raises PodError."""
        return self.api.plugin_runs(ids)

    def plugin_log(self, id: str) -> str:  # noqa: A002
        """What a run printed; the newest 1 MiB. Raises PodError."""
        return self.api.plugin_log(id)

    def plugin_audit(self, id: str) -> Json:  # noqa: A002
        """What a run was granted, touched and refused; for the owner only. Raises PodError."""
        return self.api.plugin_audit(id)

    def plugin_grant(self, permissions: Mapping[str, Any] | None, container: str | None = None, plugin_path: str | None = None) -> bool:
        """Set the standing grant of an image, or of a class as `package.module.Class`; `permissions=None` takes it back.

        Raises:
            ValueError: Not exactly one of the two is named.
        """
        if bool(container) == bool(plugin_path):
            raise ValueError("plugin_grant needs either `container` or `plugin_path`")
        module, _, name = (plugin_path or "").rpartition(".")
        subject = {"containerImage": container} if container else {"pluginModule": module, "pluginName": name}

        def grant() -> bool:
            self.api.plugin_grant(subject, permissions)
            return True

        return bool(self._attempt("plugin_grant", container or plugin_path or "", grant))

    # Logins at providers whose client secrets the pod holds

    def get_oauth2_authorization_url(self, platform: str, scopes: str, redirect_uri: str) -> Json | None:
        """The address that the user visits, and what `oauth2_authorize` needs afterwards; None after an error."""
        return self._attempt("oauth2", platform, lambda: self.api.oauth2get_authorization_url(platform, scopes, redirect_uri))

    def oauth2_authorize(self, *, platform: str, code: str, redirect_uri: str, pkce_verifier: str | None = None) -> str | None:
        """The access token that the provider gives for the code; the pod keeps the refresh token. None after an error."""
        answer = self._attempt(
            "oauth2",
            platform,
            lambda: self.api.oauth2authorize(platform=platform, code=code, redirect_uri=redirect_uri, pkce_verifier=pkce_verifier),
        )
        return None if answer is None else str(answer["accessToken"])

    def get_oauth2_access_token(self, platform: str) -> str | None:
        """The access token that the pod keeps, refreshed if it has expired; None when there is none, or after another error."""
        answer = self._attempt("oauth2", platform, lambda: self.api.oauth2get_access_token(platform))
        return None if answer is None else str(answer["accessToken"])

    def get_oauth1_request_token(self, platform: str, callback_url: str) -> Json:
        """`{"oauth_token", "oauth_token_secret"}`. Raises PodError."""
        return self.api.oauth1_request_token(platform, callback_url)

    def get_oauth1_access_token(self, oauth_token: str, oauth_verifier: str, oauth_token_secret: str) -> Json:
        """The same two keys, of the lasting token. Raises PodError."""
        return self.api.oauth1_access_token(oauth_token=oauth_token, oauth_token_secret=oauth_token_secret, oauth_verifier=oauth_verifier)

    def get_oauth_item(self) -> OauthFlow | None:
        """The newest stored login, or None."""
        flows = self.search_typed(OauthFlow)
        return max(flows, key=lambda flow: flow.dateCreated, default=None)
