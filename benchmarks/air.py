"""The radio channel alone: fading gains at a million instants, and transmission of a batch against the same blocks of a public PHY library.

Importing the library takes seconds, so it is imported where it is used.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.measure import BenchmarkResult, best_of
from linksim.phy.baseband import transmit
from linksim.phy.fading import fading
from linksim.phy.noise import Noise, item_keys
from linksim.rng import Streams
from linksim.scenario.fading import Fading, JakesFading, NakagamiFading, RayleighFading, RicianFading, TdlFading

MILLION, USE_NS = 1_000_000, 1e3
LINKS, CHANNEL_USES = 64, 2048  # four images per frame at a bandwidth ratio of 1/6
CALLS, REPEATS = 20, 5
NOISE_POWER = 0.1
STREAMS = Streams(1)
KINDS: dict[str, Fading] = {
    "Rayleigh blocks of 1 us": RayleighFading(kind="rayleigh", coherence_ms=1e-3),
    "Rician blocks of 1 us": RicianFading(kind="rician", coherence_ms=1e-3),
    "Nakagami blocks of 1 us": NakagamiFading(kind="nakagami", coherence_ms=1e-3),
    "Jakes": JakesFading(kind="jakes", doppler_hz=100),
    "Jakes with a line of sight": JakesFading(kind="jakes", doppler_hz=100, k_db=6),
    "TDL-C flat": TdlFading(kind="tdl", profile="C", doppler_hz=100),
    "TDL-C over OFDM": TdlFading(kind="tdl", profile="C", doppler_hz=100, bandwidth="ofdm"),
}


def fading_benchmark() -> Iterator[BenchmarkResult]:
    """The slowest kind of fading, each created again in every call. Coherence blocks as short as a channel use are the slowest case."""
    works = [lambda spec=spec: fading(spec, STREAMS, "x").gains(0, MILLION, USE_NS) for spec in KINDS.values()]
    seconds = dict(zip(KINDS, best_of(REPEATS, *works), strict=True))
    slowest = max(seconds, key=lambda name: seconds[name])
    each = ", ".join(f"{name} {1e3 * spent:.0f}" for name, spent in seconds.items())
    yield BenchmarkResult("l", "fading: a million instants of the slowest kind", seconds[slowest], "at most", 0.3, "s", f"ms: {each}")


def air_benchmarks() -> Iterator[BenchmarkResult]:
    """Transmission of one frame of each of 64 links, including the drawing of noise and gains."""
    symbols = torch.randn(LINKS, CHANNEL_USES, dtype=torch.complex64)
    ours, theirs, ours_flat, theirs_flat = best_of(
        REPEATS, *(repeated(work) for work in (linksim_awgn(symbols), library_awgn(symbols), linksim_flat(symbols), library_flat(symbols)))
    )
    count = LINKS * CHANNEL_USES * CALLS
    for channel, own, peer in (("Gaussian noise", ours, theirs), ("flat Rayleigh fading", ours_flat, theirs_flat)):
        detail = f"{count / own / 1e6:.0f} over {count / peer / 1e6:.0f} million symbols/s"
        yield BenchmarkResult("m", f"air: 64 links, {channel}, over sionna-no-rt", peer / own, "at least", 1, "x", detail)


def repeated(work: Callable[[], Tensor]) -> Callable[[], object]:
    """A function that calls `work` `CALLS` times."""

    def work_repeatedly() -> None:
        with torch.inference_mode():
            for _ in range(CALLS):
                work()

    return work_repeatedly


def linksim_awgn(symbols: Tensor) -> Callable[[], Tensor]:
    """Transmission by linksim over Gaussian noise, with noise keyed by item."""
    keys = torch.from_numpy(item_keys(STREAMS.key("noise"), 0, LINKS).copy())
    gain, noise_power = torch.ones(LINKS, 1), torch.full((LINKS,), NOISE_POWER)
    return lambda: transmit(symbols, gain, noise_power, Noise(keys).complex(symbols.shape[1]))


def linksim_flat(symbols: Tensor) -> Callable[[], Tensor]:
    """Transmission by linksim over flat Rayleigh fading, with independent gains per link and a new coherence block per call."""
    keys = torch.from_numpy(item_keys(STREAMS.key("noise"), 0, LINKS).copy())
    noise_power = torch.full((LINKS,), NOISE_POWER)
    paths = [fading(RayleighFading(kind="rayleigh", coherence_ms=1), STREAMS, f"{link}") for link in range(LINKS)]
    starts = iter(range(0, 10**18, 1_000_000))

    def work() -> Tensor:
        start = next(starts)
        gain = torch.from_numpy(np.stack([path.gains(start, 1, USE_NS) for path in paths]))
        return transmit(symbols, gain, noise_power, Noise(keys).complex(symbols.shape[1]))

    return work


def library_awgn(symbols: Tensor) -> Callable[[], Tensor]:
    """The library's AWGN block."""
    from sionna.phy.channel import AWGN

    block, noise_power = AWGN(device="cpu"), torch.full((LINKS,), NOISE_POWER)
    return lambda: block(symbols, noise_power)


def library_flat(symbols: Tensor) -> Callable[[], Tensor]:
    """The library's blocks for flat fading, with one random gain per frame."""
    from sionna.phy.channel import ApplyFlatFadingChannel, GenerateFlatFadingChannel

    generate, apply = GenerateFlatFadingChannel(1, 1, device="cpu"), ApplyFlatFadingChannel(device="cpu")
    noise_power = torch.full((LINKS,), NOISE_POWER)
    return lambda: apply(symbols[..., None], generate(LINKS)[:, None], noise_power)
