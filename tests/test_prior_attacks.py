"""Eve's attacks with a prior in a simulated run, with small untrained models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import write_model

from linksim.data.sources import load
from linksim.enums import Node
from linksim.errors import LinksimError
from linksim.nets.cards import read_card, write_card
from linksim.nets.generator import Generator
from linksim.nets.weights import clear_model_cache, load_model
from linksim.records import ImageScore, KeptImage
from linksim.scenario.schema import LinkOptions, Scenario

GENERATOR = {"side": 32, "coarse": 8, "latents": 6, "width": 8, "inner": 8, "stem": 8, "blocks": 1}
CHANNEL = {path: {"snr": {"kind": "constant", "mean_db": 10.0}} for path in ("bob", "eve")}
GENERATIVE = {"attack": "generative-inverse-network", "inverter": "inverter", "generator": "generator"}


@pytest.fixture
def prior_models(small_model_files: Path, simulate: Any) -> Any:
    """The fixture `simulate`, with a generator and an inverse network that was trained with it."""
    write_model(small_model_files, "generator", "generator", {"layout": "style", **GENERATOR})
    write_model(small_model_files, "large", "generator", {"layout": "style", **GENERATOR, "side": 64})
    write_model(small_model_files, "inverter", "inverter", {"channels": 16, "stem": 4, "width": 8, "inner": 4})
    card = read_card(small_model_files / "inverter.yaml")
    card.training["generator"] = "generator"  # type: ignore[index]
    write_card(card, small_model_files / "inverter.yaml")
    clear_model_cache()
    return simulate


def group(eve: dict[str, Any], **keys: Any) -> LinkOptions:
    return LinkOptions.model_validate({"channel": CHANNEL, "eve": eve, "session": {"probe_interval_ms": 0}} | keys)


def eves(simulate: Any, eve: dict[str, Any], **keys: Any) -> tuple[list[float], Any]:
    """Mean squared errors of Eve's images, and her images uint8 [n, c, h, w]."""
    _, kept = simulate({"a": group(eve, **keys)}, frames=1, trace={"images": 8})
    errors = [score.mse for score in kept.of(ImageScore) if score.receiver == Node.EVE]
    return errors, np.stack([image.pixels for image in kept.of(KeptImage) if image.node == Node.EVE])


def test_a_search_of_one_small_step_returns_its_start(prior_models: Any) -> None:
    still = {"attack": "map-inversion", "learning_rate": 1e-9, "iterations": 1, "generator": "generator", "inverter": "inverter"}
    mean = load(Scenario.model_fields["dataset"].default, "train").images.mean(axis=0).transpose(2, 0, 1)
    _, inverted = eves(prior_models, {"attack": "inverse-network", "inverter": "inverter"})
    starts = {"zeros": np.zeros((4, *mean.shape)), "mean": np.broadcast_to(mean, (4, *mean.shape)), "inverse-network": inverted}
    for start, expected in starts.items():
        _, images = eves(prior_models, still | {"prior": "none", "start": start})
        np.testing.assert_allclose(images.astype(float), expected, atol=1.0)
        _, images = eves(prior_models, still | {"start": start})
        np.testing.assert_allclose(images.astype(float), regenerated(expected), atol=1.0)


def regenerated(images: Any) -> Any:
    """Images [n, c, h, w] in 0..255 after the generator."""
    generator = load_model("generator", "generator").network
    assert isinstance(generator, Generator)
    return generator.regenerate(torch.from_numpy(images / 255.0).float()).clamp(0, 1).numpy() * 255


@pytest.mark.parametrize("options", [{"prior": "total-variation"}, {"prior": "generator"}, {"prior": "generator", "noise": False}])
def test_a_search_reduces_the_error_of_the_symbols(options: dict[str, Any], prior_models: Any) -> None:
    attack = {"attack": "map-inversion", "generator": "generator", **options}
    before, after = (eves(prior_models, attack | {"iterations": count, "tolerance": 0})[1] for count in (1, 40))
    assert not np.array_equal(before, after)


def test_gain_of_a_fading_channel_is_known_to_the_search(prior_models: Any) -> None:
    fading = {path: {"snr": CHANNEL[path]["snr"], "fading": {"kind": "rayleigh"}} for path in CHANNEL}
    attack = {"attack": "map-inversion", "generator": "generator", "iterations": 2}
    assert len(eves(prior_models, attack, channel=fading)[0]) == 4


def test_images_of_the_generative_inverse_network_are_those_of_its_generator(prior_models: Any) -> None:
    _, plain = eves(prior_models, {"attack": "inverse-network", "inverter": "inverter"})
    _, images = eves(prior_models, GENERATIVE)
    assert np.abs(images - regenerated(plain)).mean() < 2.0  # the plain images are clamped and rounded


def test_an_inverse_network_of_another_generator_is_refused(prior_models: Any) -> None:
    with pytest.raises(LinksimError, match="'inverter' was trained with generator 'generator', not 'other'"):
        eves(prior_models, GENERATIVE | {"generator": "other"})


def test_a_generator_of_another_size_is_refused(prior_models: Any) -> None:
    with pytest.raises(LinksimError, match="generator 'large' takes images of 64 x 64 pixels"):
        eves(prior_models, {"attack": "map-inversion", "generator": "large"})


def test_a_scheme_without_a_codec_is_refused(prior_models: Any) -> None:
    with pytest.raises(LinksimError, match="'map-inversion' needs the encoder of a codec; scheme 'masked-vqvae' has none"):
        eves(prior_models, {"attack": "map-inversion", "generator": "generator"}, scheme="masked-vqvae")
