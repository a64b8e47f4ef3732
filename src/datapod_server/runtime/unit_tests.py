"""`MldbUnitTest` and `run_tests`. Source: python-runtime.md, 9.7, 9.8."""

from __future__ import annotations

import io
import json
import re
import sys
import unittest
from types import TracebackType
from typing import Any

from datapod_server.runtime.wrapper import MldbBaseException, TestSuiteFailureException


class _Raises:
    """Context manager of `assertMldbRaises`."""

    def __init__(self, case: unittest.TestCase, expected_regexp: Any, status_code: int | None) -> None:
        self._case = case
        self._pattern = re.compile(expected_regexp) if isinstance(expected_regexp, str) else expected_regexp
        self._status_code = status_code
        self.exception: MldbBaseException | None = None

    def __enter__(self) -> _Raises:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is None:
            raise self._case.failureException(f"{MldbBaseException.__name__} not raised")
        if not isinstance(error, MldbBaseException):
            return False
        self.exception = error
        response: Any = getattr(error, "response", None)
        if self._pattern is not None and not self._pattern.search(response.text):
            raise self._case.failureException(f'"{self._pattern.pattern}" does not match "{response.text}"')
        if self._status_code is not None and response.status_code != self._status_code:
            raise self._case.failureException(f"Status codes are not equal: {response.status_code} != {self._status_code}")
        return True


class MldbUnitTest(unittest.TestCase):
    """Test cases with assertions about query results. Names are the API's."""

    longMessage = True

    def assertTableResultEquals(self, res: list[list[Any]], expected: list[list[Any]], msg: str = "") -> None:  # noqa: N802
        told = _both(msg, res, expected)
        self.assertEqual(len(res), len(expected), told)
        self.assertNotEqual(len(res), 0, told)
        self.assertEqual(set(res[0]), set(expected[0]), told)
        order = [res[0].index(name) for name in expected[0]]
        for row, wanted in zip(res[1:], expected[1:], strict=True):
            self.assertEqual([row[place] for place in order], wanted, told)

    def assertFullResultEquals(self, res: list[dict[str, Any]], expected: list[dict[str, Any]], msg: str = "") -> None:  # noqa: N802
        told = _both(msg, res, expected)
        self.assertEqual(len(res), len(expected), told)
        for row, wanted in zip(res, expected, strict=True):
            self.assertEqual(row["rowName"], wanted["rowName"], told)
            self.assertEqual(sorted(row["columns"], key=str), sorted(wanted["columns"], key=str), told)

    def assertMldbRaises(self, expected_regexp: Any = None, status_code: int | None = None) -> _Raises:  # noqa: N802
        return _Raises(self, expected_regexp, status_code)


def run_tests(mldb: Any) -> str:
    """Run the tests of `__main__`; returns `"success"`, or raises `TestSuiteFailureException`."""
    arguments = mldb.script.args if mldb.script is not None else None
    names: list[str] = []
    if arguments:
        assert isinstance(arguments, list), "the script's arguments must be a list"  # noqa: S101 - the documented exception
        names = [str(argument) for argument in arguments] if arguments[0] else []
    output = io.StringIO()
    runner = unittest.TextTestRunner(stream=output, verbosity=2, buffer=True)
    program = unittest.main(module=sys.modules["__main__"], argv=["mldb", *names], exit=False, testRunner=runner, verbosity=2)
    mldb.log(output.getvalue())
    if not program.result.wasSuccessful():
        raise TestSuiteFailureException(program.result)
    mldb.set_return("success")
    return "success"


def _both(msg: str, res: Any, expected: Any) -> str:
    return f"{msg}\nResult:\n{json.dumps(res, indent=4)}\nExpected:\n{json.dumps(expected, indent=4)}"
