"""The option `start` of the white-box attack, seen in the scores of a run: with steps of size 1e-9 Eve's image is the start itself."""

from typing import Any

import numpy as np
import pytest

from linksim.data.sources import load
from linksim.enums import ImageOwner, Node
from linksim.errors import LinksimError
from linksim.records import ImageScore, KeptImage
from linksim.scenario.schema import LinkOptions, Scenario

CHANNEL = {path: {"snr": {"kind": "constant", "mean_db": 10.0}} for path in ("bob", "eve")}
STILL = {"attack": "white-box", "learning_rate": 1e-9, "iterations": 1}


def group(eve: dict[str, Any]) -> LinkOptions:
    return LinkOptions.model_validate({"channel": CHANNEL, "eve": eve, "session": {"probe_interval_ms": 0}})


def eves(simulate: Any, **attacks: dict[str, Any]) -> tuple[dict[str, list[float]], dict[str, np.ndarray[Any, Any]]]:
    """Mean squared errors of Eve's images, and her images, by group; one link each, with the same images and noise."""
    _, kept = simulate({name: group(eve) for name, eve in attacks.items()}, frames=2, trace={"images": 8})
    errors, images = {}, {}
    for link, name in enumerate(attacks):
        errors[name] = [score.mse for score in kept.of(ImageScore) if score.receiver == Node.EVE and score.link == link]
        images[name] = np.stack([image.pixels for image in kept.of(KeptImage) if image.node == Node.EVE and image.link == link])
    assert not [image for image in kept.of(KeptImage) if image.node == ImageOwner.SOURCE]
    return errors, images


def test_the_search_starts_from_zeros_the_mean_image_or_the_image_of_the_inverse_network(simulate: Any) -> None:
    starts = {start: STILL | {"start": start} for start in ("zeros", "mean", "inverse-network")}
    errors, images = eves(simulate, **starts, black={"attack": "inverse-network"})
    assert errors["inverse-network"] == pytest.approx(errors["black"], rel=1e-4)
    np.testing.assert_allclose(images["inverse-network"].astype(float), images["black"].astype(float), atol=1.0)
    assert images["zeros"].max() == 0
    mean = load(Scenario.model_fields["dataset"].default, "train").images.mean(axis=0).transpose(2, 0, 1)
    np.testing.assert_allclose(images["mean"].astype(float), np.broadcast_to(mean, images["mean"].shape), atol=1.0)


def test_an_inverse_network_for_another_number_of_symbols_is_refused(simulate: Any) -> None:
    spec = group(STILL | {"start": "inverse-network"})
    with pytest.raises(LinksimError, match="start 'inverse-network': 'inverter-cifar10-6' takes 512 symbols per image, the link sends 64"):
        simulate({"a": spec.model_copy(update={"scheme": group_scheme()})})


def group_scheme() -> Any:
    """A stack whose codec sends 64 symbols per image."""
    return LinkOptions.model_validate({"scheme": {"name": "deepjscc", "codec": "diffusec-codec"}}).scheme
