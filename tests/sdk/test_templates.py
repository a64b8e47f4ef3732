"""Projects from templates: each of them works as it is made, and nothing that is there is overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import pytest

from datapod.cli.template import SHIPPED, owner_of, plugin_from_template, web_address

REPOSITORY = "https://git.example/ada/boat-log"


def make(capsys, folder, **options):
    plugin_from_template(**{"repo_url": REPOSITORY, "target_dir": folder, **options})
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_each_template_makes_a_project_whose_tests_pass(name, tmp_path, capsys):
    lines = make(capsys, tmp_path, template_name=name, description='Reads "logs"', install_requires="datapod, httpx,pytest")
    assert (lines[0], lines[-1]) == ("Created the following files", f"Created `Boat Log` using the {name} template.")
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    common = {"plugin.py", "schema.py"}
    assert {f"boat_log/{part}" for part in common} <= files
    assert {"setup.py", "setup.cfg", "metadata.json", "Dockerfile", ".gitlab-ci.yml", ".gitignore", "README.md", "LICENSE.txt"} <= files
    assert {"boat_log/model.py" in files, "tools/preload.py" in files} == {name == "classifier_plugin"}
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert (metadata["pluginModule"], metadata["description"]) == ("boat_log.plugin", 'Reads "logs"')
    assert metadata["permissions"]["read"]
    assert "    datapod\n    httpx\n" in (tmp_path / "setup.cfg").read_text()
    assert '"$CI_REGISTRY_IMAGE:latest"' in (tmp_path / ".gitlab-ci.yml").read_text()
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if name == "classifier_plugin":
        path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
        preload = [sys.executable, "tools/preload.py"]
        subprocess.run(preload, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, timeout=60, check=True)


def test_a_made_project_runs_by_its_metadata(command, wire, stored_keys, tmp_path, capsys):
    make(capsys, tmp_path)
    done = command("plugin", "run", "--metadata", "metadata.json", "--pod_full_address", wire.address)
    assert done.returncode == 0, done.stderr
    assert [item["text"] for pod in wire.pods.values() for item in pod.items.values() if item["type"] == "Greeting"] == ["Hello, world!"]


def test_the_command_takes_the_options_of_old_and_of_today(command, tmp_path):
    listed = command("plugin", "new", "--list").stdout.splitlines()
    assert listed == ["Available templates:", *sorted(SHIPPED)]
    made = command("plugin", "new", "--template", "oauth", "--repo-url", REPOSITORY, "--target-dir", "made", "--verbose", "no")
    assert made.stdout == "Created `Boat Log` using the oauth template.\n", made.stderr
    again = command("plugin", "new", "--template=oauth", "--repo_url", REPOSITORY, "--target_dir", "made")
    assert (again.returncode, "is there already; --force overwrites" in again.stderr) == (1, True)
    assert command("plugin", "new", "--template_name", "nonsense", "--repo_url", REPOSITORY).returncode == 1
    assert command("plugin", "new").returncode == 2
    assert command("plugin", "new", "boats", "--template", "oauth").returncode == 2


def test_without_a_repository_it_is_asked_for_and_that_of_git_is_found(command, tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    done = command("plugin", "new", "--template", "basic")
    assert (done.returncode, "pass --repo_url" in done.stderr) == (1, True)
    subprocess.run(["git", "remote", "add", "origin", "git@git.example:ada/boat-log.git"], cwd=tmp_path, check=True)
    assert command("plugin", "new", "--template", "basic").returncode == 0
    assert json.loads((tmp_path / "metadata.json").read_text())["repository"] == REPOSITORY


def test_a_folder_or_an_archive_may_be_the_template(tmp_path, capsys):
    folder = tmp_path / "mine"
    (folder / "small" / "$package_name").mkdir(parents=True)
    (folder / "small" / "$package_name" / "about.txt").write_text("$plugin_name by $user, costs $5")
    make(capsys, tmp_path / "a", template_url=str(folder), template_name="small")
    assert (tmp_path / "a" / "boat_log" / "about.txt").read_text() == "Boat Log by ada, costs $5"
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("repository-main/small/about.txt", "$repo_name")
    make(capsys, tmp_path / "b", template_url=str(tmp_path / "mine.zip"), template_name="small")
    assert (tmp_path / "b" / "about.txt").read_text() == "boat-log"
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../outside.txt", "x")
        archive.writestr("b.txt", "x")
    with pytest.raises(ValueError, match="outside of its folder"):
        make(capsys, tmp_path / "c", template_url=str(tmp_path / "evil.zip"))
    assert not (tmp_path / "outside.txt").exists()
    with pytest.raises(ValueError, match="no zip archive or folder"):
        make(capsys, tmp_path / "d", template_url=str(tmp_path / "nothing"))


@pytest.mark.parametrize(("name", "value"), [("package_name", "a-b"), ("description", 'x"""y'), ("plugin_name", "a\nb")])
def test_what_would_not_be_python_is_refused(name, value, tmp_path, capsys):
    with pytest.raises(ValueError):
        make(capsys, tmp_path, **{name: value})
    assert not list(tmp_path.iterdir())


def test_addresses_of_repositories():
    for address in (
        "git@git.example:ada/boat-log.git",
        "ssh://git@git.example:22/ada/boat-log.git",
        "https://x:key@git.example/ada/boat-log/",
    ):
        assert web_address(address) == REPOSITORY
    assert owner_of(REPOSITORY) == "ada" and owner_of("https://git.example/memri/boat-log") is None
