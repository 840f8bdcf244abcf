"""Tests of the views of a trace: joins by exact keys and rewards of decisions, against loops over records."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trace_files import SHAPES, blank

import linksim
from linksim.adapt.reward import reward
from linksim.api import Run
from linksim.context import Simulation
from linksim.enums import Node, Outcome
from linksim.negotiation import Bound
from linksim.nodes.decision_rewards import RewardRecorder, round_reward
from linksim.records import FILL, DecisionReward, FrameSent, ImageScore, LinkCreated, ParameterDecision, Reception, Record
from linksim.trace.layout import RunMetadata
from linksim.trace.reader import open_trace
from linksim.trace.writer import TraceWriter
from linksim.views.image_rows import OF_RECEPTION
from linksim.views.join import find_rows
from linksim.worker import Worker

GROUPS = ("open", "sealed")
PARAMETERS = (Bound("steps", 1, 9, "1", "steps"), Bound("label", 0, 9, "1", "a parameter with the name of a column of the scores"))


def random_records(seed: int = 1) -> list[Record]:
    """Return the records of three links: retransmitted frames, lost rows, Bob and Eve, decisions that are in force and others."""
    draw, found = np.random.default_rng(seed), list[Record](LinkCreated(link=link, group=link % 2) for link in range(3))
    for link in range(3):
        time_ns = 0
        for number in range(40):
            time_ns += int(draw.integers(1, 50))
            chosen = {"steps": int(draw.integers(1, 3)), "label": 4} if link % 2 else {"steps": int(draw.integers(1, 3))}
            if number % 3 == 0:
                decision = {**blank(ParameterDecision), "time_ns": time_ns, "link": link, "sequence": number, "parameters": chosen}
                found.append(ParameterDecision(**decision))
            for attempt in range(int(draw.integers(1, 4))):
                time_ns += int(draw.integers(0 if attempt == 0 else 1, 3))
                found += transmission(draw, link, number, attempt, time_ns, chosen)
            found += scores(draw, link, number, time_ns)
    return with_rewards(found, draw)


def with_rewards(found: list[Record], draw: np.random.Generator) -> list[Record]:
    """Return the records with rewards in the order of a run: those of a frame come late, and frames overtake each other."""
    simulation, emitted = Simulation(Worker()), list[Record]()
    recorder, late = RewardRecorder(simulation), dict[tuple[int, int], list[Record]]()
    simulation.listen(emitted.append)

    def complete(link: int, frame: int) -> None:
        for record in late.pop((link, frame)):
            simulation.emit(record)
        recorder.completed(link, frame)

    for record in found:
        if not isinstance(record, FrameSent | Reception | ImageScore):
            simulation.emit(record)
            continue
        if (key := (record.link, record.frame)) not in late:
            recorder.created(*key)
            if len(late) > 3:
                complete(*list(late)[draw.integers(len(late))])
        late.setdefault(key, []).append(record)
    for key in list(late):
        complete(*key)
    recorder.finish()
    return emitted


def transmission(draw: np.random.Generator, link: int, number: int, attempt: int, time_ns: int, chosen: dict[str, int]) -> Iterator[Record]:
    """Yield the rows of one transmission; one row of ten is missing."""
    key: dict[str, Any] = {"link": link, "frame": number, "time_ns": time_ns}
    outcome = draw.choice([Outcome.DECODED, Outcome.DAMAGED, Outcome.DECODED])
    values = {"attempt": attempt, "epoch": number % 7, "assumed_snr_db": draw.normal(), "parameters": chosen, "outcome": int(outcome)}
    if draw.random() > 0.1:
        yield FrameSent(**{**blank(FrameSent), **key, **values})
    for receiver in (Node.BOB, Node.EVE):
        if draw.random() > 0.1:
            yield Reception(**{**blank(Reception), **key, "receiver": receiver, **{name: draw.normal() for name in OF_RECEPTION}})


def scores(draw: np.random.Generator, link: int, number: int, time_ns: int) -> Iterator[ImageScore]:
    """Yield the scores of two images at both receivers; some have no SSIM or no classes."""
    for receiver in (Node.BOB, Node.EVE):
        for image in range(2):
            clean, attacked, received = draw.integers(0, 3, 3).tolist()
            classes = {"class_clean": clean, "class_attacked": attacked, "class_received": received} if draw.random() > 0.2 else {}
            ssim = draw.random() if draw.random() > 0.2 else None
            key = {"link": link, "frame": number, "time_ns": time_ns, "receiver": receiver, "image": image, "label": clean}
            yield ImageScore(**{**blank(ImageScore), **dict.fromkeys(("class_clean", "class_attacked", "class_received")), **key, **classes,
                                "ssim": ssim})  # fmt: skip


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return random_records()


@pytest.fixture(scope="module")
def run(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    path = tmp_path_factory.mktemp("views") / "trace.h5"
    with TraceWriter(path, RunMetadata("frames: 1\n", 1, {}, {}, {}, PARAMETERS), SHAPES, {("links", "group"): GROUPS}) as writer:
        for record in records:
            writer(record)
        writer.close("f00d")
    with Run(open_trace(path)) as opened:
        yield opened


def of(records: list[Record], kind: type[Any], **key: Any) -> list[Any]:
    return [r for r in records if isinstance(r, kind) and all(getattr(r, name) == value for name, value in key.items())]


def comparable(value: Any) -> Any:
    """A value of a view or a record: None for an absent one, floats as they are stored."""
    if value is None or value is np.ma.masked or value != value:
        return None
    return np.float32(value).item() if isinstance(value, float) else value


def test_image_rows_are_those_of_a_loop_over_all_records(records: list[Record], run: Run) -> None:
    found, absent = run.table("image_rows"), 0
    wanted = of(records, ImageScore)
    assert len(found["time_ns"]) == len(wanted) == 3 * 40 * 4
    for i, score in enumerate(wanted):
        key = {"link": score.link, "frame": score.frame, "time_ns": score.time_ns}
        receptions, frames = of(records, Reception, **key, receiver=score.receiver), of(records, FrameSent, **key)
        expected = {"group": GROUPS[score.link % 2], **key, "image": score.image, "receiver": Node.words()[score.receiver]}
        expected |= {name: getattr(score, name) for name in ("label", "ssim", "class_clean", "class_attacked", "class_received")}
        expected |= {name: getattr(receptions[0], name) if receptions else None for name in OF_RECEPTION}
        expected |= {name: getattr(frames[0], name) if frames else None for name in ("attempt", "epoch", "assumed_snr_db")}
        sent = frames[0].parameters if frames else {}
        expected |= {"steps": sent.get("steps"), "frames_label": sent.get("label")}
        absent += not frames
        assert {name: comparable(found[name][i]) for name in expected} == {name: comparable(value) for name, value in expected.items()}
    assert 0 < absent < len(wanted) / 2


def test_decision_rewards_are_those_of_a_loop_over_all_records(records: list[Record], run: Run) -> None:
    found, decisions = run.table("decision_rewards"), of(records, ParameterDecision)
    for i, decision in enumerate(decisions):
        later = [other.time_ns for other in of(records, ParameterDecision, link=decision.link) if other.time_ns > decision.time_ns]
        counted = []
        for frame in of(records, FrameSent, link=decision.link, outcome=Outcome.DECODED, parameters=decision.parameters):
            if decision.time_ns < frame.time_ns < min(later, default=frame.time_ns + 1):
                counted += of(records, ImageScore, link=frame.link, frame=frame.frame, time_ns=frame.time_ns, receiver=Node.BOB)
        parts = round_reward(counted)
        assert (found["link"][i], found["time_ns"][i], found["group"][i]) == (decision.link, decision.time_ns, GROUPS[decision.link % 2])
        assert found["images"][i] == (parts.images if parts else 0)
        values = [found[name][i] for name in ("ssim", "adv_share", "err_share", "reward")]
        if parts:
            assert values == [parts.ssim, parts.adv, parts.err, reward(parts.ssim, parts.adv, parts.err)]
        else:
            assert np.isnan(values).all()
    assert 0 < np.count_nonzero(found["images"]) < len(decisions)


def test_a_reward_is_emitted_when_its_round_is_over_and_its_frames_are_complete(records: list[Record]) -> None:
    """Rewards of a link are in the order of its decisions, and none precedes the next decision or a score that counts for it."""
    for link in range(3):
        own = [record for record in records if getattr(record, "link", None) == link]
        decisions, rewards = of(own, ParameterDecision), of(own, DecisionReward)
        assert [(r.time_ns, r.sequence) for r in rewards] == [(d.time_ns, d.sequence) for d in decisions]
        assert 0 < own.index(rewards[0]) < own.index(decisions[-1])
        for this, following, found in zip(decisions, decisions[1:], rewards, strict=False):
            assert own.index(this) < own.index(found) <= len(own)
            late = [r for r in own[own.index(found) :] if isinstance(r, ImageScore) and this.time_ns < r.time_ns < following.time_ns]
            assert not late


def test_rewards_that_a_killed_run_has_not_emitted_are_absent(records: list[Record], tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t.h5", RunMetadata("", 1, {}, {}, {}, PARAMETERS), SHAPES, {("links", "group"): GROUPS}) as writer:
        for record in records:
            if not isinstance(record, DecisionReward) or record.link:
                writer(record)
        writer.close("f00d")
    with linksim.open_trace(tmp_path / "t.h5") as run:
        found = run.table("decision_rewards")
    lost = found["link"] == 0
    assert found["images"].mask[lost].all()
    assert not found["images"].mask[~lost].any()
    assert np.isnan(found["reward"][lost]).all()


def test_keys_of_several_columns_are_exact() -> None:
    """No two different keys are taken for each other, whatever the size of their numbers."""
    draw = np.random.default_rng(3)
    values = np.array([0, 1, 2**31, 2**62, 2**63 - 1, -1])
    keys, wanted = ([draw.choice(values, n) for _ in range(3)] for n in (60, 200))
    known = list(zip(*keys, strict=True))
    expected = [known.index(key) if key in known else -1 for key in zip(*wanted, strict=True)]
    assert find_rows(keys, wanted).tolist() == expected
    assert -1 in expected
    assert max(expected) > 0
    assert find_rows([values[:0]], [values]).tolist() == [-1] * len(values)
    assert find_rows([values], [values[:0]]).tolist() == []


def test_rows_of_a_link_without_a_group_are_left_out(records: list[Record], tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t.h5", RunMetadata("", 1, {}, {}, {}, PARAMETERS), SHAPES, {("links", "group"): GROUPS}) as writer:
        for record in records[1:]:
            writer(record)
        writer.close("f00d")
    with linksim.open_trace(tmp_path / "t.h5") as run:
        for view in ("image_rows", "decision_rewards"):
            assert set(run.table(view)["link"]) == {1, 2}


def test_a_run_without_decisions_has_image_rows_and_no_rewards(small_models: None) -> None:
    with linksim.run("quickstart", {"frames": 2, "links": 1, "dataset": "samples"}) as run:
        rows = run.table("image_rows")
        assert set(rows["group"]) == {"open", "sealed"}
        np.testing.assert_array_equal(rows["psnr_db"], run.table("scores")["psnr_db"])
        for name in OF_RECEPTION:
            assert np.isfinite(rows[name]).all()
        assert not rows["attempt"].mask.any()
        assert {len(column) for column in run.table("decision_rewards").values()} == {0}


def test_views_as_data_frames_and_data_sets(run: Run) -> None:
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip("xarray")
    for view in ("image_rows", "decision_rewards"):
        columns, frame, data = run.table(view), run.to_pandas(view), run.to_xarray(view)
        assert set(frame.columns) == set(data.data_vars) == set(columns)
        assert {variable.attrs["units"] for variable in data.values()} <= {"1", "ns", "dB"}
        assert all(variable.attrs["long_name"] for variable in data.values())
        assert set(frame["group"]) == set(GROUPS)
    rows = run.to_pandas("image_rows")
    assert rows["attempt"].dtype == pandas.Int64Dtype()
    assert rows["attempt"].isna().sum() == (run.table("image_rows")["attempt"].filled() == FILL).sum() > 0
    assert rows.groupby(["group", "receiver"])["ssim"].mean().shape == (4,)
