"""`plugin_from_template`: a plugin project with container and CI, from a template. Source: plugin-sdk.md, 11.7.

The templates ship with the package; `template_url` names a folder or a zip archive to use instead.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path, PurePosixPath
from string import Template
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from datapod.cli.options import CommandOption, parse, run_command

OPTIONS = (
    CommandOption("list_templates", bool, "Print the names of the templates."),
    CommandOption("user", str, "Account name; the owner of the repository if left out."),
    CommandOption("repo_url", str, "Address of the repository; that of this folder's git if left out."),
    CommandOption("plugin_name", str, "Name for people; made of that of the repository if left out."),
    CommandOption("template_name", str, "Template; basic if left out."),
    CommandOption("package_name", str, "Python package; made of the name of the repository if left out."),
    CommandOption("description", str, "What the plugin does."),
    CommandOption("target_dir", str, "Folder to write to; this one if left out."),
    CommandOption("verbose", bool, "Print the files; yes if left out."),
    CommandOption("install_requires", str, "Further packages, with commas between."),
    CommandOption("template_url", str, "Zip archive or folder to use instead of the shipped templates."),
    CommandOption("force", bool, "Overwrite files that are there."),
)
SHARED_GROUPS = frozenset({"memri", "plugins"})
"""Owners of repositories that are no user."""
_ALWAYS_THERE = frozenset({"pymemri", "datapod", "pytest"})
_OWN_RIGHTS = {"read": {"Greeting": "*"}, "write": {"Greeting": "*"}}
_ONLINE_RIGHTS = {
    "read": {**_OWN_RIGHTS["read"], "Account": "*"},
    "write": {**_OWN_RIGHTS["write"], "Account": "*"},
    "network": "outbound",
}


class ShippedTemplate(NamedTuple):
    """Class and kind of the plugin, the rights that it declares, and its files besides those that all have."""

    class_name: str
    plugin_type: str
    permissions: dict[str, Any]
    files: dict[str, str] = {}  # noqa: RUF012 - of a tuple


SHIPPED = {
    "basic": ShippedTemplate("BasicPlugin", "other", _OWN_RIGHTS),
    "classifier_plugin": ShippedTemplate(
        "ClassifierPlugin",
        "classifier",
        {"read": {"Note": "*", "Judgement": "*"}, "write": {"Judgement": "*"}},
        {"$package_name/model.py": "model.py", "$package_name/utils.py": "utils.py", "tools/preload.py": "preload.py"},
    ),
    "importer": ShippedTemplate("ImporterPlugin", "importer", {}),
    "oauth": ShippedTemplate("OAuthPlugin", "importer", _ONLINE_RIGHTS),
    "password": ShippedTemplate("PasswordPlugin", "importer", _ONLINE_RIGHTS),
}
_FILES = {
    "$package_name/__init__.py": "module_init.py",
    "$package_name/plugin.py": "plugin.py",
    "$package_name/schema.py": "schema.py",
    "tests/test_plugin.py": "test_plugin.py",
    "setup.py": "setup.py",
    "setup.cfg": "setup.cfg",
    "metadata.json": "metadata.json",
    "Dockerfile": "Dockerfile",
    ".gitlab-ci.yml": "gitlab-ci.yml",
    ".gitignore": "gitignore",
    "README.md": "README.md",
    "LICENSE.txt": "LICENSE.txt",
}
"""Files of every project, and the template of each; that of the named template wins over the common one."""
_MODEL = {
    "model_imports": "import re",
    "model_init": 'self.labels = {"good": "positive", "bad": "negative"}',
    "model_predict": 'return [next((self.labels[word] for word in re.findall(r"\\w+", text.lower()) if word in self.labels), "neutral")\n'
    "                for text in texts]",
}


def plugin_from_template(
    list_templates: bool = False,
    user: str | None = None,
    repo_url: str | None = None,
    plugin_name: str | None = None,
    template_name: str = "basic",
    package_name: str | None = None,
    description: str | None = None,
    target_dir: str | Path = ".",
    verbose: bool = True,
    install_requires: str = "",
    template_url: str | None = None,
    force: bool = False,
) -> None:
    """Write a plugin project.

    Raises:
        ValueError: No repository and no `repo_url`, no such template, a name that cannot be a package's, or files in the way.
    """
    if list_templates:
        print("Available templates:", *sorted(SHIPPED), sep="\n", flush=True)
        return
    repository = web_address(repo_url or _repository_here())
    repo_name = repository.rstrip("/").rpartition("/")[2]
    package = package_name or re.sub(r"\W", "_", repo_name.lower())
    if not package.isidentifier():
        raise ValueError(f"'{package}' cannot be a package's name: choose another one with --package_name")
    title = plugin_name or re.sub("[-_]", " ", repo_name).title()
    for text in (title, description or "", user or ""):
        if any(ord(character) < 32 for character in text) or '"""' in text:
            raise ValueError("Names and description are one line each, without triple quotes")
    further = [name.strip() for name in install_requires.split(",")]
    names = {
        "user": user or owner_of(repository) or "",
        "package_name": package,
        "plugin_name": title,
        "repo_name": repo_name,
        "repo_url": repository,
        "description": description or "",
        "install_requires": "\n    ".join(name for name in further if name and name not in _ALWAYS_THERE),
        "year": time.strftime("%Y"),
        **_MODEL,
    }
    files = _files_elsewhere(template_url, template_name) if template_url else _shipped_files(template_name, names)
    written = write_files(dict(files), names, Path(target_dir), force=force)
    if verbose:
        print("Created the following files", *_tree(written, Path(target_dir)), sep="\n")
    print(f"Created `{title}` using the {template_name} template.", flush=True)


def write_files(templates: dict[str, str], names: dict[str, str], target: Path, *, force: bool) -> list[Path]:
    """Fill in paths and contents, and write them; all or, if one is in the way, none. ValueError if one is, or lies outside."""
    written = {}
    for place, content in templates.items():
        relative = PurePosixPath(Template(place).safe_substitute(names))
        if relative.is_absolute() or ".." in relative.parts:
            raise ValueError(f"The template holds a file outside of its folder: {place}")
        written[target / relative] = Template(content).safe_substitute(names)
    present = [path for path in written if path.exists()]
    if present and not force:
        raise ValueError(f"{present[0]} is there already; --force overwrites")
    for path, content in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return list(written)


def _shipped_files(name: str, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    shipped = SHIPPED.get(name)
    if shipped is None:
        raise ValueError(f"There is no template '{name}'; there are {', '.join(sorted(SHIPPED))}")
    permissions = shipped.permissions or _importer_rights()
    names.update(class_name=shipped.class_name, plugin_type=shipped.plugin_type, permissions=json.dumps(permissions))
    # In JSON, what people write needs its quotes escaped.
    in_json = {key: json.dumps(value)[1:-1] if key in ("plugin_name", "description", "repo_url") else value for key, value in names.items()}
    folder = resources.files("datapod.templates")
    for place, template in {**_FILES, **shipped.files}.items():
        own = folder / name / f"{template}.txt"
        text = (own if own.is_file() else folder / "common" / f"{template}.txt").read_text(encoding="utf-8")
        yield place, Template(text).safe_substitute(in_json).replace("$", "$$") if place.endswith(".json") else text


def _importer_rights() -> dict[str, Any]:
    from datapod.connectors import CURSOR_RIGHTS

    return {verb: {**CURSOR_RIGHTS, "Entry": "*"} for verb in ("read", "write")}


def _files_elsewhere(place: str, name: str) -> Iterator[tuple[str, str]]:
    """The text files of a folder or zip archive; those below a folder of the template's name, if there is one.

    Raises:
        ValueError: It cannot be read.
    """
    files = dict(_read_folder(Path(place)) if Path(place).is_dir() else _read_archive(place))
    tops = {path.partition("/")[0] for path in files}
    if len(tops) == 1 and all("/" in path for path in files):  # archives of repositories have one folder around all
        files = {path.partition("/")[2]: text for path, text in files.items()}
    below = {path.removeprefix(f"{name}/"): text for path, text in files.items() if path.startswith(f"{name}/")}
    if not files:
        raise ValueError(f"{place} holds no template")
    yield from (below or files).items()


def _read_folder(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not {".git", "__pycache__"} & set(relative.parts):
            yield relative.as_posix(), path.read_text(encoding="utf-8")


def _read_archive(place: str) -> Iterator[tuple[str, str]]:
    try:
        if urlsplit(place).scheme in ("http", "https"):
            import httpx

            data = httpx.get(place, follow_redirects=True, timeout=60).raise_for_status().content
        else:
            data = Path(place).read_bytes()
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{place} is no zip archive or folder: {error}") from error
    with archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                yield entry.filename, archive.read(entry).decode("utf-8")


def _repository_here() -> str:
    try:
        done = subprocess.run(["git", "config", "--get", "remote.origin.url"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise ValueError(f"git cannot be asked for the repository: {error.strerror}. Pass --repo_url") from error
    if not done.stdout.strip():
        raise ValueError("Could not infer the repository: run this in a folder that git has an origin for, or pass --repo_url")
    return done.stdout.strip()


def web_address(repository: str) -> str:
    """The address of a repository for browsers, without name and password.

    >>> web_address("git@git.example:ada/boat-log.git"), web_address("https://ada:key@git.example/ada/boat-log")
    ('https://git.example/ada/boat-log', 'https://git.example/ada/boat-log')
    """
    if "://" not in repository:
        host, _, path = repository.rpartition("@")[2].partition(":")
    else:
        parts = urlsplit(repository)
        host, path = parts.netloc.rpartition("@")[2], parts.path
        if parts.scheme not in ("http", "https"):
            host = parts.hostname or host  # the port is that of another protocol
    return f"https://{host}/{path.strip('/').removesuffix('.git')}"


def owner_of(repository: str) -> str | None:
    """The account whose repository it is; None for a shared group."""
    owner = urlsplit(repository).path.strip("/").partition("/")[0]
    return None if owner.lower() in SHARED_GROUPS else owner


def _tree(paths: Sequence[Path], top: Path) -> Iterator[str]:
    seen: set[Path] = set()
    for path in sorted(path.relative_to(top) for path in paths):
        for folder in reversed(path.parents[:-1]):
            if folder not in seen:
                seen.add(folder)
                yield f"{'    ' * (len(folder.parts) - 1)}├── {folder.name}/"
        yield f"{'    ' * (len(path.parts) - 1)}├── {path.name}"


def full_names(argv: Sequence[str]) -> list[str]:
    """`--template` of old documentation written out: it is the beginning of two options today."""
    return [re.sub(r"^--template(?==|$)", "--template_name", word) for word in argv]


def command(argv: Sequence[str]) -> int:
    """The command line: `plugin_from_template`."""
    options = parse("plugin_from_template", "Make a plugin project from a template.", OPTIONS, full_names(argv))
    return run_command(lambda: plugin_from_template(**options))


def main() -> int:
    return command(sys.argv[1:])
