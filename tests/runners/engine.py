"""A real podman of the tests' own: its storage lies in a folder that is thrown away, and images are made of this machine's files."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_SETTINGS = """
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
"""
_SHELL_PROGRAMS = ("sh", "cat", "echo", "env", "sleep")
_LEFT_OUT = ("__pycache__", "test", "tests", "idlelib", "tkinter", "ensurepip", "site-packages", "turtledemo", "lib2to3")


class Engine:
    """Podman with its environment. Every image is made of files of this machine, so that no registry is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        storage = folder / "storage.conf"
        storage.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n')
        (folder / "containers.conf").write_text(_SETTINGS)
        self.environment = {"CONTAINERS_CONF": str(folder / "containers.conf"), "CONTAINERS_STORAGE_CONF": str(storage)}

    def ask(self, *arguments: str, check: bool = True) -> str:
        """What `podman ...` prints."""
        done = subprocess.run(["podman", *arguments], capture_output=True, text=True, env=os.environ | self.environment, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.strip()

    def names(self) -> list[str]:
        """All containers, whatever state they are in."""
        return self.ask("ps", "--all", "--format", "{{.Names}}").split()

    def make_shell_image(self, name: str, script: str) -> None:
        """An image that runs a shell script."""
        programs = [found for program in _SHELL_PROGRAMS if (found := shutil.which(program))]
        self._make(name, [(program, f"/bin/{Path(program).name}") for program in programs], programs, ["/bin/sh", "-c", script])

    def make_python_image(self, name: str, plugins: Path, command: Sequence[str]) -> None:
        """An image with Python, the SDK without the server, and the modules of one folder."""
        python = str(Path(sys.executable).resolve())
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        library = Path(sysconfig.get_path("stdlib"))
        files = [(python, "/opt/bin/python3"), *_below(library, f"/opt/lib/{version}"), *_distribution_files("datapod")]
        files += [*_below(Path("src/datapod"), "/app/datapod"), *_below(plugins, "/app")]
        files += [(found, "/bin/sh") for found in [shutil.which("sh")] if found]
        binaries = [source for source, _ in files if source == python or ".so" in source]
        self._make(name, files, binaries, list(command), environment={"PYTHONPATH": "/app", "PATH": "/opt/bin:/bin"})

    def _make(
        self,
        name: str,
        files: Iterable[tuple[str, str]],
        binaries: list[str],
        command: list[str],
        environment: dict[str, str] | None = None,
    ) -> None:
        archive = self.folder / "image.tar"
        with tarfile.open(archive, "w") as tar:
            for folder in ("tmp", "etc"):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
                tar.addfile(entry)
            every = {target: source for source, target in files} | {library: library for library in _libraries(binaries)}
            for target, source in every.items():
                tar.add(os.path.realpath(source), target.lstrip("/"))
        changes = [f"CMD {json.dumps(command)}", *(f"ENV {key}={value}" for key, value in (environment or {}).items())]
        self.ask("import", "--quiet", *(f"--change={change}" for change in changes), str(archive), name)
        archive.unlink()


def _libraries(binaries: Sequence[str]) -> set[str]:
    """The shared libraries that programs and modules need, and the program that loads them."""
    listing = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"(/\S+)(?: \(0x)", listing))


def _below(folder: Path, target: str) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and path.suffix != ".a" and not any(part in _LEFT_OUT for part in inside.parts):
            yield str(path), f"{target}/{inside}"


def _distribution_files(name: str) -> Iterator[tuple[str, str]]:
    """The files of everything that a distribution requires without its extras."""
    wanted, seen = [name], set()
    while wanted:
        current = wanted.pop()
        if current in seen:
            continue
        seen.add(current)
        try:
            distribution = importlib.metadata.distribution(current)
        except importlib.metadata.PackageNotFoundError:
            continue  # needed on other systems or versions only
        wanted += [re.split(r"[ ;<>=!~\[(]", text)[0] for text in distribution.requires or [] if "extra ==" not in text]
        if current != name:
            for file in distribution.files or []:
                path = Path(str(file.locate()))
                if ".." not in file.parts and "__pycache__" not in file.parts and path.is_file():
                    yield str(path), f"/app/{file}"


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Skips the test where podman is missing or cannot start containers."""
    if sys.platform != "linux" or shutil.which("podman") is None or shutil.which("runc") is None:
        pytest.skip("podman and runc are not installed: apt-get install podman runc")
    if os.getuid() != 0:
        pytest.skip("these tests start containers as root only")
    folder = Path(tempfile.mkdtemp(prefix="dp-"))  # a short path: podman makes sockets below it
    engine = Engine(folder)
    try:
        yield engine
    finally:
        engine.ask("rm", "--force", "--all", check=False)
        engine.ask("rmi", "--force", "--all", check=False)
        shutil.rmtree(folder, ignore_errors=True)
