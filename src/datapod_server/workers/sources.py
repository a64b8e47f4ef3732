"""From an address to source texts, and the plugin directory. Source: python-runtime.md, 2.3, 2.4, 2.9."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import msgspec
from msgspec import Struct

from datapod_server.errors import DatapodError, Forbidden, Invalid
from datapod_server.vfs import Vfs
from datapod_server.vfs.opened import real_path
from datapod_server.vfs.url import parse_url
from datapod_server.workers.parameters import PackageElementSources

_LEFT_OUT = (".git", "__pycache__")
_CLONE_SECONDS = 600
_LONGEST_NAME = 200


class Sources(Struct, frozen=True):
    """Code that is ready to run.

    Attributes:
        routes_file: Where the routes text is read at each request; None for inline source.
        main_uri, routes_uri: Under which the code appears in error frames.
        version: What `GET .../version` tells.
    """

    main: str
    routes: str | None
    status: str | None
    routes_file: Path | None
    main_uri: str
    routes_uri: str
    version: dict[str, str]


def folder_name(entity_id: str) -> str:
    """An id as a folder name; ids may hold any character. Raises `Invalid` for the one that collides with the autoload folder."""
    if entity_id == "autoload":
        raise Invalid("a plugin cannot have the id 'autoload': that is the folder of plugins that are loaded at the start")
    name = quote(entity_id, safe="-_.!~*'() ")
    if len(name) > _LONGEST_NAME:  # file systems end at 255 bytes; "%-" is in no name that was only encoded
        return f"{name[:100]}%-{hashlib.sha256(name.encode()).hexdigest()}"
    return name.replace(".", "%2E") if name.strip(".") == "" else name


def inline(source: PackageElementSources) -> Sources:
    """Source text given in the configuration; nothing is written."""
    return Sources(source.main, source.routes or None, source.status or None, None, "/main.py", "/routes.py", {})


def fetch(address: str, directory: Path, vfs: Vfs, *, link: bool = False, sha256: str | None = None) -> Sources:
    """Install the code of an address into `directory`, which is replaced.

    Raises:
        Invalid: The address cannot be read, or holds no `main.py`; the texts are those that clients match.
    """
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    match scheme:
        case "file":
            return _from_file(address, directory, vfs, link=link)
        case "git" | "gist":
            return _from_clone(address, directory, vfs)
        case "http" | "https":
            return _from_download(address, directory, vfs, sha256)
        case _:
            raise Invalid(f"Unsupported URL: {address}")


def installed_before(address: str, directory: Path, vfs: Vfs) -> Sources:
    """The code that an earlier server installed from the address. Raises `Invalid` if it is not there any more."""
    place, _, rest = address.partition("://")
    if place.lower() in ("git", "gist"):
        return _installed(address, directory, _version_of_clone(directory, "https://" + rest.partition("#")[0]), vfs)
    path = str(vfs.local_path(parse_url(address)).absolute()) if place.lower() == "file" else "/" + rest.partition("/")[2]
    return _installed(address, directory, {"address": path}, vfs)


def moved(sources: Sources, directory: Path) -> Sources:
    """The same code after its folder was renamed."""
    file = None if sources.routes_file is None else directory / sources.routes_file.name
    return msgspec.structs.replace(sources, routes_file=file)


def script_source(address: str, vfs: Vfs, workspace: Path) -> tuple[str, str]:
    """Source text and URI of a script's address."""
    found = fetch(address, workspace, vfs)
    return found.main, found.main_uri


def _from_file(address: str, directory: Path, vfs: Vfs, *, link: bool) -> Sources:
    try:
        origin = vfs.local_path(parse_url(address)).absolute()
    except Forbidden as error:  # the server would read it, and put a copy where code may read it
        raise Invalid(str(error)) from error
    if not origin.exists():
        raise Invalid("Source does not exist")
    version = {"address": str(origin)}
    if origin.is_file():
        clear(directory)
        directory.mkdir(parents=True, exist_ok=True)
        _place(origin, directory / "main.py", link=link)
        return _installed(address, directory, version, vfs, routes=False)
    if origin.resolve() == directory.resolve():  # a folder that already is the plugin's own stays where it is
        return _installed(address, directory, version, vfs)
    if vfs.holds_hidden(origin):
        raise Invalid(f"the directory of '{address}' cannot be a plugin: something in it is hidden from code")
    if not (origin / "main.py").is_file():
        raise Invalid(f"the directory of '{address}' has no file main.py")
    clear(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    if link:
        directory.symlink_to(origin, target_is_directory=True)
    else:
        _copy(origin, directory)
    return _installed(address, directory, version, vfs)


def _from_clone(address: str, directory: Path, vfs: Vfs) -> Sources:
    place, _, reference = address.partition("#")
    url = "https://" + place.partition("://")[2]
    clear(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    cloned = _git("clone", "--quiet", "--", url, str(directory))
    if cloned.returncode != 0:
        raise Invalid(f"Git ERROR {cloned.returncode} for {url}: {cloned.stderr.strip()}")
    if reference:
        # "--" after it: a reference that starts with a dash must not become an option
        checked_out = _git("-C", str(directory), "checkout", "--quiet", reference, "--")
        if checked_out.returncode != 0:
            raise Invalid(f"Error checking out commit '{reference}' for repository '{url}'")
    return _installed(address, directory, _version_of_clone(directory, url), vfs)


def _version_of_clone(directory: Path, url: str) -> dict[str, str]:
    told = {
        "branch": _git("-C", str(directory), "rev-parse", "--abbrev-ref", "HEAD").stdout.strip(),
        "revision": _git("-C", str(directory), "rev-parse", "HEAD").stdout.strip(),
        "address": url,
        "message": _git("-C", str(directory), "log", "-1", "--format=%B").stdout.strip(),
    }
    return {name: text for name, text in told.items() if text}


def _from_download(address: str, directory: Path, vfs: Vfs, sha256: str | None) -> Sources:
    try:
        with vfs.open_read(address) as stream:
            content = stream.read()
    except DatapodError as error:
        raise Invalid(str(error)) from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256.lower():
        raise Invalid(f"the download of {address} has another SHA-256 than the one that was given")
    clear(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "main.py").write_text("\n".join(_decoded(content, address).splitlines()) + "\n")
    return _installed(address, directory, {"address": "/" + address.partition("://")[2].partition("/")[2]}, vfs, routes=False)


def _installed(address: str, directory: Path, version: dict[str, str], vfs: Vfs, *, routes: bool = True) -> Sources:
    main = directory / "main.py"
    if not main.is_file():
        raise Invalid(f"the directory of '{address}' has no file main.py")
    routes_file = directory / "routes.py"
    has_routes = routes and routes_file.is_file()
    status_file = directory / "status.py"
    base = address.rstrip("/")
    wanted = {"main": main, "routes": routes_file if has_routes else None, "status": status_file if routes else None}
    try:
        texts = {name: _decoded(read_code(file, vfs), address) for name, file in wanted.items() if file is not None and file.is_file()}
    except OSError as error:
        raise Invalid(f"the code of '{address}' cannot be read: {error}") from error
    return Sources(
        main=texts["main"],
        routes=texts.get("routes"),
        status=texts.get("status"),
        routes_file=routes_file if has_routes else None,
        main_uri=address if address.endswith(".py") else f"{base}/main.py",
        routes_uri=f"{base}/routes.py",
        version=version,
    )


def read_code(file: Path, vfs: Vfs) -> bytes:
    """The content of a file of a plugin. The code may have put a link in its place: what is hidden is not read for it.

    Raises `OSError`; `FileNotFoundError` for what is hidden.
    """
    real = file.resolve()
    if vfs.is_hidden(real):
        raise FileNotFoundError(f"{file} is hidden")
    with open(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:  # noqa: PTH123 - of a descriptor
        if vfs.is_hidden(real_path(stream.fileno(), real)):  # a folder on the way became a link in the meantime
            raise FileNotFoundError(f"{file} is hidden")
        return stream.read()


def _decoded(content: bytes, address: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"the code of '{address}' is no UTF-8 text") from error


def clear(directory: Path) -> None:
    """Remove what was installed before; never what a link points to."""
    if directory.is_symlink():
        directory.unlink()
    elif directory.exists():
        shutil.rmtree(directory)


def _place(origin: Path, target: Path, *, link: bool) -> None:
    if link:
        target.symlink_to(origin)
    else:
        shutil.copyfile(origin, target)


def _copy(origin: Path, directory: Path) -> None:
    root = origin.resolve()
    for folder, names, files in os.walk(origin):
        for name in (*names, *files):
            path = Path(folder) / name
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):  # unlike resolve, fit for a link to itself
                raise Invalid(f"the link {path} points outside of the plugin's directory")
    try:
        shutil.copytree(origin, directory, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    except OSError as error:  # a pipe or a file that may not be read; what was copied before it is of no use
        clear(directory)
        raise Invalid(f"the directory {origin} cannot be copied: {error}") from error


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=_CLONE_SECONDS, env=environment, check=False, errors="replace"
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise Invalid(f"Git ERROR {type(error).__name__}: git could not be run") from error
