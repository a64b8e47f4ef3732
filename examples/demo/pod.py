"""The calls that the steps make to `/v1`, over HTTP as anybody would make them. Items go through `datapod.PodClient` instead."""

from typing import Any

import httpx


class Refused(Exception):
    """The server answered with an error."""


class Pod:
    """One owner's way to a server."""

    def __init__(self, address: str, owner_key: str, database_key: str) -> None:
        self.address = address
        self.owner_key = owner_key
        self.database_key = database_key
        self._http = httpx.Client(base_url=address, auth=(owner_key, database_key), timeout=120)

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return self._checked(self._http.get(path, params=parameters))

    def put(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self._checked(self._http.put(path, json=body))

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self._checked(self._http.post(path, json=body))

    def query(self, statement: str) -> list[dict[str, Any]]:
        """The rows of an SQL query, each by column name."""
        rows: list[dict[str, Any]] = self.get("/v1/query", q=statement, format="aos", rowNames="false").json()
        return rows

    def close(self) -> None:
        self._http.close()

    @staticmethod
    def _checked(response: httpx.Response) -> httpx.Response:
        if response.status_code >= 400:
            raise Refused(
                f"{response.request.method} {response.request.url.path} was answered {response.status_code}: {response.text[:2000]}"
            )
        return response
