"""Static and documentation folders of plugins, and Markdown. Source: python-runtime.md, 5.6, 5.7; rest-api.md, 12."""

from __future__ import annotations

import html
import mimetypes
import os
import stat
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct

from datapod_server.errors import Invalid
from datapod_server.messages import Response
from datapod_server.vfs.opened import real_path

_TYPES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".js": "application/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".md": "text/html",
}
_SAFE = (("X-Content-Type-Options", "nosniff"),)
_PAGE_POLICY = ("Content-Security-Policy", "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; frame-ancestors 'self'")
_PAGE = """<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>{title}</title>
<style>body{{font-family:sans-serif;max-width:50em;margin:2em auto;padding:0 1em;line-height:1.5}}
pre,code{{background:#f4f4f4}}pre{{padding:.7em;overflow:auto}}
table{{border-collapse:collapse}}td,th{{border:1px solid #ccc;padding:.3em .6em}}</style>
</head>
<body>
{body}
</body>
</html>
"""


class Folder(Struct, frozen=True):
    """A folder that is served: `route` without slashes (empty for documentation), `place` absolute and without links."""

    route: str
    place: Path


def static_folder(plugin_directory: str, route: str, directory: str) -> Folder:
    """Raises `Invalid` for empty arguments and a folder that is not there."""
    route = route.replace("/", "")
    if not route or not directory:
        raise Invalid("Route and static directory cannot be empty for serving static folder")
    place = Path(plugin_directory) / directory
    if not place.is_dir():
        raise Invalid(f"Cannot serve static folder for path that does not exist: {place}")
    return Folder(route, place.resolve())


def documentation_folder(plugin_directory: str, directory: str) -> Folder:
    """Raises `Invalid` for an empty argument and a folder that is not there."""
    if not directory:
        raise Invalid("Documentation directory cannot be empty")
    place = Path(plugin_directory) / directory
    if not place.is_dir():
        raise Invalid(f"Cannot serve documentation folder for path that does not exist: {place}")
    return Folder("", place.resolve())


def serve(folder: Folder, path: str, address: str) -> Response:
    """The file under `path` (raw, what follows the folder's own address; with its leading slash), or a short text saying why not.

    `address` is the full path of the request, for the redirect of a folder without its final slash.
    """
    relative = unquote(path)
    if ".." in relative.split("/"):
        return Response.text("not dealing with path with .. in it", 400)
    root = folder.place  # as it was when it was registered: code may have put a link in its place since
    named = root / relative.lstrip("/")
    try:
        target = named.resolve()
        target.stat()
    except FileNotFoundError:
        pass  # it may be the page of a Markdown file
    except (OSError, RuntimeError, ValueError):  # no file can have such a name, or a link leads to itself
        return _missing(named)
    if not target.is_relative_to(root):
        return _missing(target)
    if target.is_dir():
        if not path.endswith("/"):
            return Response(301, (("Location", address + "/"),))
        return _index(folder, target)
    if target.name.endswith(".md.html") and not target.is_file():
        return _file(root, target.with_suffix("")) or _missing(target)
    return _file(root, target) or _missing(target)


def render_markdown(text: str, title: str) -> bytes:
    """A whole page around CommonMark with tables; raw HTML in it is cleaned, links to other pages of the folder keep working."""
    import nh3
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = renderer.parse(text)
    for token in tokens:
        for child in token.children or ():
            target = child.attrGet("href") if child.type == "link_open" else None
            if not isinstance(target, str):
                continue
            if target.startswith("http"):
                child.attrSet("target", "_blank")
            elif target.endswith(".md") and "://" not in target:
                child.attrSet("href", target + ".html")
    body = renderer.renderer.render(tokens, renderer.options, {})
    cleaned = nh3.clean(body, attributes={**nh3.ALLOWED_ATTRIBUTES, "a": {"href", "title", "target"}, "code": {"class"}})
    return _PAGE.format(title=html.escape(title), body=cleaned).encode()


def _index(folder: Folder, directory: Path) -> Response:
    for name in ("index.html", "index.md") if not folder.route else ("index.html",):
        page = _file(folder.place, directory / name)
        if page is not None:
            return page
    return Response.text("Directory listing not allowed", 403)


def _file(root: Path, path: Path) -> Response | None:
    """The file as an answer; None if there is none, or if it lies outside of the folder, by links too."""
    content = _content(root, path)
    if content is None:
        return None
    ending = path.suffix.lower()
    if ending == ".md":
        text = content.decode(errors="replace").replace("{{HTTP_BASE_URL}}", "")
        headers = (("Content-Type", "text/html; charset=utf-8"), _PAGE_POLICY, *_SAFE)
        return Response(200, headers, render_markdown(text, path.stem))
    kind = _TYPES.get(ending) or mimetypes.guess_type(path.name)[0] or "text/plain"
    if kind.startswith("text/") or kind == "application/javascript":
        content = content.replace(b"{{HTTP_BASE_URL}}", b"")
        kind += "; charset=utf-8"
    return Response(200, (("Content-Type", kind), ("Content-Security-Policy", "frame-ancestors 'self'"), *_SAFE), content)


def _content(root: Path, path: Path) -> bytes | None:
    try:
        stream = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")  # noqa: PTH123, SIM115 - of a descriptor; closed below
    except OSError:
        return None
    with stream:
        inside = real_path(stream.fileno(), path).is_relative_to(root)
        return stream.read() if inside and stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else None


def _missing(target: Path) -> Response:
    return Response.text(f"File '{target.as_uri()}' doesn't exist", 404)
