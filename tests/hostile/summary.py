"""Summary of the campaign at the end of a run of the tests: one line per test with its numbers of cases, also from other processes."""

import pytest

PROPERTY = "hostile"


class CampaignSummary:
    """Plugin that prints the numbers of each test of the campaign, if any has run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            name = report.nodeid.rpartition("/")[2]
            self.lines += [f"{name}: {value}" for key, value in report.user_properties if key == PROPERTY]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in sorted(self.lines):
            terminalreporter.write_line(line)
