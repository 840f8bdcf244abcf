"""A plugin with one small component of each kind. Tests load a copy of it with `--plugin`."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import nn

import linksim
from linksim.attacks.attack import Attack
from linksim.cost import Cost, Traffic
from linksim.jammers.jammer import Jammer
from linksim.negotiation import NegotiatedParameters, bounded
from linksim.phy.baseband import equalise
from linksim.reconstruction import Reconstruction
from linksim.scenario.attacks import EveOptions
from linksim.scenario.fading import FadingOptions
from linksim.scenario.jammers import Jamming
from linksim.scenario.layers import LayerOptions
from linksim.scenario.metrics import MetricOptions
from linksim.scenario.policies import PolicyOptions
from linksim.scenario.schemes import SchemeOptions
from linksim.scenario.snr import SnrOptions
from linksim.scenario.source_attacks import SourceAttackOptions
from linksim.schemes.layers import Layer
from linksim.units import ms_to_ns
from linksim.worker import Operation


@dataclass(frozen=True, slots=True)
class Level(NegotiatedParameters):
    """Negotiated parameters of the toy scheme."""

    level: int = bounded(0, 3, "halvings of the amplitude")


class AnalogueOptions(SchemeOptions):
    """Pixels sent as they are, two in each symbol."""

    Parameters: ClassVar[type[NegotiatedParameters]] = Level
    amplitude: float = Field(1.0, gt=0, le=10, description="amplitude of a white pixel")
    weights: str = Field("", description="trained model of kind toy-model that is loaded with the scheme, or none")

    def cost(self, traffic: Traffic) -> Cost:
        return Cost(channel_uses=traffic.images * traffic.image_values // 2, cpu_s=1e-4, shared_bytes=1 << 20)


class Analogue:
    """The scheme of `AnalogueOptions`."""

    Parameters = Level
    images_per_item = 1
    detects_erasures = False

    def __init__(self, amplitude: float, image: tuple[int, int, int]) -> None:
        self._amplitude, (self._height, self._width, self._colours) = amplitude, image
        self.channel_uses = self._height * self._width * self._colours // 2

    def _scale(self, parameters: Any) -> torch.Tensor:
        (level,) = parameters.columns()
        return self._amplitude * 0.5 ** level.float()[:, None]

    def send(self, images: Any, parameters: Any, noise: Any) -> Any:
        values = 2.0 * images.reshape(len(images), -1, 2) - 1.0
        return torch.view_as_complex(values.contiguous()) * self._scale(parameters)

    def receive(self, received: Any, parameters: Any, noise: Any) -> Reconstruction:
        values = torch.view_as_real(equalise(received) / self._scale(parameters)).flatten(1)
        images = (values / 2.0 + 0.5).clamp(0.0, 1.0)
        return Reconstruction(images.view(-1, 1, self._colours, self._height, self._width))


@linksim.register("scheme", "toy-analogue", AnalogueOptions)
def make_analogue(options: Any, context: Any) -> Any:
    if options.weights:
        context.load(options.weights, "toy-model")
    return Analogue(options.amplitude, context.image)


class MirrorOptions(LayerOptions):
    """The symbols of a frame in reverse order."""

    conjugate: bool = Field(True, description="whether the symbols are conjugated as well")


class Mirror:
    """The scheme of `MirrorOptions`."""

    def __init__(self, inner: Any, conjugate: bool) -> None:
        self._inner, self._conjugate, self.Parameters = inner, conjugate, inner.Parameters
        self.channel_uses, self.images_per_item, self.detects_erasures = inner.channel_uses, inner.images_per_item, inner.detects_erasures

    def _mirror(self, symbols: Any) -> Any:
        flipped = symbols.flip(1)
        return flipped.conj().resolve_conj() if self._conjugate else flipped

    def send(self, images: Any, parameters: Any, noise: Any) -> Any:
        return self._mirror(self._inner.send(images, parameters, noise))

    def receive(self, received: Any, parameters: Any, noise: Any) -> Reconstruction:
        unit = type(received)(self._mirror(equalise(received)), torch.ones_like(received.gain), received.noise_power)
        return self._inner.receive(unit, parameters, noise)


@linksim.register("layer", "toy-mirror", MirrorOptions)
def make_mirror(options: Any, context: Any) -> Layer:
    return Layer(Mirror(context.inner, options.conjugate), context.items)


class BurstOptions(Jamming):
    """One burst of noise from the start of the run."""

    burst_ms: float = Field(1.0, gt=0, le=1e6, description="length of the burst, in ms")

    def cost(self, traffic: Traffic) -> Cost:
        return Cost(rows={"jamming": 1})


@linksim.register("jammer", "toy-burst", BurstOptions)
def make_burst(options: Any, context: Any) -> list[Jammer]:
    jammers = [Jammer(context.simulation, link, options, context.factory.gaussian) for link in context.links]
    for jammer in jammers:
        context.simulation.env.process(jammer.radiate(ms_to_ns(options.burst_ms)))
    return jammers


class MemoryOptions(EveOptions):
    """Uniform images, brighter with each frame that Eve has received."""

    brightness: float = Field(0.25, ge=0, le=1, description="brightness per received frame, in pixel values of 0..1")


class Memory(Attack):
    """The attack of `MemoryOptions`."""

    def __init__(self, brightness: float, worker: Any, shape: tuple[int, ...]) -> None:
        self._brightness, self._worker, self._shape, self._received = brightness, worker, shape, 0
        self._paint = Operation("toy_paint", self._images, 64)

    def _images(self, levels: Any) -> dict[str, Any]:
        return {"images": levels.view(-1, 1, 1, 1, 1).expand(-1, *self._shape).float().contiguous()}

    def observe(self, copy: Any) -> None:
        self._received += 1

    def reconstruct(self, copy: Any) -> Any:
        return self._worker.promise(self._paint, np.full(copy.received.items, min(1.0, self._received * self._brightness), np.float32))


@linksim.register("eve", "toy-memory", MemoryOptions)
def make_memory(options: Any, context: Any) -> Memory:
    return Memory(options.brightness, context.worker, (context.stack.scheme.images_per_item, 3, 32, 32))


class DimOptions(SourceAttackOptions):
    """Every pixel made darker."""

    factor: float = Field(0.5, ge=0, le=1, description="factor on the pixel values")


@linksim.register("source-attack", "toy-dim", DimOptions)
def make_dim(options: Any, classifier: Any) -> Any:
    return lambda images, labels: images * options.factor


class ClimbOptions(PolicyOptions):
    """Each round adds a constant to the parameters, up to their limit."""

    by: int = Field(1, ge=0, le=10, description="increment per round")


class Climb:
    """The policy of `ClimbOptions`."""

    def __init__(self, by: int) -> None:
        self._by = by

    def choose(self, seen: Any, draw: Any) -> Any:
        return np.minimum(seen.current + self._by, 3)


@linksim.register("policy", "toy-climb", ClimbOptions)
def make_climb(options: Any, context: Any) -> Climb:
    return Climb(options.by)


class RampOptions(SnrOptions):
    """An SNR that rises by one step in dB per millisecond."""

    start_db: float = Field(10.0, ge=-30, le=60, description="SNR at time 0, in dB")
    step_db: float = Field(0.5, ge=0, le=10, description="rise per millisecond, in dB")


class Ramp:
    """The process of `RampOptions`."""

    def __init__(self, options: Any) -> None:
        self._options = options

    def at(self, now_ns: int) -> float:
        return float(self._options.start_db + self._options.step_db * (now_ns // 1_000_000))

    def constant_until(self, now_ns: int) -> int:
        return (now_ns // 1_000_000 + 1) * 1_000_000


@linksim.register("snr", "toy-ramp", RampOptions)
def make_ramp(options: Any, key: Any, geometry: Any) -> Ramp:
    return Ramp(options)


class ContrastOptions(MetricOptions):
    """Contrast of the reconstruction."""

    gain: float = Field(1.0, gt=0, le=10, description="factor on the standard deviation of the pixel values")


@linksim.register("metric", "toy-contrast", ContrastOptions)
def make_contrast(options: Any, context: Any) -> Any:
    return lambda estimates, images: options.gain * estimates.flatten(1).std(dim=1)


class TurnOptions(FadingOptions):
    """A constant phase."""

    phase_deg: float = Field(90.0, ge=-180, le=180, description="phase of the gain, in degrees")


class Turn:
    """The gain of `TurnOptions`."""

    def __init__(self, phase_deg: float) -> None:
        self._gain = np.exp(1j * np.radians([phase_deg])).astype(np.complex64)

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> Any:
        return self._gain


@linksim.register("fading", "toy-turn", TurnOptions)
def make_turn(options: Any, key: Any) -> Turn:
    return Turn(options.phase_deg)


def run_model(network: nn.Module, batch: int, device: Any) -> Any:
    """The workload of the toy model."""
    values = torch.zeros(batch, network.in_features, device=device)  # type: ignore[arg-type]
    return lambda: network(values)


@linksim.register("model", "toy-model", workload=run_model)
def make_model(width: int = 4) -> nn.Module:
    """A dense layer."""
    return nn.Linear(width, width)


class MeanCodec(nn.Module):
    """Means of blocks of 4 x 4 pixels, two in each symbol."""

    channel_uses = 96

    def encode(self, images: Any, snr_db: Any) -> Any:
        values = torch.nn.functional.avg_pool2d(images, 4).flatten(1).reshape(len(images), -1, 2) - 0.5
        return torch.view_as_complex(values.float().contiguous())

    def decode(self, symbols: Any, snr_db: Any) -> Any:
        values = torch.view_as_real(symbols).reshape(len(symbols), 3, 8, 8) * 0.2 + 0.5
        return torch.nn.functional.interpolate(values, scale_factor=4).clamp(0.0, 1.0)


@linksim.register("codec", "toy-codec")
def make_codec() -> nn.Module:
    """Means of blocks of 4 x 4 pixels."""
    return MeanCodec()


@linksim.register("training-task", "toy-task")
def make_task() -> Any:
    """A tiny codec on the embedded images."""
    from linksim.training.codec import CodecTask

    config = {"channels": 4, "stem": 4, "width": 8, "inner": 4, "blocks": 1}
    return CodecTask("samples", config, steps=2, batch=4, average=0.99, scored_db=(10.0,))


@linksim.register("figure", "toy-figure")
def draw_group_names(view: Any) -> Any:
    """Names of the groups.

    The names of all groups of links,
    as text.
    """
    from matplotlib.figure import Figure

    figure = Figure()
    figure.text(0.5, 0.5, ", ".join(group.name for group in view.groups))
    return figure


@linksim.register("paper", "toy-paper")
def make_paper(results: Any, images: int | None = None) -> Any:
    """A paper with one claim."""
    from linksim.reproduction.claims import Claim, PaperClaims
    from linksim.reproduction.library import Unmeasured

    claim = Claim(id="toy-claim", where="Table I", kind="order", quantity="more is more")
    return Unmeasured(PaperClaims(title="A toy paper", claims=[claim]))
