"""Contents of files: uploaded before the records that point to them are written, and once per content.

A pod takes a content only when a `File` item names its hash. So the item comes first, then the content, then the record with the cursor;
the file's `externalId`, set with the record's other properties in that last step, says that the content is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datapod.client import PodClient
from datapod.connectors.pod_view import PodView
from datapod.connectors.record import Record
from datapod.errors import PodError
from datapod.schema import File

Json = dict[str, Any]


def upload(records: Sequence[Record], view: PodView) -> None:
    """Bring all contents of these records into the pod; `view` learns of the `File` items that were made for it."""
    files = [(part.item, record.contents) for record in records for part in record.parts if isinstance(part.item, File)]
    contents = {str(item.sha256): found[str(item.sha256)] for item, found in files if str(item.sha256) in found}
    for item, _ in files:
        item.externalId = item.sha256
    missing = _missing(view.client, list(contents))
    waiting = [item for item, _ in files if item.sha256 in missing and item.id not in view.items]
    if waiting:
        early = [{"id": item.id, "type": "File", "sha256": item.sha256} for item in {item.id: item for item in waiting}.values()]
        view.client.api.bulk(create_items=early)
        for json in early:
            view.items[str(json["id"])] = json
            view.edges[str(json["id"])] = set()
    for digest in missing:
        _send(view.client, contents[digest])


def _missing(client: PodClient, digests: list[str]) -> list[str]:
    """Those that no `File` item of the pod says to be there."""
    if not digests:
        return []
    searches: list[Json] = [{"type": "File", "sha256": digest, "externalId": digest, "deleted": False, "_limit": 1} for digest in digests]
    answer = client.api.bulk(search=searches)["search"]
    return [digest for digest, found in zip(digests, answer, strict=True) if not found]


def _send(client: PodClient, content: bytes) -> None:
    try:
        client.api.upload_file(content)
    except PodError as error:
        if error.status != 409:  # it is there already
            raise
