"""The curves a user asks for: points that agree with theory, a table that says so, a figure beside it."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from linksim.cli import main
from linksim.curves import CODE_RATES, HEADINGS, shannon_db


@pytest.mark.parametrize(("rate", "snr"), [("1/2", 1.0), ("3/4", 2 * 2**0.5 - 1), ("1/1", 3.0)])
def test_shannons_limit_of_two_bits_a_symbol(rate: str, snr: float) -> None:
    assert 10 ** (shannon_db(rate) / 10) == pytest.approx(snr)


def test_curves_stand_beside_theory(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(main, ["curves", "--out", str(tmp_path), "--blocks", "20", "--seed", "5"], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    assert (tmp_path / "error-rates.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "error-rates.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADINGS
    known = [row for row in rows if row["theory"]]
    inside = [float(row["low95"]) <= float(row["theory"]) <= float(row["high95"]) for row in known]
    assert len(known) == 30
    assert sum(inside) >= 25  # of 30 intervals of 95 %, fewer than 25 hold in one run of 3,000
    for row in known:
        assert float(row["rate"]) == pytest.approx(float(row["theory"]), rel=0.4)
    for rate in CODE_RATES:
        own = [row for row in rows if f"rate {rate}," in row["what"]]
        assert (own[0]["errors"], own[-1]["errors"]) == ("20", "0")  # all lost at the limit, none at the end
        assert float(own[0]["snr_db"]) >= shannon_db(rate) - 1e-9
        assert float(own[-1]["snr_db"]) < shannon_db(rate) + 4
