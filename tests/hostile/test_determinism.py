"""Equal scenarios give equal runs, whatever the process, its hash seed, its threads, its listeners and the number of other links."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from cli_process import ended, started

from hostile.mutations import RESOLVED
from hostile.scale import Campaign, scale
from linksim.errors import LinksimError
from linksim.records import ControlSent, FrameSent, ImageScore, ParameterDecision, Reception, Record
from linksim.scenario.load import scenario_from_text
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.simulate.run import run

EVERYTHING = """
name: everything
frames: 3
channel:
  bob: {snr: {kind: gauss-markov, mean_db: 10}, csi: pilots, fading: {kind: jakes, speed_mps: 2}}
  eve: {snr: {kind: two-state}, fading: {kind: rayleigh}}
eve: inverse-network
jammer: {kind: reactive, jsr_bob_db: 0}
session: {faults: {loss: 0.1, duplicate: 0.1, replay: 0.1, forge: 0.1, bob_restart_ms: 40}}
trace: {images: 4, channel_samples: 20, constellation_frames: 1}
groups:
  open: {scheme: deepjscc, links: 2}
  sealed: {scheme: [permutation, deepjscc], links: 2}
  scrambled: {scheme: [phase-scrambling, deepjscc], jammer: {kind: markov}}
"""
ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "4", "TZ": "Asia/Tokyo"},
    {"PYTHONHASHSEED": "random", "MKL_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "2", "LC_ALL": "C", "MALLOC_PERTURB_": "165"},
    {"PYTHONHASHSEED": "4294967295", "OMP_NUM_THREADS": "2", "PYTHONOPTIMIZE": "1"},
    {"PYTHONHASHSEED": "0", "PYTHONMALLOC": "malloc"},
    {"PYTHONHASHSEED": "123", "COLUMNS": "20", "NO_COLOR": "1", "MALLOC_ARENA_MAX": "1"},
    {"PYTHONDEVMODE": "1"},
]


def test_processes_write_equal_traces(tmp_path: Path, small_models: None, campaign: Campaign) -> None:
    """The bytes of the trace, in processes with other hash seeds, threads, locales, time zones, folders and contents of new memory."""
    (tmp_path / "everything.yaml").write_text(EVERYTHING)
    digests = set()
    for number, environment in enumerate(scale(ENVIRONMENTS[1:3], ENVIRONMENTS)):
        folder = tmp_path / f"folder-{number}"
        folder.mkdir()
        process = started(folder, "run", str(tmp_path / "everything.yaml"), "--no-figures", "--out", "out", environment=environment)
        code, _, err = ended(process)
        assert code == 0, err
        digests.add(hashlib.sha256((folder / "out" / "trace.h5").read_bytes()).hexdigest())
        campaign.counts["processes"] += 1
    assert len(digests) == 1


def records_of(scenario: Scenario, *listeners: Callable[[Record], None]) -> tuple[str, list[str]]:
    """Fingerprint and all records of a run, the latter as text."""
    kept: list[str] = []
    result = run(scenario, [*listeners, lambda record: kept.append(repr(record))])
    return result.fingerprint, kept


@pytest.fixture
def everything(small_models: None) -> Scenario:
    return scenario_from_text(EVERYTHING, "everything.yaml")


def test_listeners_and_threads_change_nothing(everything: Scenario, tmp_path: Path, campaign: Campaign) -> None:
    """With other listeners, with a trace, with other numbers of torch threads, and in two threads of Python at once."""
    first = records_of(everything)
    seen: list[Record] = []
    assert records_of(everything, seen.append, lambda record: None) == first
    assert len(seen) == len(first[1])
    for count in scale((3,), (1, 2, 3, 8)):
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            assert records_of(everything) == first
            assert torch.get_num_threads() == count
        finally:
            torch.set_num_threads(before)
        campaign.counts["runs"] += 1
    traces = [tmp_path / f"{n}.h5" for n in range(2)]
    for path in traces:
        result = run(everything, (seen.append,) if path is traces[0] else (), path)
        assert result.fingerprint == first[0]
    assert traces[0].read_bytes() == traces[1].read_bytes()
    campaign.counts["runs"] += 4


def test_runs_in_threads_at_once(everything: Scenario, campaign: Campaign) -> None:
    first = records_of(everything)
    found: list[tuple[str, list[str]]] = []
    threads = [threading.Thread(target=lambda: found.append(records_of(everything))) for _ in range(scale(2, 6))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [first] * len(threads)
    campaign.counts["runs"] += len(threads)


LIMIT_S = 300.0  # CPU time of a comparison
KINDS = (FrameSent, ControlSent, Reception, ParameterDecision, ImageScore)
OF_NETWORKS = {"mse", "psnr_db", "ssim", "power", "snr_db", "sinr_db", "mean_jsr", "class_received", "class_clean", "class_attacked"}


def of_first_link(groups: dict[str, Any]) -> list[str]:
    """The records of link 0, without the values that a network computes: the size of its batch may change their last bits."""
    kept: list[Record] = []
    options = {name: LinkOptions.model_validate(body) for name, body in groups.items()}
    run(Scenario(name="links", frames=2, groups=options), [kept.append])
    rows = (record for record in kept if isinstance(record, KINDS) and record.link == 0)
    return sorted(repr((type(row).__name__, {k: v for k, v in asdict(row).items() if k not in OF_NETWORKS})) for row in rows)


def test_other_links_change_nothing(small_models: None, campaign: Campaign) -> None:
    """A link of a shipped scenario has the same records alone, beside links of its group, and before another group."""
    bodies = [body for tree in RESOLVED for body in tree["groups"].values() if runs_here(body)]
    for number in campaign.numbers(2, 40):
        draw = campaign.draw(number)
        campaign.check(number, LIMIT_S, partial(compare, draw.choice(bodies), draw.choice(bodies), draw.randint(2, 5)))
    campaign.finish()


def compare(body: dict[str, Any], other: dict[str, Any], links: int) -> str:
    """Compare the first link of a group alone, as one of `links` links, and beside a group with `other` options."""
    try:
        alone, _ = (of_first_link({"first": options | {"links": 1}}) for options in (body, other))
    except LinksimError:
        return "without models or data"
    assert alone
    check_equal(of_first_link({"first": body | {"links": links}}), alone, f"{body['scheme']} with {links} links")
    beside = {"first": body | {"links": 1}, "second": other | {"links": links - 1}}
    check_equal(of_first_link(beside), alone, f"{body['scheme']} beside {other['scheme']}")
    return "links compared"


def check_equal(found: list[str], alone: list[str], what: str) -> None:
    """Check that a link has the records that it has alone. A run ends with its last link, so delayed control frames may still arrive."""
    missing, more = Counter(alone) - Counter(found), Counter(found) - Counter(alone)
    assert not missing, f"{what}: {list(missing)[:2]}"
    late = [record for record in more if not record.startswith("('ControlSent'")]
    assert not late, f"{what}: {late[:2]}"


def runs_here(body: dict[str, Any]) -> bool:
    """Whether the options of a link run with the small models and without public datasets, and its jammer does not sweep over all links."""
    text = str(body)
    return not any(
        word in text for word in ("faces", "ddpg", "reward-table", "white-box", "diffusec-surrogate", "measured", "vit-", "sweep")
    )
