"""Drives the released `pymldb` 0.8.1 against a server: `with_pymldb.py ADDRESS`. Prints one JSON object.

The package is Python 2 code. The shim stands outside of it: its text is read with `iteritems` as `items`, and nothing else is changed.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys
import types


class _Reader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        return compile(self.get_data(path).replace(b".iteritems()", b".items()"), path, "exec")


class _Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname.partition(".")[0] != "pymldb":
            return None
        spec = super().find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Reader(fullname, spec.origin)
        return spec


sys.meta_path.insert(0, _Finder)

import pymldb  # noqa: E402


def main(address: str) -> None:
    connection = pymldb.Connection(address, notebook=False)
    answers = {"put": connection.put("/v1/datasets/shop", {"type": "sparse.mutable"}).status_code}
    rows = [["a", [["item", "apple", 0], ["price", 1.5, 0]]], ["b", [["item", "pear", 0], ["price", 2, 0]]]]
    answers["post"] = connection.post("/v1/datasets/shop/multirows", rows).status_code
    answers["commit"] = connection.post("/v1/datasets/shop/commit").status_code
    frame = connection.query("select * from shop order by rowName()")
    answers["frame"] = [list(frame.index), list(frame.columns), frame.values.tolist()]
    answers["empty"] = len(connection.query("select * from shop where price > 9"))
    answers["aos"] = connection.query("select price from shop order by price", format="aos", rowNames=False)
    answers["get"] = connection.get("/v1/datasets").json()
    made = {"type": "sql.expression", "params": {"expression": "x + 1 AS y"}}
    connection.put("/v1/functions/next", made)
    answers["application"] = connection.get("/v1/functions/next/application", input={"x": 1}).json()
    try:
        connection.get("/v1/datasets/nope")
    except pymldb.ResourceError as error:
        answers["error"] = [error.result.status_code, "dataset entry 'nope' doesn't exist" in str(error)]
    tracked = connection.put_and_track("/v1/procedures/wait", {"type": "mock", "params": {"durationMs": 1500, "refreshRateMs": 50}}, 0.1)
    answers["tracked"] = [tracked.status_code, tracked.json()["status"]["firstRun"]["state"]]
    answers["delete"] = [connection.delete("/v1/datasets/shop").status_code, connection.delete("/v1/datasets/shop").status_code]
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1])
