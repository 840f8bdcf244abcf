"""The runs that are measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.inverters import InverseNet
from linksim.nets.weights import load_model
from linksim.scenario.nodes import InverseNetworkAttack
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.simulate.assembly import build
from linksim.simulate.run import run, run_until_done
from linksim.worker import Operation, Promise, Worker

CODEC, INVERTER = "codec-cifar10-6", "inverter-cifar10-6"


class Never(Worker):
    """A worker whose promises are never kept: what remains is the world."""

    def promise(self, operation: Operation, *inputs: Any) -> Promise:
        first = inputs[0]
        return Promise(operation, inputs, first.items if isinstance(first, Promise) else len(first))

    def then(self, promise: Promise, listener: Callable[[torch.Tensor], None]) -> None:
        """Nobody will ever know."""


def codec_only(links: int, frames: int, **compute: str) -> Scenario:
    """One image a frame, Alice to Bob, nobody else."""
    options = LinkOptions.model_validate({"links": links, "alice": {"images_per_frame": 1}, "session": {"probe_interval_ms": 0}})
    return Scenario.model_validate(
        {
            "name": "codec-only",
            "frames": frames,
            "classifier": None,
            "groups": {"options": options},
            "compute": compute,
            "trace": {"images": 0},
        }
    )


def bare_simulation(links: int, frames: int) -> Scenario:
    """The same with an Eve who listens: the least that has Alice, air, Bob and Eve."""
    scenario = codec_only(links, frames)
    options = scenario.groups["options"].model_copy(update={"eve": LinkOptions.model_validate({"eve": "inverse-network"}).eve})
    return scenario.model_copy(update={"groups": {"options": options}})


def simulate(scenario: Scenario, trace: Path | None = None) -> None:
    run(scenario, (), trace, overwrite=True)


def pass_without_payload(scenario: Scenario) -> Callable[[], object]:
    """Build a world whose payloads are never computed -> what lets its time pass."""
    built = build(scenario, Never())
    return lambda: run_until_done(built, scenario)


def bare_codec(images: int) -> Callable[[], object]:
    """The codec alone at its best batch: encode and decode `images` images, no air, no world."""
    part = load_model(CODEC, "codec")
    codec, batch = part.network, part.best.batch
    assert isinstance(codec, Codec)
    x, level = channels_last(batch), torch.full((batch,), 10.0)
    return repeated(lambda: codec.decode(codec.encode(x, level), level), images / batch)


def bare_networks(scenario: Scenario) -> Callable[[], object]:
    """All the networks of a run of `scenario`, for as many images as it has, each at its best batch and with nothing between them."""
    images = sum(options.links * options.alice.images_per_frame for options in scenario.groups.values()) * scenario.frames
    listening = sum(
        options.links * options.alice.images_per_frame
        for options in scenario.groups.values()
        if isinstance(options.eve, InverseNetworkAttack)
    )
    received = listening * scenario.frames
    assert scenario.classifier is not None
    classifier, inverter = load_model(scenario.classifier, "classifier"), load_model(INVERTER, "inverter")
    evaluator, eve = classifier.network, inverter.network
    assert isinstance(evaluator, Classifier)
    assert isinstance(eve, InverseNet)
    x, symbols = channels_last(classifier.best.batch), torch.randn(inverter.best.batch, eve.channel_uses, dtype=torch.complex64)
    works = (
        bare_codec(images),
        repeated(lambda: evaluator(x), (images + received) / classifier.best.batch),
        repeated(lambda: eve.invert(symbols), received / inverter.best.batch),
    )
    return lambda: [work() for work in works]


def repeated(work: Callable[[], object], times: float) -> Callable[[], object]:
    def all_of_it() -> None:
        with torch.inference_mode():
            for _ in range(round(times)):
                work()

    return all_of_it


def channels_last(batch: int) -> torch.Tensor:
    return torch.rand(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
