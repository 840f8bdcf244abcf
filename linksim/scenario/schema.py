"""The words a scenario may use: frozen, strict models with ranges and units. Their descriptions are the reference that editors show.

A `Scenario` is a run; a `Link` is one Alice-Bob pair with its Eve, channel and jammer. `Scenario.groups` holds complete links: the reader
(`scenario.load`) has filled what a group leaves out from the link at the top of the file.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from linksim.scenario.base import NAME, FileName, Model
from linksim.scenario.channel import Channel
from linksim.scenario.jammers import Jammer, NoJammer
from linksim.scenario.nodes import Alice, Bob, Eve, NoAttack, Radio, Session
from linksim.scenario.schemes import PlainScheme, SchemeLayer, listed, one_core_at_the_end


class Link(Model):
    """One kind of link; `lanes` of them run side by side."""

    lanes: int = Field(1, ge=1, le=4096, description="independent links of this kind")
    scheme: Annotated[
        list[SchemeLayer], BeforeValidator(listed), Field(min_length=1, max_length=4), AfterValidator(one_core_at_the_end)
    ] = Field([PlainScheme()], description="schemes from the outermost to the innermost")
    radio: Radio = Radio()
    channel: Channel = Channel()
    alice: Alice = Alice()
    bob: Bob = Bob()
    eve: Eve = NoAttack()
    jammer: Jammer = NoJammer()
    session: Session = Session()


class Compute(Model):
    """How the networks are run. Nothing here changes a decision of the world, only the last bits of what is computed."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one")
    precision: Literal["card", "float32", "bfloat16"] = Field(
        "card", description="card: what the parts' cards name as fastest on this class of device"
    )
    promises: Literal["late", "at-once"] = Field("late", description="late: in whole batches; at-once: each as soon as it is made")


class Trace(Model):
    """What is kept."""

    pictures: int = Field(8, ge=0, le=1000, description="images kept per group of lanes, with every ear's estimate")
    channel: int = Field(400, ge=0, le=100_000, description="instants at which the radio paths of a group's first lane are kept")
    constellations: int = Field(4, ge=0, le=1000, description="data frames per group of lanes of which up to 256 symbols are kept")
    compression: Literal["none", "gzip"] = "none"


class Scenario(Model):
    """A run."""

    name: FileName = Field(description="names the run's files")
    about: str = Field("", max_length=2000, description="what the scenario shows")
    seed: int = Field(1, ge=0, lt=2**63, description="of all random streams")
    run: int = Field(0, ge=0, lt=2**31, description="number of an independent replication under the same seed")
    frames: int = Field(100, ge=1, le=10_000_000, description="data frames per lane")
    limit_s: float = Field(3600.0, gt=0, le=1e6, description="simulated seconds after which the run ends in any case")
    source: Literal["samples", "cifar10", "mnist", "fashion_mnist", "faces"] = Field("samples", description="where images come from")
    classifier: str | None = Field("classifier-cifar10", pattern=NAME, description="trained part that judges meaning; null for none")
    groups: dict[FileName, Link] = Field(min_length=1, max_length=64, description="groups of lanes by name")
    compute: Compute = Compute()
    trace: Trace = Trace()

    @property
    def lanes(self) -> int:
        return sum(link.lanes for link in self.groups.values())
