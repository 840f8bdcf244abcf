"""The reasons for which a test may be skipped where everything optional is installed, as in the continuous integration.

With the environment variable LINKSIM_STRICT_SKIPS, a test that is skipped for another reason fails the run. The reasons are printed in any
case.
"""

import os
import re
from collections import Counter

import pytest

ALLOWED = {  # pattern of the reason -> why no installation can prevent it
    r"^there is a CUDA device": "the test is about machines without one",
    r"LINKSIM_DATA|is not present|is not on this machine|no data(set)? ": "MNIST, CIFAR-10 and faces are not part of the repository",
    r"^mounting a file system requires privileges": "containers often lack them",
    r"^dropping capabilities requires privileges": "containers often lack them",
    r"^no trained model .*-(wrn|paper)": "models trained at the scale of the papers are not shipped",
    r"^the package ray is not installed": "80 MB for the tests of one engine of sweeps",
    r"^the given list is not beside this checkout": "the list of claims belongs to the environment of the developers",
}


class SkipReport:
    """Plugin that counts the reasons of skipped tests and fails a strict run with reasons that are not in `ALLOWED`."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.strict = "LINKSIM_STRICT_SKIPS" in os.environ

    def unexpected(self) -> list[str]:
        """Return the reasons that are not in `ALLOWED`."""
        return sorted(reason for reason in self.reasons if not any(re.search(pattern, reason) for pattern in ALLOWED))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._count(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._count(report)

    def _count(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons[str(report.longrepr[2]).removeprefix("Skipped: ")] += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.strict and self.unexpected() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for reason, count in sorted(self.reasons.items()):
            terminalreporter.write_line(f"skipped {count}: {reason}")
        if self.strict:
            for reason in self.unexpected():
                terminalreporter.write_line(f"not in tests/skips.py, therefore a failure: {reason}", red=True)
