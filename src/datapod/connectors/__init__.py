"""The connector kit: what importers share, so that an author writes what is particular about a source and nothing else.

record.py, identity.py       what a stream yields, and the ids that follow from it
connector.py                 `Connector` and `Stream`: the two classes that an author overrides
cursor.py, writer.py         how far a stream is, written together with what it accounts for
pod_view.py, plan.py         what the pod has already, and the difference
uploads.py                   contents of files, once per content
http_source.py               asking a source over HTTP: login.py, budget.py, retrying.py, pagination.py
errors.py                    grouped by what the caller does next
fake_provider.py, suite.py   for tests: a server that fails as told, and a suite that every connector should pass

Page: docs/connectors.md.
"""

from __future__ import annotations

from datapod.connectors.budget import RateBudget
from datapod.connectors.connector import CURSOR_RIGHTS, Connector, Stream, known_versions
from datapod.connectors.cursor import ImportCursor, ImportProblem
from datapod.connectors.errors import FatalError, ImportFailed, LoginNeeded, RetriableError, SourceError
from datapod.connectors.http_source import HttpSource
from datapod.connectors.identity import record_id, shared_id
from datapod.connectors.login import BasicLogin, NoLogin, OAuthLogin
from datapod.connectors.pagination import pages_by_link, pages_by_number, pages_by_token
from datapod.connectors.record import BrokenRecord, Checkpoint, Entry, Record, Removed, State
from datapod.connectors.retrying import Retry

__all__ = [
    "CURSOR_RIGHTS",
    "BasicLogin",
    "BrokenRecord",
    "Checkpoint",
    "Connector",
    "Entry",
    "FatalError",
    "HttpSource",
    "ImportCursor",
    "ImportFailed",
    "ImportProblem",
    "LoginNeeded",
    "NoLogin",
    "OAuthLogin",
    "RateBudget",
    "Record",
    "Removed",
    "RetriableError",
    "Retry",
    "SourceError",
    "State",
    "Stream",
    "known_versions",
    "pages_by_link",
    "pages_by_number",
    "pages_by_token",
    "record_id",
    "shared_id",
]
