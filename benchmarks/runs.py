"""The workloads of the benchmarks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.inverters import InverseNet
from linksim.nets.weights import TrainedModel, autocast, load_model
from linksim.scenario.attacks import InverseNetworkAttack
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.simulate.assembly import build
from linksim.simulate.execution import run_until_done
from linksim.simulate.run import run
from linksim.worker import Batch, BatchListener, Operation, Promise, Worker

CODEC, INVERTER = "codec-cifar10-6", "inverter-cifar10-6"
NEVER = Batch(Operation("never", lambda x: x, 1), 0)


class NullWorker(Worker):
    """A worker that never computes a promise, so that a run costs only its events."""

    def promise(self, operation: Operation, *inputs: Any) -> Promise:
        first = inputs[0]
        return Promise(NEVER, inputs, first.items if isinstance(first, Promise) else len(first))

    def then(self, promise: Promise, listener: Callable[[Any], None]) -> None:
        """Discard the listener; the promise is never computed."""

    def announce(self, promise: Promise, listener: BatchListener, entry: Any) -> None:
        """Discard the entry; the promise is never computed."""


def codec_only(links: int, frames: int, **compute: str) -> Scenario:
    """A scenario of Alice and Bob only, with one image per frame. `compute` sets keys of the section `compute`."""
    options = LinkOptions.model_validate({"links": links, "alice": {"images_per_frame": 1}, "session": {"probe_interval_ms": 0}})
    return Scenario.model_validate(
        {
            "name": "codec-only",
            "frames": frames,
            "classifier": None,
            "groups": {"link": options},
            "compute": compute,
            "trace": {"images": 0},
        }
    )


def bare_simulation(links: int, frames: int) -> Scenario:
    """The same with an Eve: the smallest scenario that has Alice, the air, Bob and Eve."""
    scenario = codec_only(links, frames)
    options = scenario.groups["link"].model_copy(update={"eve": LinkOptions.model_validate({"eve": "inverse-network"}).eve})
    return scenario.model_copy(update={"groups": {"link": options}})


def simulate(scenario: Scenario, trace: Path | None = None) -> None:
    """Run a scenario, with a trace if a path is given."""
    run(scenario, (), trace, overwrite=True)


def run_without_payload(scenario: Scenario) -> Callable[[], object]:
    """Build a simulation whose payloads are never computed -> a function that runs it."""
    assembled = build(scenario, NullWorker())
    return lambda: run_until_done(assembled, scenario)


def bare_codec(images: int) -> Callable[[], object]:
    """A function that encodes and decodes `images` images at the codec's fastest settings, without any simulation."""
    model = load_model(CODEC, "codec")
    codec, batch = model.network, model.runtime.batch
    assert isinstance(codec, Codec)
    x, level = channels_last(batch), torch.full((batch,), 10.0)
    return repeated(lambda: codec.decode(codec.encode(x, level), level), images / batch, model)


def bare_networks(scenario: Scenario) -> Callable[[], object]:
    """A function that runs all networks of a run of `scenario` on the same number of images, each at its fastest batch size."""
    images = sum(options.links * options.alice.images_per_frame for options in scenario.groups.values()) * scenario.frames
    eavesdropped = sum(
        options.links * options.alice.images_per_frame
        for options in scenario.groups.values()
        if isinstance(options.eve, InverseNetworkAttack)
    )
    received = eavesdropped * scenario.frames
    assert scenario.classifier is not None
    classifier, inverter = load_model(scenario.classifier, "classifier"), load_model(INVERTER, "inverter")
    evaluator, eve = classifier.network, inverter.network
    assert isinstance(evaluator, Classifier)
    assert isinstance(eve, InverseNet)
    x, symbols = channels_last(classifier.runtime.batch), torch.randn(inverter.runtime.batch, eve.channel_uses, dtype=torch.complex64)
    works = (
        bare_codec(images),
        repeated(lambda: evaluator(x), (images + received) / classifier.runtime.batch, classifier),
        repeated(lambda: eve.invert(symbols), received / inverter.runtime.batch, inverter),
    )
    return lambda: [work() for work in works]


def repeated(work: Callable[[], object], times: float, model: TrainedModel) -> Callable[[], object]:
    """A function that calls `work` about `times` times, in the precision that is fastest for `model`."""

    def work_repeatedly() -> None:
        with torch.inference_mode(), autocast(model.device, model.runtime.precision):
            for _ in range(round(times)):
                work()

    return work_repeatedly


def channels_last(batch: int) -> torch.Tensor:
    """Random images [batch, 3, 32, 32] in channels-last memory format."""
    return torch.rand(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
