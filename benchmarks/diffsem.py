"""Latency of DiffSem's receiver for a batch of features, over that of its networks alone."""

from collections.abc import Iterator

import torch

from benchmarks.measure import BenchmarkResult, best_of
from linksim.nets.feature_symbols import to_symbols
from linksim.nets.weights import load_model
from linksim.papers.diffsem.received import CODEC, codec_of
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.schemes.diffsem import DiffSem, Receiver
from linksim.schemes.parameters import uniform_parameters
from linksim.training.diffsem_tasks import DENOISER

BATCH, CALLS, STEP, REPEATS = 256, 5, 300, 10


def diffsem_benchmark() -> Iterator[BenchmarkResult]:
    """The receiver with `CALLS` calls of the denoiser, over these calls and one of the classifier without anything around them."""
    codec, denoiser = codec_of(CODEC), load_model(DENOISER, "feature-denoiser").network
    scheme = DiffSem(codec, Receiver(codec, codec.classifier, denoiser, num_calls=CALLS))
    features = torch.randn(BATCH, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    received = ReceivedSymbols(to_symbols(features), torch.ones(BATCH, 1, dtype=torch.complex64), torch.full((BATCH,), 0.03))
    parameters, noise = uniform_parameters(15.0, BATCH, (STEP,)), Noise(torch.zeros(BATCH, 3, dtype=torch.int64))
    steps, label = torch.full((BATCH,), STEP), torch.zeros(BATCH, 10)

    def networks() -> None:
        for _ in range(CALLS):
            denoiser(features, steps, label)
        codec.classifier(features, features, steps)

    with torch.inference_mode():
        bare, whole = best_of(REPEATS, networks, lambda: scheme.receive(received, parameters, noise))
    yield BenchmarkResult(
        "q",
        f"DiffSem: receiver of {BATCH} images, {CALLS} calls, over its networks alone",
        whole / bare,
        "at most",
        1.3,
        "x",
        f"{1e3 * whole:.1f} over {1e3 * bare:.1f} ms",
    )
