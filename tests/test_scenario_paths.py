"""Where things lie: in a checkout, in an installed package, and in the user's cache."""

from pathlib import Path

import pytest

from linksim import places


def test_a_checkout_has_them_beside_the_package() -> None:
    root = Path(__file__).resolve().parent.parent
    assert places.shipped_scenarios() == root / "scenarios"
    assert places.shipped_models() == root / "models"


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "linksim" / "shipped" / "scenarios").mkdir(parents=True)
    (tmp_path / "scenarios").mkdir()  # another package's
    monkeypatch.setattr(places, "PACKAGE", tmp_path / "linksim")
    assert places.shipped_scenarios() == tmp_path / "linksim" / "shipped" / "scenarios"


@pytest.mark.parametrize(
    ("own", "xdg", "found"),
    [("/own", "/xdg", "/own"), ("", "/xdg", "/xdg/linksim"), ("", "relative", "/home/u/.cache/linksim"), ("~/c", "", "/home/u/c")],
)
def test_the_cache_is_where_the_user_says(own: str, xdg: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/u")
    monkeypatch.setenv("LINKSIM_CACHE", own)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert places.cache() == Path(found)
