"""Mail in files: mbox (all messages in one file, each behind a line `From ...`) and Maildir (a file for each message)."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from imapclient.imap_utf7 import decode as decode_folder_name

from datapod.connectors import Checkpoint, Entry, FatalError, RetriableError, Retry, State
from datapod.plugins.mail import Letter, MailFolder, Shelf
from datapod.plugins.mail_text import clean

WAIT_FOR_LOCK = Retry(attempts=5)
_BATCH_MESSAGES = 100
_BATCH_BYTES = 8_000_000
_TAIL_BYTES = 4_096
_SEPARATOR = re.compile(rb"From .*\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b.*\d:\d\d")
"""Also matches what Thunderbird, Gmail and list archives write. Text that begins with "From " has no weekday and time."""
_FLAGS = re.compile(r"[:;!]2,([A-Za-z]*)$")
"""Of a file in `cur`; file systems without ":" in names have one of the others."""
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def file_streams(path: Path, shelf: Shelf) -> list[MailFolder]:
    """A stream for each mbox file and each Maildir folder at or below a path, sorted by name.

    Raises:
        FatalError: There is nothing, or nothing that is mail.
    """
    path = path.expanduser().absolute()
    if not path.exists():
        raise FatalError(f"{path} does not exist")
    if path.is_file():
        return [MboxFile(path, path.name, shelf)]
    streams: list[MailFolder] = []
    for folder, below, names in os.walk(path):
        here = Path(folder)
        if {"cur", "new"} <= set(below):
            streams.append(MaildirFolder(here, _folder_name(here, path), shelf))
        else:
            streams += [MboxFile(here / name, str((here / name).relative_to(path)), shelf) for name in names if _is_mbox(here / name)]
        below[:] = sorted(name for name in below if name not in ("cur", "new", "tmp"))
    if not streams:
        raise FatalError(f"{path} holds neither a Maildir (folders 'cur' and 'new') nor an mbox file (its first line begins with 'From ')")
    return sorted(streams, key=lambda stream: stream.name)


def _is_mbox(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(5) == b"From "


def _folder_name(folder: Path, root: Path) -> str:
    """As an owner reads it: folders of a Maildir are `.Lists.Python` on disk, in the alphabet of IMAP."""
    if folder == root:
        return "INBOX"
    parts = [part.lstrip(".").replace(".", "/") if part.startswith(".") else part for part in folder.relative_to(root).parts]
    return clean(decode_folder_name("/".join(parts).encode("utf-8", "surrogateescape")))


class MboxFile(MailFolder):
    """An mbox file. Its state is the offset behind the last message, and a hash of what stands right before it.

    A file that grew is read from there. One that was replaced or rewritten (as programs do when they remove messages) does not have the
    same bytes before that place, and is read from its beginning: messages that are known are no news.
    """

    def __init__(self, path: Path, folder: str, shelf: Shelf) -> None:
        super().__init__(clean(str(path)), clean(folder), shelf)
        self.path = path

    def read(self, state: State) -> Iterator[Entry]:
        try:
            with self.path.open("rb") as file:
                yield from self._read(file, state)
        except OSError as error:
            raise FatalError(f"{self.path} cannot be read: {error}") from error

    def _read(self, file: BinaryIO, state: State) -> Iterator[Entry]:
        end = WAIT_FOR_LOCK.call(lambda: _settled_size(file), f"locking {self.path}")
        offset = int(state.get("offset", 0))
        if offset > end or _tail(file, offset) != state.get("tail") or not _is_at_message(file, offset, end):
            offset = 0
        if offset == 0 and end and not _is_at_message(file, 0, end):
            raise FatalError(f"{self.path} is no mbox file: its first line does not begin with 'From '")
        batch: list[Letter] = []
        size = 0
        for start, line, raw in _messages(file, offset, end):
            if len(batch) >= _BATCH_MESSAGES or size > _BATCH_BYTES:
                yield from self.entries(batch)
                yield Checkpoint({"offset": start, "tail": _tail(file, start)}, start / end)
                batch, size = [], 0
            batch.append(Letter(f"offset {start}", raw, _separator_time(line)))
            size += len(raw)
        yield from self.entries(batch)
        yield Checkpoint({"offset": end, "tail": _tail(file, end)}, 1.0)


def _settled_size(file: BinaryIO) -> int:
    """The size while no program is delivering into the file; what comes later is for the next run."""
    try:
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        raise RetriableError(f"another program is writing to it ({error})") from error
    size = os.fstat(file.fileno()).st_size
    fcntl.lockf(file, fcntl.LOCK_UN)
    return size


def _tail(file: BinaryIO, offset: int) -> str | None:
    """A hash of what stands before an offset; None at the beginning."""
    start = max(0, offset - _TAIL_BYTES)
    return hashlib.sha256(os.pread(file.fileno(), offset - start, start)).hexdigest() if offset else None


def _is_at_message(file: BinaryIO, offset: int, end: int) -> bool:
    """Whether a message begins there, or the file ends."""
    text = os.pread(file.fileno(), min(64, end - offset), offset).lstrip(b"\r\n")
    return text.startswith(b"From ") or not text


def _messages(file: BinaryIO, offset: int, end: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Offset, separator line and bytes of each message between two offsets."""
    file.seek(offset)
    start, separator, lines = offset, b"", list[bytes]()
    is_blank_before = True
    while offset < end:
        line = file.readline(end - offset)
        if is_blank_before and line.startswith(b"From ") and (not separator or _SEPARATOR.match(line)):
            if separator:
                yield start, separator, _unquoted(lines)
            start, separator, lines = offset, line, []
        elif separator:
            lines.append(line)
        is_blank_before = not line.strip(b"\r\n")
        offset += len(line)
    if separator:
        yield start, separator, _unquoted(lines)


def _unquoted(lines: list[bytes]) -> bytes:
    """Lines of text that begin with "From " were quoted by ">" on their way into the file."""
    if lines and not lines[-1].strip(b"\r\n"):
        lines.pop()  # belongs to the separator
    return _QUOTED.sub(rb"\1", b"".join(lines))


def _separator_time(line: bytes) -> datetime | None:
    """When the message was delivered: `From ann@example.org Sat Jan  3 01:05:34 1996`, of no time zone."""
    found = re.search(rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\w{3}) +(\d{1,2}) (\d\d:\d\d(?::\d\d)?) (?:[A-Z]+ )?([+-]\d{4} )?(\d{4})", line)
    if found is None:
        return None
    weekday, month, day, time, zone, year = (part.decode() if part else "+0000" for part in found.groups())
    try:
        return parsedate_to_datetime(f"{weekday}, {day} {month} {year} {time} {zone}").astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


class _MessageFile(NamedTuple):
    changed_ns: int
    path: str

    @property
    def unique_name(self) -> str:
        """What stays when flags change: `1700000000.M5.host` of `cur/1700000000.M5.host:2,FS`."""
        return _FLAGS.sub("", Path(self.path).name)


class MaildirFolder(MailFolder):
    """A Maildir folder. Its state is the newest time at which the file system changed a file that was read, and the names at that time.

    A delivery, a move into the folder and a new flag all set that time (`ctime`), which nobody can set back, whatever name and date a file
    has. So a flag that changes brings the message here again, and the star follows. A clock that was set back makes the whole folder new:
    messages that are known are no news.
    """

    def __init__(self, path: Path, folder: str, shelf: Shelf) -> None:
        super().__init__(clean(str(path)), folder, shelf)
        self.path = path

    def read(self, state: State) -> Iterator[Entry]:
        try:
            yield from self._read(state)
        except OSError as error:
            raise FatalError(f"{self.path} cannot be read: {error}") from error

    def _read(self, state: State) -> Iterator[Entry]:
        mark, names = int(state.get("changed_ns", 0)), set(state.get("names", ()))
        if mark > time.time_ns():
            mark, names = 0, set()
        fresh = [file for file in self._files() if file.changed_ns > mark or (file.changed_ns == mark and file.unique_name not in names)]
        for start in range(0, len(fresh), _BATCH_MESSAGES):
            batch = fresh[start : start + _BATCH_MESSAGES]
            for letters in _pieces(letter for file in batch if (letter := self._letter(file)) is not None):
                yield from self.entries(letters)
            if batch[-1].changed_ns > mark:
                mark, names = batch[-1].changed_ns, set()
            names |= {file.unique_name for file in batch if file.changed_ns == mark}
            yield Checkpoint({"changed_ns": mark, "names": sorted(names)}, (start + len(batch)) / len(fresh))
        if not fresh:
            yield Checkpoint({"changed_ns": mark, "names": sorted(names)}, 1.0)

    def _files(self) -> list[_MessageFile]:
        """Oldest change first. `tmp` holds what is not delivered yet."""
        entries = [entry for folder in ("new", "cur") for entry in os.scandir(self.path / folder) if entry.is_file()]
        return sorted(_MessageFile(entry.stat().st_ctime_ns, entry.path) for entry in entries if not entry.name.startswith("."))

    def _letter(self, file: _MessageFile) -> Letter | None:
        """None for a message that was removed meanwhile; one that was only renamed has a newer time, and is found by the next run."""
        try:
            with Path(file.path).open("rb") as opened:
                raw, modified = opened.read(), os.fstat(opened.fileno()).st_mtime
        except FileNotFoundError:
            return None
        flags = _FLAGS.search(file.path)
        return Letter(clean(file.unique_name), raw, datetime.fromtimestamp(modified, UTC), flags is not None and "F" in flags.group(1))


def _pieces(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """Lists of letters, each of few megabytes."""
    piece, size = list[Letter](), 0
    for letter in letters:
        piece.append(letter)
        size += len(letter.raw)
        if size > _BATCH_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
