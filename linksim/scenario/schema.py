"""The models of a scenario: frozen and strict, with ranges and units. Their descriptions are the reference that editors show.

A `Scenario` is a run; `LinkOptions` describe one Alice-Bob pair with its Eve, channel and jammer. `Scenario.groups` holds complete options:
the reader (`scenario.load`) has filled what a group leaves out from the options at the top of the file.
"""

from typing import Literal

from pydantic import Field

from linksim.scenario.base import NAME, FileName, Options
from linksim.scenario.channel import Channel, Path
from linksim.scenario.jammers import Jammer, NoJammer
from linksim.scenario.nodes import Alice, Bob, Eve, NoAttack, Radio, Session
from linksim.scenario.schemes import DeepJsccOptions, Stack


class LinkOptions(Options):
    """Options of a group of links."""

    links: int = Field(1, ge=1, le=4096, description="number of independent links in the group")
    scheme: Stack = Field([DeepJsccOptions()], description="schemes from the outermost layer to the base scheme")
    radio: Radio = Radio()
    channel: Channel = Channel()
    alice: Alice = Alice()
    bob: Bob = Bob()
    eve: Eve = NoAttack()
    jammer: Jammer = NoJammer()
    session: Session = Session()


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
    """What the trace keeps."""

    images: int = Field(8, ge=0, le=1000, description="images kept per group, with every receiver's reconstruction")
    channel_samples: int = Field(400, ge=0, le=100_000, description="samples of the radio paths of a group's first link")
    constellation_frames: int = Field(4, ge=0, le=1000, description="data frames per group of which up to 256 symbols are kept")
    compression: Literal["none", "gzip"] = "none"


class Scenario(Options):
    """A run."""

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
    groups: dict[FileName, LinkOptions] = Field(min_length=1, max_length=64, description="groups of links, by name")
    compute: Compute = Compute()
    trace: Trace = Trace()

    @property
    def links(self) -> int:
        return sum(options.links for options in self.groups.values())


def refresh() -> None:
    """Rebuild the models after a component was declared from outside the package."""
    for model in (Path, Channel, Alice, Bob, LinkOptions, Scenario):
        model.model_rebuild(force=True)
