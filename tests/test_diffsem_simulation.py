"""DiffSem in a simulation on a tiny MNIST: labels in the trace, layers around it, Eve's attacks, and messages about what does not fit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_digits import declare_digits
from tiny_models import use_models, write_model
from torch import Tensor

from linksim.errors import LinksimError
from linksim.nets.feature_symbols import to_features
from linksim.nets.weights import clear_model_cache
from linksim.scenario.load import scenario_from_text
from linksim.simulate.run import run
from linksim.trace.reader import open_trace

MLP = {"layout": "mlp", "width": 16, "num_blocks": 1}
LINK = """
name: tiny
frames: 3
dataset: mnist
classifier: classifier-mnist
alice: {images_per_frame: 2, assumed_snr_db: 15}
session: {probe_interval_ms: 5}
"""


@pytest.fixture(autouse=True)
def _tiny_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    declare_digits(tmp_path, monkeypatch)
    use_models(monkeypatch, tmp_path)
    write_model(tmp_path, "diffsem-mnist", "feature-codec", {})
    write_model(tmp_path, "diffsem-denoiser-mnist", "feature-denoiser", dict(MLP))
    write_model(tmp_path, "diffsem-receiver-mnist", "feature-receiver", {})
    write_model(tmp_path, "diffsem-probe-mnist", "feature-receiver", {"hidden": 16})
    write_model(tmp_path, "diffsem-inverter-mnist", "feature-inverter", {"hidden": 16})
    write_model(tmp_path, "classifier-mnist", "classifier", {"layout": "mlp"})
    clear_model_cache()
    yield
    clear_model_cache()


def traced(text: str, folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Run a scenario and return columns of the scores, and of frames and receptions."""
    run(scenario_from_text(LINK + text, "tiny.yaml"), (), folder / "trace.h5")
    with open_trace(folder / "trace.h5") as trace:
        scores, receptions = trace.table("scores"), trace.table("receptions")
        return (
            {name: scores[name] for name in ("receiver", "class_received", "psnr_db")},
            {"power": receptions["power"], "t_prime": trace.table("frames")["t_prime"]},
        )


def test_bob_has_labels_and_eve_has_images(tmp_path: Path) -> None:
    scores, frames = traced("scheme: {name: diffsem, t_prime: 300}\neve: feature-inversion\n", tmp_path)
    bob, eve = scores["receiver"] == 0, scores["receiver"] == 1
    assert bob.sum() == eve.sum() == 6
    assert (scores["class_received"] >= 0).all()
    assert np.isnan(scores["psnr_db"][bob]).all()
    assert np.isfinite(scores["psnr_db"][eve]).all()
    assert set(frames["t_prime"]) == {300}
    assert frames["power"].mean() == pytest.approx(1.0 - 10**-1.5, abs=0.3)  # radiated, with the margin for 15 dB


def test_the_label_probe_has_no_images(tmp_path: Path) -> None:
    scores, _ = traced("scheme: diffsem\neve: label-probe\n", tmp_path)
    assert np.isnan(scores["psnr_db"]).all()
    assert (scores["class_received"] >= 0).all()


@pytest.mark.parametrize("layer", ["permutation", "phase-scrambling"])
def test_a_keyed_layer_leaves_bobs_labels_and_changes_eves_features(layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without noise of the channel and of Alice both stacks give Bob the same labels. Eve's features are others under the layer."""
    seen: list[Tensor] = []

    def captured(symbols: Tensor, channels: int) -> Tensor:
        seen.append(to_features(symbols, channels))
        return seen[-1]

    monkeypatch.setattr("linksim.simulate.feature_attacks.to_features", captured)
    quiet = "channel: {bob: {snr: {kind: constant, mean_db: 60}}, eve: {snr: {kind: constant, mean_db: 60}}}\neve: label-probe\n"
    scheme = "{name: diffsem, t_prime: 0, denoiser: null}"
    found = []
    for place, stack in enumerate((scheme, f"[{layer}, {scheme}]")):
        (tmp_path / str(place)).mkdir()
        found.append(traced(f"{quiet}scheme: {stack}\n", tmp_path / str(place))[0])
    bob = [scores["class_received"][scores["receiver"] == 0].tolist() for scores in found]
    assert bob[0] == bob[1]
    open_link, keyed = (features.flatten(1) for features in seen)
    assert open_link.shape == keyed.shape
    assert ((open_link - keyed).square().mean(dim=1) > 0.5).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scheme: {name: diffsem, denoiser: null, guidance: label}\n", "guidance 'label' needs a denoiser"),
        ("scheme: {name: diffsem, denoiser: absent}\n", "no trained model 'absent'"),
        ("scheme: {name: diffsem, codec: classifier-mnist}\n", "of kind classifier, not feature-codec"),
        ("scheme: {name: digital}\neve: feature-inversion\n", "scheme 'digital' has no step T'; set eve.t_prime"),
        ("scheme: {name: digital}\neve: {attack: label-probe, t_prime: 5}\n", "takes 32 symbols per image, the link sends 512"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(LinksimError, match=message) as refused:
        run(scenario_from_text(LINK + text, "tiny.yaml"))
    assert "\n" not in str(refused.value)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    text = LINK.replace("dataset: mnist", "dataset: samples").replace("classifier: classifier-mnist", "classifier: null")
    with pytest.raises(LinksimError, match="feature-codec 'diffsem-mnist' takes images of 28 x 28 pixels in 1 colours"):
        run(scenario_from_text(text + "scheme: diffsem\n", "tiny.yaml"))


@pytest.mark.parametrize("key", ["t_prime: 501", "t_prime: -1", "num_rounds: 0", "guidance: labels", "denoised_from: sent"])
def test_options_out_of_range_name_what_is_allowed(key: str) -> None:
    with pytest.raises(LinksimError, match="allowed"):
        scenario_from_text(LINK + f"scheme: {{name: diffsem, {key}}}\n", "tiny.yaml")
