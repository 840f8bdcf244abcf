"""The words a scenario may use: frozen, strict models with ranges and units. Their descriptions are the reference that editors show.

A `Scenario` is a run; a `Link` is one Alice-Bob pair with its Eve, channel and jammer. `Scenario.groups` holds complete links: the reader
(`scenario.load`) has filled what a group leaves out from the link at the top of the file.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from linksim.scenario.base import NAME, FileName, Options
from linksim.scenario.channel import Channel
from linksim.scenario.jammers import Jammer, NoJammer
from linksim.scenario.nodes import Alice, Bob, Eve, NoAttack, Radio, Session
from linksim.scenario.schemes import DeepJsccOptions, SchemeLayer, listed, one_core_at_the_end


class LinkOptions(Options):
    """One kind of link; `links` of them run side by side."""

    links: int = Field(1, ge=1, le=4096, description="independent links of this kind")
    scheme: Annotated[
        list[SchemeLayer], BeforeValidator(listed), Field(min_length=1, max_length=4), AfterValidator(one_core_at_the_end)
    ] = Field([DeepJsccOptions()], description="schemes from the outermost to the innermost")
    radio: Radio = Radio()
    channel: Channel = Channel()
    alice: Alice = Alice()
    bob: Bob = Bob()
    eve: Eve = NoAttack()
    jammer: Jammer = NoJammer()
    session: Session = Session()


class Compute(Options):
    """How the networks are run. Nothing here changes a decision of the world, only the last bits of what is computed."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: what the parts' cards name as fastest on this class of device"
    )
    evaluation: Literal["lazy", "eager"] = Field("lazy", description="lazy: in whole batches; eager: each as soon as it is made")


class Trace(Options):
    """What is kept."""

    images: int = Field(8, ge=0, le=1000, description="images kept per group of links, with every receiver's estimate")
    channel_samples: int = Field(400, ge=0, le=100_000, description="instants at which the radio paths of a group's first link are kept")
    constellation_frames: int = Field(4, ge=0, le=1000, description="data frames per group of links of which up to 256 symbols are kept")
    compression: Literal["none", "gzip"] = "none"


class Scenario(Options):
    """A run."""

    name: FileName = Field(description="names the run's files")
    description: str = Field("", max_length=2000, description="what the scenario shows")
    seed: int = Field(1, ge=0, lt=2**63, description="of all random streams")
    replication: int = Field(0, ge=0, lt=2**31, description="number of an independent replication under the same seed")
    frames: int = Field(100, ge=1, le=10_000_000, description="data frames per link")
    max_time_s: float = Field(3600.0, gt=0, le=1e6, description="simulated seconds after which the run ends in any case")
    dataset: Literal["samples", "cifar10", "mnist", "fashion_mnist", "faces"] = Field("samples", description="where images come from")
    classifier: str | None = Field("classifier-cifar10", pattern=NAME, description="trained model that judges meaning; null for none")
    groups: dict[FileName, LinkOptions] = Field(min_length=1, max_length=64, description="groups of links by name")
    compute: Compute = Compute()
    trace: Trace = Trace()

    @property
    def links(self) -> int:
        return sum(options.links for options in self.groups.values())
