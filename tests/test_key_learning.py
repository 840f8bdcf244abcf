"""Eve's attack as an object with memory: what it is handed, her own copies of control frames, and the learning of keys during a run."""

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import linksim
from linksim import registry
from linksim.attacks.attack import Attack
from linksim.attacks.key_learning import KeyLearning, KeyLearningTools, KeyMemory
from linksim.attacks.key_recovery import KeySets, decode_key
from linksim.attacks.row_model import FeatureRows, GaussMarkovRowModel
from linksim.control_plane.wire import MalformedFrame, SealedFrame, parse
from linksim.enums import ControlOutcome, MessageKind, Node, Origin
from linksim.errors import LinksimError
from linksim.frames import DataFrame, OverheardMessage, ReceivedFrame
from linksim.records import ControlSent, FrameSent, ImageScore, KeyKnowledge, Record
from linksim.scenario import schema
from linksim.scenario.attacks import EveOptions
from linksim.scenario.estimate import estimate
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.simulate.eve_factory import EveContext
from linksim.worker import Operation, Promise, Worker

ROWS, WIDTH, LEARNING = 8, 24, 12
PERMUTED = [{"name": "permutation", "key_set_size": 2}, "deepjscc"]


def options(**changes: Any) -> dict[str, LinkOptions]:
    """A link at 30 dB whose pairs of images are permuted under keys from sets of two."""
    link = {
        "scheme": [layer if isinstance(layer, dict) else {"name": layer} for layer in PERMUTED],
        "alice": {"images_per_frame": 2},
        "channel": {node: {"snr": {"kind": "constant", "mean_db": 30.0}} for node in ("bob", "eve")},
        "eve": {"attack": "key-learning", "num_learning_frames": LEARNING, "num_captured_frames": 64},
        "session": {"probe_interval_ms": 0},
    }
    return {"link": LinkOptions.model_validate(link | changes)}


def eve(knowledge: str, learning: int = LEARNING) -> dict[str, Any]:
    return {"attack": "key-learning", "knowledge": knowledge, "num_learning_frames": learning, "num_captured_frames": 64}


def eves_frames(kept: Any) -> list[int]:
    """Numbers of the frames that Eve reconstructs."""
    return sorted({score.frame for score in kept.of(ImageScore) if score.receiver == Node.EVE})


def known(kept: Any, first: int) -> list[tuple[int, int]]:
    return [(row.order_known, row.subset_known) for row in kept.of(KeyKnowledge) if row.frame >= first]


# The attack in the simulator


def test_keys_of_known_frames_open_later_frames(simulate: Any) -> None:
    """All keys are known after the learning frames; Eve's images are then those of an Eve who knows the key sets."""
    scores = {}
    for knowledge in ("known-plaintext", "key-sets"):
        _, kept = simulate(options(eve=eve(knowledge)), frames=20)
        assert known(kept, LEARNING) == [(1, 1)] * 8
        scores[knowledge] = [(s.frame, s.image, s.psnr_db) for s in kept.of(ImageScore) if s.receiver == Node.EVE and s.frame >= LEARNING]
        assert eves_frames(kept) == list(range(LEARNING if knowledge == "known-plaintext" else 0, 20))
    for learnt, granted in zip(*scores.values(), strict=True):
        assert learnt == pytest.approx(granted, abs=1e-3)


def test_the_memory_grows_with_the_frames_that_were_observed(simulate: Any) -> None:
    _, kept = simulate(options(), frames=20)
    orders = [row.known_orders for row in kept.of(KeyKnowledge)]
    assert orders[:2] == [1, 2]  # at first only the order that leaves a frame unchanged
    assert orders == sorted(orders)
    assert orders[-1] == 3
    assert known(kept, 0)[0] == (0, 0)


def test_derived_keys_are_not_known_before_their_frame(simulate: Any) -> None:
    _, kept = simulate(options(scheme=[{"name": "permutation", "keys": "derived"}, {"name": "deepjscc"}]), frames=20)
    assert not any(row.order_known for row in kept.of(KeyKnowledge))
    assert kept.of(KeyKnowledge)[-1].known_orders == LEARNING + 1


def test_a_new_session_replaces_the_granted_key_sets(simulate: Any) -> None:
    session = {"probe_interval_ms": 0, "faults": {"alice_restart_ms": 25.0}}
    _, kept = simulate(options(eve=eve("key-sets"), session=session), frames=20)
    hellos = [row for row in kept.of(ControlSent) if row.message == MessageKind.HELLO and row.outcome == ControlOutcome.ACCEPTED]
    assert len(hellos) > 1
    assert set(known(kept, 0)) == {(1, 1)}


def test_decisions_do_not_depend_on_the_evaluation_of_promises(simulate: Any) -> None:
    runs = []
    for evaluation in ("lazy", "eager"):
        result, kept = simulate(options(alice={"images_per_frame": 4}), frames=16, compute={"evaluation": evaluation})
        runs.append((result.fingerprint, kept.of(KeyKnowledge)))
    assert runs[0] == runs[1]
    assert len(runs[0][1]) == 32  # two pairs in each frame


@pytest.mark.parametrize("knowledge", ["known-plaintext", "ciphertext-only", "key-sets"])
def test_the_estimate_counts_the_rows_of_the_attack(simulate: Any, knowledge: str) -> None:
    link = options(eve=eve(knowledge, 3))
    _, kept = simulate(link, frames=5)
    rows = dict(estimate(Scenario(name="test", frames=5, groups=link)).rows)
    assert (rows["keys"], rows["scores"]) == (len(kept.of(KeyKnowledge)), len(kept.of(ImageScore)))


def test_a_link_sends_few_images_in_turn(simulate: Any) -> None:
    """With four images and two per frame, every second frame has the same images."""
    _, kept = simulate(options(alice={"images_per_frame": 2, "num_images": 4}), frames=6)
    labels: dict[int, list[int]] = {}
    for score in kept.of(ImageScore):
        if score.receiver == Node.BOB:
            labels.setdefault(score.frame, []).append(score.label)
    assert labels[0] == labels[2] == labels[4]
    assert labels[1] == labels[3] == labels[5]


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": [{"name": "deepjscc"}]},
        {"scheme": [{"name": "permutation", "granularity": "symbol"}, {"name": "deepjscc"}]},
        {"scheme": [{"name": "phase-scrambling"}, {"name": "permutation"}, {"name": "deepjscc"}]},
        {"alice": {"images_per_frame": 1}},
        {"scheme": [{"name": "permutation"}, {"name": "digital"}]},
    ],
)
def test_a_link_without_permuted_pairs_of_rows_is_refused(simulate: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(LinksimError, match="needs pairs of images from a codec under one layer 'permutation'"):
        simulate(options(**changes))


# What an attack is handed


class Probe(Attack):
    """An attack that stores everything that it is handed."""

    def __init__(self, **grants: Any) -> None:
        self.calls: list[tuple[str, Any]] = []
        for name, value in grants.items():
            setattr(self, name, value)

    def observe(self, copy: ReceivedFrame | OverheardMessage) -> None:
        self.calls.append(("observe", copy))

    def observe_plaintext(self, frame: int, images: Promise) -> None:
        self.calls.append(("plaintext", (frame, images)))

    def observe_key_sets(self, sets: KeySets) -> None:
        self.calls.append(("key sets", sets))

    def reconstruct(self, copy: ReceivedFrame) -> Promise | None:
        self.calls.append(("reconstruct", copy))
        return None

    def of(self, kind: type[Any]) -> list[Any]:
        return [value for name, value in self.calls if name == "observe" and isinstance(value, kind)]


@pytest.fixture
def probe(simulate: Any) -> Iterator[Callable[..., tuple[Probe, Any, Any]]]:
    """Return a function that runs a link under an attack of class `Probe`. It returns the attack, the result and the records."""
    current: list[Probe] = []
    linksim.register("eve", "probe", EveOptions)(lambda options, context: current[-1])

    def run(grants: dict[str, Any], changes: dict[str, Any], **keys: Any) -> tuple[Probe, Any, Any]:
        current.append(Probe(**grants))
        result, kept = simulate(options(**{"eve": {"attack": "probe"}} | changes), **keys)
        return current[-1], result, kept

    yield run
    registry.remove("eve", "probe")
    schema.refresh()


def leaves(value: Any) -> Iterator[Any]:
    """Everything that can be reached from a value through public fields."""
    if is_dataclass(value):
        for field in fields(value):
            yield from leaves(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def test_an_attack_is_handed_only_copies_and_what_is_granted(probe: Any) -> None:
    """From everything that is handed over, only numbers, received symbols, received bytes and granted images and keys can be reached."""
    attack, _, _ = probe({"num_plaintext_frames": 2, "observes_control": True, "knows_key_sets": True}, {}, frames=4)
    received = {id(copy.received) for copy in attack.of(ReceivedFrame)}
    plaintext = [value for name, value in attack.calls if name == "plaintext"]
    granted = {id(images) for _, images in plaintext}
    assert [frame for frame, _ in plaintext] == [0, 1]
    assert [name for name, _ in attack.calls].count("key sets") == 1
    assert len(received) == 4
    for leaf in leaves([value for _, value in attack.calls]):
        assert isinstance(leaf, int | float | str | bytes | np.ndarray | Promise), type(leaf)
        if isinstance(leaf, Promise):
            assert id(leaf) in received | granted
    order = [name for name, value in attack.calls if not isinstance(value, OverheardMessage)]
    assert order == ["plaintext", "key sets", "observe", "reconstruct", "plaintext", *["observe", "reconstruct"] * 3]


def test_without_grants_an_attack_is_handed_data_frames_alone(probe: Any) -> None:
    attack, _, kept = probe({}, {}, frames=3)
    assert [name for name, _ in attack.calls] == ["observe", "reconstruct"] * 3
    assert not attack.of(OverheardMessage)
    assert not kept.of(KeyKnowledge)


def test_the_key_learning_attack_holds_its_memory_and_its_tools_alone(small_models: None) -> None:
    """The factory hands the attack neither the stack nor the streams of the run."""
    attack = attack_on_rows("known-plaintext", Worker())
    held = {type(value) for value in vars(attack).values()}
    assert held <= {Worker, KeyLearningTools, KeyMemory, int, bool, dict, type(None)}


def test_the_images_granted_are_those_that_alice_encodes(probe: Any) -> None:
    """With an attack on the source, the content of a frame is the attacked image."""
    attack, _, _ = probe({"num_plaintext_frames": 1}, {"alice": {"images_per_frame": 2, "source_attack": {"attack": "fgsm"}}}, frames=1)
    plain, _, _ = probe({"num_plaintext_frames": 1}, {}, frames=1)
    images = [next(value for name, value in each.calls if name == "plaintext")[1].known() for each in (attack, plain)]
    assert all(found is not None for found in images)
    assert not torch.equal(images[0], images[1])


def test_a_factory_that_returns_no_attack_is_refused(simulate: Any) -> None:
    linksim.register("eve", "not-an-attack", EveOptions)(lambda options, context: object())
    try:
        with pytest.raises(LinksimError, match="the factory of attack 'not-an-attack' must return"):
            simulate(options(eve={"attack": "not-an-attack"}))
    finally:
        registry.remove("eve", "not-an-attack")
        schema.refresh()


# Control frames


def channel(eve_db: float, csi: str = "perfect") -> dict[str, Any]:
    levels = {"bob": 20.0, "eve": eve_db}
    return {node: {"snr": {"kind": "constant", "mean_db": level}, "csi": csi} for node, level in levels.items()}


@pytest.mark.parametrize("csi", ["perfect", "pilots"])
def test_eve_receives_every_control_frame_as_bytes(probe: Any, csi: str) -> None:
    """At a high SNR her bytes are complete frames in the order of transmission. Those after the handshake remain sealed."""
    changes = {"session": {"probe_interval_ms": 2.0}, "channel": channel(20.0, csi)}
    attack, _, kept = probe({"observes_control": True}, changes, frames=4)
    sent = sorted((row for row in kept.of(ControlSent) if row.origin == Origin.SENT), key=lambda row: row.time_ns)
    copies = attack.of(OverheardMessage)
    assert [copy.start_ns for copy in copies] == [row.time_ns for row in sent]
    assert [(copy.airtime_ns, copy.channel_uses) for copy in copies] == [(row.airtime_ns, row.channel_uses) for row in sent]
    parsed = [parse(copy.raw) for copy in copies]
    assert [message.kind for message in parsed] == [row.message for row in sent]
    handshake = (MessageKind.HELLO, MessageKind.ACCEPT)
    assert all(isinstance(message, SealedFrame) for message, row in zip(parsed, sent, strict=True) if row.message not in handshake)
    measured = [copy.snr_db for copy, row in zip(copies, sent, strict=True) if csi == "pilots" or row.message == MessageKind.PROBE]
    assert np.mean(measured) == pytest.approx(20.0, abs=2.0)
    assert csi == "pilots" or any(math.isnan(copy.snr_db) for copy in copies)


def test_eve_receives_control_frames_over_her_own_path(probe: Any) -> None:
    """At -15 dB her copies are damaged, while Bob's are accepted."""
    attack, _, kept = probe({"observes_control": True}, {"channel": channel(-15.0)}, frames=4)
    assert all(row.outcome == ControlOutcome.ACCEPTED for row in kept.of(ControlSent))
    for copy in attack.of(OverheardMessage):
        with pytest.raises(MalformedFrame):
            parse(copy.raw)


def test_an_attack_that_observes_control_frames_changes_nothing_else(probe: Any) -> None:
    """Events, draws and records are equal with and without Eve's copies, also under a jammer, fading and losses."""
    changes = {
        "session": {"probe_interval_ms": 2.0},
        "channel": channel(0.0) | {"bob": {"snr": {"kind": "constant", "mean_db": 2.0}, "fading": {"kind": "rayleigh"}}},
        "jammer": {"kind": "pulsed", "period_ms": 5.0, "on_ms": 1.0, "jsr_eve_db": 0.0},
    }
    runs: list[tuple[str, list[Record]]] = []
    for observes in (False, True):
        attack, result, kept = probe({"observes_control": observes}, changes, frames=5)
        assert bool(attack.of(OverheardMessage)) == observes
        runs.append((result.fingerprint, [record for record in kept.records if isinstance(record, FrameSent | ControlSent | ImageScore)]))
    assert runs[0] == runs[1]


# Memory


def assignments(draw: np.random.Generator, count: int) -> list[NDArray[np.int64]]:
    orders, subsets = draw.random((count, 2, ROWS)).argsort(-1), draw.random((count, ROWS)).argsort(-1) < ROWS // 2
    return [KeySets(orders, subsets).assignment(n, n) for n in range(count)]


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 3), max_size=12), st.integers(1, 4))
def test_the_memory_holds_the_most_recent_keys(seed: int, sequence: list[int], size: int) -> None:
    found, memory = assignments(np.random.default_rng(seed), 4), KeyMemory(ROWS, size)
    for number in sequence:
        memory.add(found[number])
    recent = list(dict.fromkeys(reversed(sequence)))
    keys = memory.keys()
    assert len(keys.orders) == 1 + min(size, len(recent))
    assert keys.orders[0].tolist() == [list(range(ROWS))] * 2
    assert not keys.subsets[0].any()
    for number in range(4):
        key = decode_key(found[number])
        assert keys.has_order(key.orders[0]) == (number in recent[:size])
        assert keys.has_order(key.orders[0][::-1]) == keys.has_order(key.orders[0])


def test_keys_that_are_found_once_may_be_ignored() -> None:
    once, twice = assignments(np.random.default_rng(1), 2)
    memory = KeyMemory(ROWS, 8, min_count=2, unordered=True)
    for assignment in (twice, once, twice[::-1]):  # the same key with the images in the other order
        memory.add(assignment)
    keys, right, wrong = memory.keys(), decode_key(twice), decode_key(once)
    assert len(keys.orders) == 2
    assert [keys.has_order(key.orders[0]) for key in (right, wrong)] == [True, False]
    assert [keys.has_subset(subset) for subset in (right.subsets[0], ~right.subsets[0], wrong.subsets[0])] == [True, True, False]


# The attack on rows that continue each other, without a simulator


def smooth(count: int, seed: int) -> FeatureRows:
    """Frames [count, rows, width] whose rows are a random walk."""
    draw = np.random.default_rng(seed)
    steps = draw.standard_normal((count, ROWS, WIDTH)) * np.array([2.0] + [0.5] * (ROWS - 1))[:, None]
    frames: FeatureRows = steps.cumsum(axis=1).astype(np.float32)
    return frames


def attack_on_rows(knowledge: Any, worker: Worker, learning: int = 10) -> KeyLearning:
    """An attack whose images are the rows themselves."""
    encode = Operation("encode", lambda images: torch.view_as_complex(images.reshape(len(images), -1, 2).contiguous()), 8)
    decode = Operation("decode", lambda symbols, gain, noise: {"images": torch.view_as_real(symbols).reshape(-1, 2, 1, ROWS, WIDTH)}, 8)
    return KeyLearning(worker, KeyLearningTools(GaussMarkovRowModel(smooth(600, 1)), encode, decode), knowledge, learning, 8)


@pytest.mark.parametrize("knowledge", ["known-plaintext", "ciphertext-only"])
def test_rows_are_restored_with_learnt_keys_at_a_low_snr(knowledge: str) -> None:
    """Ten frames at a high SNR, under keys from sets of two, reveal the keys. An Eve who does not learn restores noisy rows less well."""
    worker, draw, pairs = Worker(), np.random.default_rng(2), smooth(60, 3).reshape(30, 2, ROWS, WIDTH)
    keys = assignments(draw, 2)
    identity = Operation("identity", lambda value: value, 8)

    def error(attack: KeyLearning, first: int) -> float:
        """Mean squared error of the attack's images of frames 10 and later, in the better order of the images."""
        errors = []
        for number in range(first, 30):
            pair, noise = pairs[number], 1e-4 if number < 10 else 0.5
            frame = np.empty((2 * ROWS, WIDTH), np.float32)
            frame[keys[number % 2]] = pair
            frame += np.float32((noise / 2) ** 0.5) * draw.standard_normal(frame.shape, dtype=np.float32)
            promise = worker.promise(identity, torch.view_as_complex(torch.from_numpy(frame).reshape(1, -1, 2)))
            data = DataFrame(number, 0, b"", 1, 2, ROWS * WIDTH, promise)
            gain, noise_power = np.ones((1, 1), np.complex64), np.array([noise], np.float32)
            copy = ReceivedFrame(data, b"", 0, 0, ROWS * WIDTH, 0, promise, gain, noise_power, 3.0, "zero-forcing")
            if number < attack.num_plaintext_frames:
                attack.observe_plaintext(number, worker.promise(identity, torch.from_numpy(pair)[None, :, None]))
            attack.observe(copy)
            found = attack.reconstruct(copy)
            assert (found is None) == (number < attack.num_plaintext_frames)
            if found is not None and number >= 10:
                images = worker.value(found)["images"].numpy().reshape(pair.shape)
                errors.append(min(float(np.square(images - each).mean()) for each in (pair, pair[::-1])))
        return float(np.mean(errors))

    learnt = attack_on_rows(knowledge, worker)
    noisy = error(learnt, 0)
    assert all(learnt.keys().has_order(decode_key(key).orders[0]) for key in keys)
    assert noisy == pytest.approx(0.25, rel=0.1) or knowledge == "ciphertext-only"  # the noise alone
    assert noisy < 0.8 * error(attack_on_rows(knowledge, worker, learning=0), 10)


def test_the_context_of_a_factory_names_what_an_attack_may_use() -> None:
    """A new field of the context needs a decision on what an attack is granted."""
    assert [field.name for field in fields(EveContext)] == [
        "worker", "options", "base", "stack", "dataset", "streams", "load", "precision", "cached", "place",
    ]  # fmt: skip
