"""Scheme diffusec: the effect of the steps at both ends, independence of items, and agreement on the steps in a simulation."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import write_diffusec_models, write_model
from torch import Tensor

from linksim.adapt.observation import Observation
from linksim.diffusion import ABAR
from linksim.enums import Outcome
from linksim.errors import LinksimError
from linksim.metrics import ssim
from linksim.nets.codecs import Codec
from linksim.nets.inverters import Inverter
from linksim.nets.unet import UNet
from linksim.nets.weights import has_model, load_model
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.records import ConstellationPoint, FrameSent, ImageScore, ParameterDecision, Reception, Record
from linksim.rng import StreamKey
from linksim.scenario.load import scenario_from_text
from linksim.schemes.deepjscc import CODEC_RANGE_DB, DeepJscc
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import NegotiatedValues
from linksim.simulate.run import run
from linksim.training.order import to_images


@pytest.fixture
def models(own_models: Path) -> Path:
    write_diffusec_models(own_models)
    return own_models


class IdentityCodec(Codec):
    """A codec whose symbols are the image's values, two to a symbol, without normalisation."""

    def __init__(self) -> None:
        super().__init__(3, 32, 16, 3 * 32 * 32 // 2)
        self.encoder = PairValues()
        self.decoder = UnpairValues()


class PairValues(torch.nn.Module):
    """Images [n, c, h, w] -> complex symbols."""

    def forward(self, images: Tensor, snr_db: Tensor) -> Tensor:
        return torch.view_as_complex(images.reshape(len(images), -1, 2).contiguous())


class UnpairValues(torch.nn.Module):
    """Complex symbols -> images [n, c, h, w]."""

    def forward(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        return torch.view_as_real(symbols).reshape(len(symbols), 3, 32, 32)


class ZeroNoise(UNet):
    """A denoiser that predicts no noise."""

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        return torch.zeros_like(x)


def keyed_noise(stream: int, items: int) -> Noise:
    return Noise(torch.from_numpy(item_keys(StreamKey(stream, 1), 0, items).copy()))


def parameters(t_d: list[int], t_plus: list[int]) -> NegotiatedValues:
    return NegotiatedValues(torch.full((len(t_d),), 10.0), torch.tensor([t_d, t_plus]).T)


def received(symbols: Tensor, noise_power: float = 1e-9) -> ReceivedSymbols:
    return ReceivedSymbols(symbols, torch.ones(len(symbols), 1, dtype=torch.complex64), torch.full((len(symbols),), noise_power))


class SnrRecorder(Codec):
    """A codec that keeps the SNRs its encoder and its decoder receive, in that order."""

    def __init__(self) -> None:
        super().__init__(3, 32, 16, 3 * 32 * 32 // 2)
        self.snr_db: list[list[float]] = []
        self.encoder, self.decoder = (_Recording(inner, self.snr_db) for inner in (PairValues(), UnpairValues()))


class _Recording(torch.nn.Module):
    """A network of which every call appends its SNRs to a list."""

    def __init__(self, inner: torch.nn.Module, snr_db: list[list[float]]) -> None:
        super().__init__()
        self._inner, self._snr_db = inner, snr_db

    def forward(self, x: Tensor, snr_db: Tensor) -> Tensor:
        self._snr_db.append(snr_db.tolist())
        result: Tensor = self._inner(x, snr_db)
        return result


def test_alice_sends_the_diffused_image_of_eq_13() -> None:
    scheme, items = Diffusec(IdentityCodec(), ZeroNoise(), 10), 400
    images = torch.full((items, 1, 3, 32, 32), 0.75)  # 0.5 in -1..1
    steps = [50] * (items // 2) + [5] * (items // 2)
    sent = torch.view_as_real(scheme.send(images, parameters(steps, [0] * items), keyed_noise(1, items))).reshape(items, -1) * 2 - 1
    for rows, step in ((sent[: items // 2], 50), (sent[items // 2 :], 5)):
        left = ABAR[step].item()
        assert rows.mean().item() == pytest.approx(left**0.5 * 0.5, abs=2e-3)
        assert rows.var().item() == pytest.approx(1 - left, rel=0.01)


def test_bob_denoises_t_d_and_t_plus_steps() -> None:
    """A denoiser that predicts no noise only rescales the signal, over all t_D + t_plus steps."""
    scheme = Diffusec(IdentityCodec(), ZeroNoise(), None)
    image = torch.full((3, 1, 3, 32, 32), 0.55)
    steps = parameters([1, 20, 30], [0, 0, 45])
    symbols = torch.view_as_complex(image.reshape(3, -1, 2).contiguous())
    back = scheme.receive(received(symbols), steps, Noise(torch.zeros(3, 3, dtype=torch.int64))).shown()
    spread = (back - back.mean(dim=(1, 2, 3, 4), keepdim=True)).flatten(1).std(dim=1)
    assert spread[0] < 1e-6  # the last step of DDPM adds no noise
    assert spread[0] < spread[1] < spread[2]
    for item, t_p in enumerate((1, 20, 75)):
        grown = 0.1 / ABAR[t_p].sqrt().item()
        chance = 4 * 2 * spread[item].item() / 3072**0.5 + 1e-5  # four standard deviations of the mean
        assert (2 * back[item].mean() - 1).item() == pytest.approx(grown, abs=chance)


def test_both_ends_clip_the_snr_that_the_codec_receives_in_the_same_way() -> None:
    low, high = CODEC_RANGE_DB
    snr_db, images = torch.tensor([low - 20, low, 4.5, high, high + 20]), torch.full((5, 1, 3, 32, 32), 0.5)
    symbols, steps = torch.ones(5, 3 * 32 * 32 // 2, dtype=torch.complex64), torch.tensor([[1, 0]] * 5)
    copy = ReceivedSymbols(symbols, torch.ones(5, 1, dtype=torch.complex64), 10 ** (-snr_db / 10))
    for make in (DeepJscc, lambda codec: Diffusec(codec, ZeroNoise(), 10)):
        codec = SnrRecorder()
        scheme, parameters = make(codec), NegotiatedValues(snr_db, steps)
        scheme.send(images, parameters, keyed_noise(1, 5))
        scheme.receive(copy, parameters, keyed_noise(2, 5))
        at_alice, at_bob = codec.snr_db
        assert at_alice == [low, low, 4.5, high, high]
        assert at_bob == pytest.approx(at_alice, abs=1e-4)


def test_both_ends_give_the_codec_the_same_snr_on_request() -> None:
    codec = SnrRecorder()
    scheme, images = Diffusec(codec, ZeroNoise(), 10, codec_snr_db=12.0), torch.full((2, 1, 3, 32, 32), 0.5)
    parameters = NegotiatedValues(torch.tensor([-3.0, 20.0]), torch.tensor([[1, 0]] * 2))
    symbols = scheme.send(images, parameters, keyed_noise(1, 2))
    scheme.receive(ReceivedSymbols(symbols, torch.ones(2, 1), torch.tensor([2.0, 0.01])), parameters, keyed_noise(2, 2))
    assert codec.snr_db == [[12.0, 12.0], [12.0, 12.0]]


def test_items_with_different_steps_share_a_batch_and_are_independent(models: Path) -> None:
    codec, denoiser = load_model("diffusec-codec", "codec").network, load_model("diffusec-denoiser", "denoiser").network
    assert isinstance(codec, Codec)
    assert isinstance(denoiser, UNet)
    scheme = Diffusec(codec, denoiser, 10)
    images = torch.rand(4, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    t_d, t_plus = [1, 50, 20, 7], [0, 50, 0, 3]
    send, receive = keyed_noise(2, 4), keyed_noise(3, 4)
    symbols = scheme.send(images, parameters(t_d, t_plus), send)
    assert torch.view_as_real(symbols).square().sum(dim=2).mean(dim=1).tolist() == pytest.approx([1.0] * 4)
    back = scheme.receive(received(symbols, 0.1), parameters(t_d, t_plus), receive).shown()
    assert back.min() >= 0
    assert back.max() <= 1
    for i in range(4):
        one = slice(i, i + 1)
        alone = scheme.send(images[one], parameters(t_d[one], t_plus[one]), Noise(send.keys[one]))
        assert torch.allclose(alone, symbols[one], atol=1e-5)
        image = scheme.receive(received(symbols[one], 0.1), parameters(t_d[one], t_plus[one]), Noise(receive.keys[one])).shown()
        assert torch.allclose(image, back[one], atol=1e-4)


LINK = """
name: link
frames: 12
dataset: samples
scheme: {name: diffusec, t_d: 7, t_plus: 3}
alice: {images_per_frame: 1, frame_interval_ms: 10}
channel: {bob: {snr: {kind: constant, mean_db: 15}}}
session: {probe_interval_ms: 20}
"""


def records_of(text: str) -> dict[type[Record], list[Record]]:
    """The records of a run, by their class."""
    found: dict[type[Record], list[Record]] = {}
    run(scenario_from_text(text, "test"), (lambda record: found.setdefault(type(record), []).append(record),))
    return found


def frames_of(records: dict[type[Record], list[Record]]) -> list[FrameSent]:
    return [record for record in records[FrameSent] if isinstance(record, FrameSent)]


def rounds_of(records: dict[type[Record], list[Record]]) -> list[ParameterDecision]:
    return [record for record in records[ParameterDecision] if isinstance(record, ParameterDecision)]


def chosen(record: FrameSent | ParameterDecision) -> tuple[int, int]:
    """(t_d, t_plus) of a frame or a decision."""
    return record.parameters["t_d"], record.parameters["t_plus"]


def before(record: ParameterDecision) -> tuple[int, int]:
    """(t_d, t_plus) before a decision."""
    return record.before["t_d"], record.before["t_plus"]


@pytest.mark.usefixtures("models")
def test_a_fixed_policy_keeps_the_steps_of_the_scheme() -> None:
    records = records_of(LINK)
    assert {(*chosen(frame), frame.outcome) for frame in frames_of(records)} == {(7, 3, Outcome.DECODED)}
    assert {(before(one), chosen(one)) for one in rounds_of(records)} == {((7, 3), (7, 3))}


@pytest.mark.usefixtures("models")
def test_alice_uses_the_steps_that_bob_chose_until_the_next_round() -> None:
    records = records_of(LINK + "bob: {policy: random}\n")
    rounds = rounds_of(records)
    assert len(rounds) >= 4
    assert len({chosen(one) for one in rounds}) == len(rounds)
    assert all(1 <= t_d <= 50 and 0 <= t_plus <= 50 for t_d, t_plus in map(chosen, rounds))
    for frame in frames_of(records):
        last = [one for one in rounds if one.time_ns < frame.time_ns][-1]
        assert chosen(frame) == chosen(last)
        assert frame.outcome == Outcome.DECODED
    for earlier, after in pairwise(rounds):
        assert before(after) == chosen(earlier)
        assert after.measured_snr_db == pytest.approx(after.snr_db, abs=6)


@pytest.mark.usefixtures("models")
def test_a_lost_report_leaves_the_previous_steps_in_force() -> None:
    records = records_of(LINK + "bob: {policy: random}\nlinks: 3\n")
    lossy = records_of(
        LINK.replace("probe_interval_ms: 20", "probe_interval_ms: 20, max_transmissions: 1, faults: {loss: 0.5}")
        + "bob: {policy: random}\nlinks: 4\n"
    )
    assert {frame.outcome for frame in frames_of(records)} == {0}
    outcomes = [frame.outcome for frame in frames_of(lossy)]
    assert set(outcomes) <= {Outcome.DECODED, Outcome.NO_PARAMETERS, Outcome.NOT_SENT}  # never a parameter mismatch
    assert Outcome.DECODED in outcomes
    offered = {(one.link, *chosen(one)) for one in rounds_of(lossy)} | {(link, 7, 3) for link in range(4)}
    assert {(frame.link, *chosen(frame)) for frame in frames_of(lossy) if frame.outcome == Outcome.DECODED} <= offered


@pytest.mark.usefixtures("models")
def test_a_policy_restarts_from_random_steps_after_the_reset_interval() -> None:
    rounds = rounds_of(records_of(LINK + "bob: {policy: {name: fixed, reset_interval: 3}}\n"))
    for place, one in enumerate(rounds):
        if place % 3:
            assert before(one) == chosen(rounds[place - 1])
    assert len({chosen(one) for one in rounds}) == -(-len(rounds) // 3)


@pytest.mark.usefixtures("models")
def test_a_policy_of_the_user_replaces_that_of_the_scenario() -> None:
    class UserPolicy:
        def choose(self, seen: Observation, draw: np.random.Generator) -> np.ndarray:
            return np.array([[11, 4]])

    found: list[Record] = []
    run(scenario_from_text(LINK, "test"), (found.append,), policies={"link": UserPolicy()})
    assert {chosen(frame) for frame in found if isinstance(frame, FrameSent)} == {(11, 4)}
    for wrong in ([[60, 4]], [[11, -1]], [[11.5, 4.0]], [11, 4]):
        UserPolicy.choose = lambda *_, wrong=wrong: np.array(wrong)  # type: ignore[method-assign]
        with pytest.raises(LinksimError, match=r"a policy chose .*, allowed: .*, t_d in 1\.\.50, t_plus in 0\.\.50"):
            run(scenario_from_text(LINK, "test"), policies={"link": UserPolicy()})
    with pytest.raises(LinksimError, match="no group 'lnk'"):
        run(scenario_from_text(LINK, "test"), policies={"lnk": UserPolicy()})


def test_an_empty_snr_range_of_the_best_fixed_policy_is_refused() -> None:
    text = LINK + "bob: {policy: {name: best-fixed, low_db: 12, high_db: 3}}\n"
    with pytest.raises(LinksimError, match=r"low_db must be at most high_db \(3\), got 12"):
        scenario_from_text(text)


@pytest.mark.usefixtures("models")
def test_a_policy_for_a_scheme_without_negotiated_parameters_is_refused() -> None:
    text = LINK.replace("{name: diffusec, t_d: 7, t_plus: 3}", "{name: deepjscc, codec: diffusec-codec}") + "bob: {policy: random}\n"
    with pytest.raises(LinksimError, match=r"bob\.policy chooses negotiated parameters; scheme 'deepjscc' has none"):
        records_of(text)


@pytest.mark.usefixtures("models")
def test_it_can_be_wrapped_by_a_permutation_and_lazy_evaluation_changes_nothing() -> None:
    text = (
        LINK.replace("scheme: {", "scheme: [permutation, {")
        .replace("t_plus: 3}", "t_plus: 3}]")
        .replace("images_per_frame: 1", "images_per_frame: 2")
    )
    lazy, eager = (records_of(text + f"bob: {{policy: random}}\ncompute: {{evaluation: {when}}}\n") for when in ("lazy", "eager"))
    assert [(f.time_ns, chosen(f)) for f in frames_of(lazy)] == [(f.time_ns, chosen(f)) for f in frames_of(eager)]
    scores = [sorted((q.frame, q.image, q.mse) for q in records[ImageScore] if isinstance(q, ImageScore)) for records in (lazy, eager)]
    assert np.allclose(scores[0], scores[1], atol=1e-4)


TOLERANCE = 0.02  # of mean SSIM


@pytest.mark.slow
@pytest.mark.skipif(not (has_model("diffusec-codec") and has_model("diffusec-denoiser")), reason="the models are not trained")
def test_strides_reach_the_ssim_of_single_steps() -> None:
    """Mean SSIM of at most 5 calls of the denoiser equals that of DDPM with one call per step, within the tolerance."""
    from linksim.data.sources import load

    codec, denoiser = load_model("diffusec-codec", "codec").network, load_model("diffusec-denoiser", "denoiser").network
    assert isinstance(codec, Codec)
    assert isinstance(denoiser, UNet)
    images = to_images(load("samples", "test").images[:48])[:, None]
    steps = parameters([10, 30, 50, 50] * 12, [0, 5, 10, 30] * 12)
    similarity = []
    with torch.inference_mode():
        symbols = Diffusec(codec, denoiser, 10).send(images, steps, keyed_noise(4, 48))
        for num_calls in (5, None):
            back = Diffusec(codec, denoiser, num_calls).receive(received(symbols, 0.1), steps, keyed_noise(5, 48)).shown()
            similarity.append(ssim(back[:, 0], images[:, 0]).mean().item())
    assert similarity[0] == pytest.approx(similarity[1], abs=TOLERANCE)


@pytest.mark.usefixtures("models")
def test_a_universal_jammer_with_a_surrogate_jams_every_choice_of_steps(models: Path) -> None:
    """Its perturbation is the same in all frames, has exactly its power, and misleads the surrogate more than noise of the same power."""
    write_model(models, "surrogate", "inverter", {"channels": 2, "stem": 4, "width": 8, "inner": 8})
    surrogate, codec = load_model("surrogate", "inverter").network, load_model("diffusec-codec", "codec").network
    assert isinstance(surrogate, Inverter)
    assert surrogate.channel_uses == codec.channel_uses
    jammer = "jammer: {kind: adversarial, threat_model: surrogate, surrogate: surrogate, jsr_bob_db: 3, num_captured: 16}"
    text = LINK.replace("mean_db: 15", "mean_db: 60") + f"bob: {{policy: random}}\ntrace: {{constellation_frames: 12}}\n{jammer}\n"
    records = records_of(text)
    assert {record.outcome for record in frames_of(records)} == {Outcome.DECODED}
    assert len({chosen(record) for record in frames_of(records)}) > 3
    assert all(isinstance(record, Reception) and record.jammed_fraction > 0 for record in records[Reception])

    rows = [record for record in records[ConstellationPoint] if isinstance(record, ConstellationPoint)]
    sent, arrived = (
        np.array([[complex(getattr(row, f"{name}_re"), getattr(row, f"{name}_im")) for row in rows if row.frame == n] for n in range(12)])
        for name in ("tx", "equalised")
    )
    perturbations = arrived - sent
    assert np.abs(perturbations - perturbations[0]).max() < 0.05
    assert np.mean(np.abs(perturbations) ** 2) == pytest.approx(10**0.3, rel=0.01)

    def damage(added: np.ndarray) -> float:
        clean, jammed = (surrogate.invert(torch.tensor(symbols.astype(np.complex64))) for symbols in (sent, sent + added))
        return float((jammed - clean).square().mean())

    draw = np.random.default_rng(1)
    noise = [draw.normal(0, np.sqrt(10**0.3 / 2), (12, 2 * sent.shape[1])).view(np.complex128) for _ in range(8)]
    assert damage(perturbations) > 1.5 * max(map(damage, noise))
