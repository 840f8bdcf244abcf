"""The runs that are measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.inverters import InverseNet
from linksim.nets.weights import load_part
from linksim.run import pass_time, run
from linksim.scenario.nodes import InversionAttack
from linksim.scenario.schema import Link, Scenario
from linksim.worker import Operation, Promise, Worker
from linksim.world.build import build

CODEC, INVERTER = "codec-cifar10-6", "inverter-cifar10-6"


class Never(Worker):
    """A worker whose promises are never kept: what remains is the world."""

    def promise(self, operation: Operation, *inputs: Any) -> Promise:
        first = inputs[0]
        return Promise(operation, inputs, first.items if isinstance(first, Promise) else len(first))

    def listen(self, promise: Promise, listener: Callable[[torch.Tensor], None]) -> None:
        """Nobody will ever know."""


def codec_only(lanes: int, frames: int, **compute: str) -> Scenario:
    """One image a frame, Alice to Bob, nobody else."""
    link = Link.model_validate({"lanes": lanes, "alice": {"images_per_frame": 1}, "session": {"probe_interval_ms": 0}})
    return Scenario.model_validate(
        {"name": "codec-only", "frames": frames, "classifier": None, "groups": {"link": link}, "compute": compute, "trace": {"pictures": 0}}
    )


def bare_world(lanes: int, frames: int) -> Scenario:
    """The same with an Eve who listens: the least that has Alice, air, Bob and Eve."""
    scenario = codec_only(lanes, frames)
    link = scenario.groups["link"].model_copy(update={"eve": Link.model_validate({"eve": "inversion"}).eve})
    return scenario.model_copy(update={"groups": {"link": link}})


def simulate(scenario: Scenario, trace: Path | None = None) -> None:
    run(scenario, (), trace, overwrite=True)


def pass_without_payload(scenario: Scenario) -> Callable[[], object]:
    """Build a world whose payloads are never computed -> what lets its time pass."""
    built = build(scenario, Never())
    return lambda: pass_time(built, scenario)


def bare_codec(images: int) -> Callable[[], object]:
    """The codec alone at its best batch: encode and decode `images` images, no air, no world."""
    part = load_part(CODEC, "codec")
    codec, batch = part.network, part.best.batch
    assert isinstance(codec, Codec)
    x, level = channels_last(batch), torch.full((batch,), 10.0)
    return repeated(lambda: codec.decode(codec.encode(x, level), level), images / batch)


def bare_networks(scenario: Scenario) -> Callable[[], object]:
    """All the networks of a run of `scenario`, for as many images as it has, each at its best batch and with nothing between them."""
    images = sum(link.lanes * link.alice.images_per_frame for link in scenario.groups.values()) * scenario.frames
    listening = sum(link.lanes * link.alice.images_per_frame for link in scenario.groups.values() if isinstance(link.eve, InversionAttack))
    heard = listening * scenario.frames
    assert scenario.classifier is not None
    classifier, inverter = load_part(scenario.classifier, "classifier"), load_part(INVERTER, "inverter")
    judge, eve = classifier.network, inverter.network
    assert isinstance(judge, Classifier)
    assert isinstance(eve, InverseNet)
    x, symbols = channels_last(classifier.best.batch), torch.randn(inverter.best.batch, eve.uses, dtype=torch.complex64)
    works = (
        bare_codec(images),
        repeated(lambda: judge(x), (images + heard) / classifier.best.batch),
        repeated(lambda: eve.invert(symbols), heard / inverter.best.batch),
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
