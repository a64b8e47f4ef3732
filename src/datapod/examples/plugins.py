"""The plugins of the founding document: one that changes data, one that logs in by OAuth, one that logs in by password."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx

from datapod import Item, OAuthAuthenticator, PasswordAuthenticator, PluginBase


class MyItem(Item):
    """An item type in list style."""

    properties: ClassVar[list[str]] = Item.properties + ["name", "age"]  # noqa: RUF005 - the founding form
    edges: ClassVar[list[str]] = Item.edges

    def __init__(self, name: Any = None, age: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.age = age


class MySimplePlugin(PluginBase):
    """Gives every adult of the pod another name; the driver writes the changes back."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def run(self) -> None:
        print("running", flush=True)
        for item in self.client.search({"type": "MyItem"}):
            if item.age > 20:
                item.name = "new name"

    def add_to_schema(self) -> None:
        self.client.add_to_schema(MyItem("my name", 10))


class ExampleOAuthAuthenticator(OAuthAuthenticator):
    """Logs in at a service that follows RFC 6749; a plugin's own authenticator has the addresses of its service."""

    SERVICE_URL = "http://localhost:8000"

    def get_oauth_url(self) -> str:
        return f"{self.SERVICE_URL}/authorize?response_type=code&client_id=datapod"

    def get_tokens_from_code(self, code: str) -> dict[str, Any]:
        return self._tokens({"grant_type": "authorization_code", "code": code})

    def refresh_tokens(self, refreshToken: str) -> dict[str, Any]:  # noqa: N803 - a name of the base class
        return self._tokens({"grant_type": "refresh_token", "refresh_token": refreshToken})

    def _tokens(self, form: dict[str, str]) -> dict[str, Any]:
        response = httpx.post(f"{self.SERVICE_URL}/token", data=form)
        response.raise_for_status()
        tokens: dict[str, Any] = response.json()
        return tokens


class ExamplePasswordAuthenticator(PasswordAuthenticator):
    """Logs in at a service that gives a session token for a name and password."""

    SERVICE_URL = "http://localhost:8000"

    def get_token(self, username: str, password: str) -> Any:
        response = httpx.get(self.SERVICE_URL, params={"username": username, "password": password})
        return response.json()["session_token"] if response.status_code == 200 else None


class MyAPIClient:
    """Stands for the client of a service."""

    def __init__(self, token: str) -> None:
        self.token = token

    def get_data(self) -> list[MyItem]:
        return [MyItem("my name", 10), MyItem("my name", 20)]


class MyOAuthPlugin(PluginBase):
    """Logs in by OAuth and creates what the service gives."""

    authenticator = ExampleOAuthAuthenticator

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def run(self) -> None:
        print("running", flush=True)
        auth = self.authenticator(self.client, self.pluginRun)
        auth.authenticate()
        api = MyAPIClient(self.pluginRun.account[0].secret)
        for item in api.get_data():
            self.client.create(item)

    def add_to_schema(self) -> None:
        self.client.add_to_schema(MyItem("my name", 10))


class MyPasswordPlugin(PluginBase):
    """Logs in by password, in test mode, and creates what the service gives."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def run(self) -> None:
        print("running", flush=True)
        auth = PasswordAuthenticator(self.client, self.pluginRun)
        auth.isTest = True
        api = MyAPIClient(auth.authenticate())
        for item in api.get_data():
            self.client.create(item)

    def add_to_schema(self) -> None:
        self.client.add_to_schema(MyItem("my name", 10))
