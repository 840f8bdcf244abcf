"""The radio by itself: a path's gain over a million instants, and a batch over the air against the same blocks of a public PHY library.

The library takes seconds to import, so it is imported where it is measured.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.measure import Figure, best_of
from linksim.phy.baseband import transmit
from linksim.phy.fading import fading
from linksim.phy.noise import Noise, item_keys
from linksim.rng import Streams
from linksim.scenario.fading import Fading, JakesFading, NakagamiFading, RayleighFading, RicianFading, TdlFading

MILLION, USE_NS = 1_000_000, 1e3
LINKS, CHANNEL_USES = 64, 2048  # four images a frame at bandwidth ratio 1/6
REPEATS, TURNS = 20, 5
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


def fading_figure() -> Iterator[Figure]:
    """Each kind, new for every turn; blocks as short as a channel use are the slowest they can be."""
    works = [lambda spec=spec: fading(spec, STREAMS, "x").gains(0, MILLION, USE_NS) for spec in KINDS.values()]
    seconds = dict(zip(KINDS, best_of(TURNS, *works), strict=True))
    slowest = max(seconds, key=lambda name: seconds[name])
    each = ", ".join(f"{name} {1e3 * spent:.0f}" for name, spent in seconds.items())
    yield Figure("l", "fading: a million instants of the slowest kind", seconds[slowest], "at most", 0.3, "s", f"ms: {each}")


def air_figures() -> Iterator[Figure]:
    """A frame of each of 64 links, drawing of noise and gain included."""
    symbols = torch.randn(LINKS, CHANNEL_USES, dtype=torch.complex64)
    ours, theirs, ours_flat, theirs_flat = best_of(
        TURNS, *(repeated(work) for work in (here(symbols), awgn(symbols), here_flat(symbols), flat(symbols)))
    )
    count = LINKS * CHANNEL_USES * REPEATS
    for what, own, peer in (("Gaussian noise", ours, theirs), ("flat Rayleigh fading", ours_flat, theirs_flat)):
        detail = f"{count / own / 1e6:.0f} over {count / peer / 1e6:.0f} million symbols/s"
        yield Figure("m", f"air: 64 links, {what}, over sionna-no-rt", peer / own, "at least", 1, "x", detail)


def repeated(work: Callable[[], Tensor]) -> Callable[[], object]:
    def all_of_it() -> None:
        with torch.inference_mode():
            for _ in range(REPEATS):
                work()

    return all_of_it


def here(symbols: Tensor) -> Callable[[], Tensor]:
    """Our air, noise keyed by item."""
    keys = torch.from_numpy(item_keys(STREAMS.key("noise"), 0, LINKS).copy())
    gain, noise_power = torch.ones(LINKS, 1), torch.full((LINKS,), NOISE_POWER)
    return lambda: transmit(symbols, gain, noise_power, Noise(keys).complex(symbols.shape[1]))


def here_flat(symbols: Tensor) -> Callable[[], Tensor]:
    """The same with the gain of each link's own path, another block each time."""
    keys = torch.from_numpy(item_keys(STREAMS.key("noise"), 0, LINKS).copy())
    noise_power = torch.full((LINKS,), NOISE_POWER)
    paths = [fading(RayleighFading(kind="rayleigh", coherence_ms=1), STREAMS, f"{link}") for link in range(LINKS)]
    starts = iter(range(0, 10**18, 1_000_000))

    def work() -> Tensor:
        start = next(starts)
        gain = torch.from_numpy(np.stack([path.gains(start, 1, USE_NS) for path in paths]))
        return transmit(symbols, gain, noise_power, Noise(keys).complex(symbols.shape[1]))

    return work


def awgn(symbols: Tensor) -> Callable[[], Tensor]:
    """The library's block for Gaussian noise."""
    from sionna.phy.channel import AWGN

    block, noise_power = AWGN(device="cpu"), torch.full((LINKS,), NOISE_POWER)
    return lambda: block(symbols, noise_power)


def flat(symbols: Tensor) -> Callable[[], Tensor]:
    """The library's blocks for flat fading: one gain for each frame, which its own generator draws."""
    from sionna.phy.channel import ApplyFlatFadingChannel, GenerateFlatFadingChannel

    generate, apply = GenerateFlatFadingChannel(1, 1, device="cpu"), ApplyFlatFadingChannel(device="cpu")
    noise_power = torch.full((LINKS,), NOISE_POWER)
    return lambda: apply(symbols[..., None], generate(LINKS)[:, None], noise_power)
