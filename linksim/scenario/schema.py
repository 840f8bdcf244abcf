"""The models of a scenario: frozen and strict, with ranges and units. Their descriptions are the reference that editors show.

A `Scenario` is a run; `LinkOptions` describe one Alice-Bob pair with its Eve, channel and jammer. `Scenario.groups` holds complete options:
the reader (`scenario.load`) has filled what a group leaves out from the options at the top of the file.

    Scenario
      name, seed, frames, dataset, ...      options of the run
      metrics: list of metrics
      compute, trace
      groups: NAME -> LinkOptions
        links, scheme, jammer, session, ...
        radio, channel (bob, eve: Path), alice, bob, eve

Every value has a default but the name, so a scenario states only how it differs from one undefended DeepJSCC link at 10 dB.
"""

import math
from typing import Literal

from pydantic import Field, model_validator

from linksim.cost import Traffic
from linksim.scenario.attacks import Eve, NoAttack
from linksim.scenario.base import NAME, FileName, Options
from linksim.scenario.channel import Channel, Path
from linksim.scenario.jammers import Jammer, NoJammer
from linksim.scenario.layers import LayerOptions
from linksim.scenario.metrics import Metrics
from linksim.scenario.nodes import Alice, Bob, Radio, Session
from linksim.scenario.schemes import DeepJsccOptions, Stack
from linksim.scenario.stack_cost import cost_of_stack
from linksim.wire_layout import MAX_PAIRS


class LinkOptions(Options):
    """Options of a group of links.

    The links of a group are equal in all options and independent of each other. Link n of every group has the same channel, jamming and
    images, so that differences between groups are paired.
    """

    links: int = Field(1, ge=1, le=4096, description="number of independent links in the group")
    scheme: Stack = Field([DeepJsccOptions()], description="schemes from the outermost layer to the base scheme")
    radio: Radio = Radio()
    channel: Channel = Channel()
    alice: Alice = Alice()
    bob: Bob = Bob()
    eve: Eve = NoAttack()
    jammer: Jammer = NoJammer()
    session: Session = Session()

    @model_validator(mode="after")
    def _layers_fit(self) -> "LinkOptions":
        layers = [part for part in self.scheme if isinstance(part, LayerOptions)]
        group, images = math.prod(layer.images_per_item for layer in layers), self.alice.images_per_frame
        for layer in layers:
            if layer.innermost and layer is not layers[-1]:
                raise ValueError(f"scheme: layer {layer.name!r} must stand directly before the base scheme {self.scheme[-1].name!r}")
            if not layer.takes_companions and images % group:
                raise ValueError(f"alice.images_per_frame: got {images}, allowed with layer {layer.name!r}: multiples of {group}")
        return self

    @model_validator(mode="after")
    def _keys_fit(self) -> "LinkOptions":
        images = self.alice.images_per_frame
        pairs = cost_of_stack(self.scheme, Traffic(image_values=3 * 32 * 32, images=images)).pairs
        if pairs > MAX_PAIRS:
            raise ValueError(
                f"the keys of a frame of {images} images are {pairs} pairs (p, s), allowed: at most {MAX_PAIRS}, which a KEY message "
                "carries; lower alice.images_per_frame, or set keys: derived"
            )
        return self


class Compute(Options):
    """How the networks are run. These options change the last bits of results, never an event."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto uses a GPU if there is one")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: the precision that the model's card gives for this class of device"
    )
    evaluation: Literal["lazy", "eager"] = Field(
        "lazy", description="lazy: evaluate promises in full batches; eager: evaluate each promise at once"
    )


class Trace(Options):
    """What the trace keeps.

    Rows of frames, scores and control messages are always kept. Images, samples of the paths and constellations would dominate the file, so
    only the first of every group are.
    """

    images: int = Field(8, ge=0, le=1000, description="images kept per group, with every receiver's reconstruction")
    channel_samples: int = Field(400, ge=0, le=100_000, description="samples of the radio paths of a group's first link")
    constellation_frames: int = Field(4, ge=0, le=1000, description="data frames per group of which up to 256 symbols are kept")
    compression: Literal["none", "gzip"] = "none"


class Scenario(Options):
    """A run.

    >>> scenario = Scenario(name="short", frames=10, groups={"open": LinkOptions(links=4)})
    >>> scenario.links, scenario.groups["open"].radio.pilots
    (4, 32)
    """

    name: FileName = Field(description="name of the run and of its files")
    description: str = Field("", max_length=2000, description="purpose of the scenario")
    seed: int = Field(1, ge=0, lt=2**63, description="seed of all random streams")
    replication: int = Field(0, ge=0, lt=2**31, description="number of an independent replication under the same seed")
    frames: int = Field(100, ge=1, le=10_000_000, description="data frames per link")
    max_time_s: float = Field(3600.0, gt=0, le=1e6, description="limit of simulated time, in seconds")
    dataset: Literal["samples", "cifar10", "mnist", "fashion_mnist", "faces"] = Field("samples", description="image dataset")
    classifier: str | None = Field(
        "classifier-cifar10", pattern=NAME, description="trained classifier that scores received images; null for none"
    )
    metrics: Metrics = Field([], description="further scores of each reconstruction, beside MSE, PSNR, SSIM and the class")
    groups: dict[FileName, LinkOptions] = Field(min_length=1, max_length=64, description="groups of links, by name")
    compute: Compute = Compute()
    trace: Trace = Trace()

    @property
    def links(self) -> int:
        """Number of links of all groups together."""
        return sum(options.links for options in self.groups.values())


def refresh() -> None:
    """Rebuild the models after a component was declared from outside the package: their fields then take its options.

    Scenarios that exist already stay valid.
    """
    for model in (Path, Channel, Alice, Bob, LinkOptions, Scenario):
        model.model_rebuild(force=True)
