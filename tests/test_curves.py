"""The command `linksim curves`: measured points that agree with theory, their table, and their figure."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from linksim.cli import main
from linksim.curves import CODE_RATES, HEADINGS, shannon_db


@pytest.mark.parametrize(("rate", "snr"), [("1/2", 1.0), ("3/4", 2 * 2**0.5 - 1), ("1/1", 3.0)])
def test_the_shannon_limit_of_qpsk(rate: str, snr: float) -> None:
    assert 10 ** (shannon_db(rate) / 10) == pytest.approx(snr)


def test_measured_curves_agree_with_theory(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(main, ["curves", "--out", str(tmp_path), "--blocks", "20", "--seed", "5"], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    assert (tmp_path / "error-rates.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "error-rates.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADINGS
    known = [row for row in rows if row["theory"]]
    inside = [float(row["low95"]) <= float(row["theory"]) <= float(row["high95"]) for row in known]
    assert len(known) == 30
    assert sum(inside) >= 25  # fewer than 25 of 30 intervals at 95 % contain the rate in one of 3,000 runs
    for row in known:
        assert float(row["rate"]) == pytest.approx(float(row["theory"]), rel=0.4)
    for rate in CODE_RATES:
        own = [row for row in rows if f"rate {rate}," in row["curve"]]
        assert (own[0]["errors"], own[-1]["errors"]) == ("20", "0")  # all blocks fail at the limit, none at the end
        assert float(own[0]["snr_db"]) >= shannon_db(rate) - 1e-9
        assert float(own[-1]["snr_db"]) < shannon_db(rate) + 4
