"""Batch mode: python-runtime.md, 12."""

from __future__ import annotations

import json
import subprocess

import httpx
import pytest


@pytest.fixture
def run_script(datapod_command, clean_environment, tmp_path):
    """`run_script(source, *options)`: the finished process of `datapod run-script`."""

    def run(source, *options, name="job.py", command="run-script"):
        if source is not None:
            (tmp_path / name).write_text(source)
        file = [name] if command == "run-script" else ["--run-script", name]
        arguments = datapod_command(command, *file, *options)
        return subprocess.run(arguments, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=clean_environment(tmp_path / "home"))

    return run


def test_the_documented_example_runs(run_script):
    result = run_script('print(mldb.script.args["day"])', "--script-args", '{"day": "2026-01-05"}')
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.rstrip().endswith("script runner plugin 2026-01-05")


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("x = 1", 0),
        ("mldb.script.set_return('failure')", 0),
        ("request.set_return('x', 200)", 0),
        ("request.set_return('x', 201)", 1),
        ("request.set_return('x', 500)", 1),
        ("1 / 0", 1),
        ("import sys; sys.exit(0)", 1),
        ("this is no program", 1),
        ("import os; os._exit(0)", 1),
    ],
)
def test_the_exit_status_follows_the_status_of_the_answer(run_script, source, status):
    result = run_script(source)
    assert result.returncode == status
    assert bool(result.stderr) == bool(status)


def test_the_answer_of_a_failed_script_is_printed_unless_muted(run_script):
    assert '"type":"ZeroDivisionError"' in run_script("1 / 0").stderr
    assert run_script("1 / 0", "--mute-final-output").stderr == ""


def test_success_by_result_is_on_request(run_script):
    assert run_script("mldb.script.set_return('success')", "--success", "result").returncode == 0
    assert run_script("mldb.script.set_return('failure')", "--success", "result").returncode == 1


@pytest.mark.parametrize(
    ("options", "name", "status", "text"),
    [
        ((), "job.txt", 1, "Unsupported extension '.txt'"),
        (("--script-args", "{"), "job.py", 1, "not JSON"),
        (("--script-args-url", "file:///nowhere.json"), "job.py", 1, "cannot be read"),
        (("--frobnicate",), "job.py", 2, "--frobnicate"),
    ],
)
def test_bad_input_is_one_clear_message(run_script, options, name, status, text):
    result = run_script("x = 1", *options, name=name)
    assert result.returncode == status
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_script_is_told(run_script):
    result = run_script(None)
    assert (result.returncode, "does not exist" in result.stderr) == (1, True)


def test_arguments_come_from_a_file_too(run_script, tmp_path):
    (tmp_path / "args.json").write_text('[1, 2, "three"]')
    result = run_script("print(mldb.script.args)", "--script-args", "5", "--script-args-url", "args.json")
    assert result.stderr.rstrip().endswith("[1, 2, 'three']")


def test_output_appears_while_the_script_runs(datapod_command, clean_environment, tmp_path):
    (tmp_path / "job.py").write_text("print('first')\nimport time\nwhile True: time.sleep(0.01)")
    command = datapod_command("run-script", "job.py")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=clean_environment(tmp_path / "home")) as process:
        assert process.stderr is not None
        assert process.stderr.readline().rstrip().endswith("first")
        process.terminate()


def test_a_script_records_and_reads_back_and_the_pod_leaves_nothing_behind(run_script, tmp_path):
    source = (
        "ds = mldb.create_dataset({'id': 'd', 'type': 'sparse.mutable'})\n"
        "ds.record_rows([[n, [['x', n, 0]]] for n in range(10)])\nds.commit()\n"
        "print(len(mldb.get('/v1/datasets/d/rows').json()))"
    )
    result = run_script(source)
    assert result.stderr.rstrip().endswith(" 10")
    assert [path.name for path in tmp_path.iterdir()] == ["job.py"]


def test_both_dialects_work_and_tests_are_found(run_script):
    source = (
        "from mldb import mldb, MldbUnitTest, ResponseException\n"
        "class Found(MldbUnitTest):\n"
        "    def test_missing(self):\n"
        "        with self.assertMldbRaises(status_code=404):\n"
        "            mldb.get('/v1/datasets/nope')\n"
        "if __name__ == '__main__':\n    mldb.run_tests()\n"
    )
    result = run_script(source)
    assert result.returncode == 0
    assert "OK" in result.stderr


def test_the_old_command_line_does_the_same(run_script):
    result = run_script("print(mldb.script.args)", "--script-args", "7", "-p", "11700-11799", command="mldb-runner")
    assert result.returncode == 0
    assert "MLDB ready" in result.stderr
    assert run_script("1 / 0", command="mldb-runner").returncode == 1
    refused = run_script("x = 1", "--num-threads", "3", command="mldb-runner")
    assert (refused.returncode, "'num-threads' cannot be less than 4: 3" in refused.stderr) == (1, True)


def test_the_doctor_tells_what_protects_the_data(datapod_command, clean_environment, tmp_path):
    result = subprocess.run(datapod_command("doctor"), capture_output=True, text=True, timeout=60, env=clean_environment(tmp_path))
    for name in ("items encryption", "tables encryption", "Landlock", "seccomp", "container engine"):
        assert name in result.stdout
    assert result.returncode in (0, 1)


def test_packages_are_loaded_first_and_one_that_fails_stops_no_other(run_script, tmp_path):
    for name, main in (("good", "mldb.log('loaded')"), ("bad", "1 / 0")):
        folder = tmp_path / "packages" / name
        folder.mkdir(parents=True)
        (folder / "mldb_plugin.json").write_text(json.dumps({"config": {"id": name, "type": "python", "params": {}}}))
        (folder / "main.py").write_text(main)
    source = "print(mldb.get('/v1/plugins/good').json()['state'])"
    result = run_script(source, "--plugin-directory", (tmp_path / "packages").as_uri())
    assert result.returncode == 0
    assert result.stderr.rstrip().endswith("script runner plugin ok")
    assert "it will be ignored" in result.stderr


def test_without_a_script_the_old_command_line_serves_a_guarded_pod_in_memory(datapod_command, clean_environment, tmp_path, wait_until):
    environment = clean_environment(tmp_path / "home") | {"LITERATE_DOC_BIND_FILENAME": str(tmp_path / "bound.json")}
    command = datapod_command("mldb-runner", "-p", "11700-18000")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        try:
            assert process.stderr is not None
            assert "MLDB ready" in process.stderr.readline()
            address = f"http://127.0.0.1:{json.loads((tmp_path / 'bound.json').read_text())['port']}"
            keys = json.loads((tmp_path / "home" / "pod_keys" / "keys.json").read_text())
            assert httpx.get(f"{address}/v1/datasets").status_code == 401
            auth = (keys["owner_key"], keys["database_key"])
            wait_until(lambda: httpx.get(f"{address}/v1/datasets", auth=auth).status_code == 200)
        finally:
            process.terminate()
            assert process.wait(20) == 0


def test_a_script_goes_on_when_nobody_reads_its_output_any_more(datapod_command, clean_environment, tmp_path):
    (tmp_path / "job.py").write_text(
        "import time\nfor i in range(50):\n    print('x' * 1000)\n    time.sleep(0.005)\nraise ValueError('end')"
    )
    with subprocess.Popen(
        datapod_command("run-script", "job.py"), stderr=subprocess.PIPE, cwd=tmp_path, env=clean_environment(tmp_path / "home")
    ) as process:
        assert process.stderr is not None
        assert process.stderr.read(10)
        process.stderr.close()
        assert process.wait(30) == 1
