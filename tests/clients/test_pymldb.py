"""The released Python client of the older system as a black box. Source: rest-api.md, 14."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("with_pymldb.py")
EXPECTED = {
    "put": 201,
    "post": 200,
    "commit": 200,
    "frame": [["a", "b"], ["item", "price"], [["apple", 1.5], ["pear", 2.0]]],
    "empty": 0,
    "aos": [{"price": 1.5}, {"price": 2}],
    "get": ["shop"],
    "application": {"output": {"y": 2}},
    "error": [404, True],
    "tracked": [201, "finished"],
    "delete": [204, 204],
}


@pytest.mark.parametrize("means", ["address", "netrc"])
def test_the_client_works_with_keys_in_its_address_or_in_netrc(start_server, tmp_path, means):
    server = start_server()
    server.create_pod()
    address, environment = server.address, dict(os.environ)
    if means == "address":
        address = address.replace("http://", f"http://{server.owner_key}:{server.database_key}@")
    else:
        netrc = tmp_path / "netrc"
        netrc.write_text(f"machine 127.0.0.1\nlogin {server.owner_key}\npassword {server.database_key}\n")
        netrc.chmod(0o600)
        environment["NETRC"] = str(netrc)
    done = subprocess.run([sys.executable, str(SCRIPT), address], capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == EXPECTED
    assert "step 1" in done.stdout + done.stderr  # the progress bars of put_and_track
