"""The words a scenario may use: frozen, strict models with ranges and units. Their descriptions are the reference that editors show.

A `Scenario` is a run; a `Link` is one Alice-Bob pair with its Eve, channel and jammer. `Scenario.groups` holds complete links: the reader
(`scenario.load`) has filled what a group leaves out from the link at the top of the file.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def names_a_file(name: str) -> str:
    """A name that every system takes for a file. Raises ValueError for a trailing dot and for the names of Windows' devices."""
    if name.endswith("."):
        raise ValueError(f"got {name!r}, allowed: a name that does not end in a dot")
    if name.partition(".")[0].lower() in DEVICES:
        raise ValueError(f"got {name!r}, allowed: a name that is no device on Windows (con, nul, com1, ...)")
    return name


FileName = Annotated[str, Field(pattern=NAME), AfterValidator(names_a_file)]


class Model(BaseModel):
    """Base of every block: unknown keys are refused, nothing is converted, nothing can be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def named(value: Any) -> Any:
    """A bare word stands for a block with only its name: `none` for `{kind: none}`, `plain` for `{name: plain}`."""
    return {"kind": value} if isinstance(value, str) else value


class ConstantSnr(Model):
    """An SNR that does not change."""

    kind: Literal["constant"] = "constant"
    mean_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB: Es/N0 per complex symbol")


class GaussMarkovSnr(Model):
    """An SNR in dB that wanders about its mean: AR(1), correlation exp(-lag / coherence)."""

    kind: Literal["gauss-markov"]
    mean_db: float = Field(10.0, ge=-30, le=60, description="mean SNR in dB: Es/N0 per complex symbol")
    std_db: float = Field(3.0, ge=0, le=30, description="standard deviation in dB")
    coherence_ms: float = Field(100.0, ge=1e-3, le=1e6, description="time after which correlation has fallen to 1/e, in ms")


class NoFading(Model):
    """A gain of one."""

    kind: Literal["none"] = "none"


class RayleighFading(Model):
    """Rayleigh block fading: a complex Gaussian gain of mean power one, drawn anew for every coherence block."""

    kind: Literal["rayleigh"]
    coherence_ms: float = Field(10.0, ge=1e-3, le=1e6, description="length of a coherence block in ms")


Snr = Annotated[ConstantSnr | GaussMarkovSnr, Field(discriminator="kind"), BeforeValidator(named)]
Fading = Annotated[NoFading | RayleighFading, Field(discriminator="kind"), BeforeValidator(named)]


class Path(Model):
    """The radio path from Alice to one ear."""

    snr: Snr = Field(ConstantSnr(), description="mean SNR over time")
    fading: Fading = Field(NoFading(), description="gain about that mean")
    propagation_us: float = Field(1.0, ge=0, le=1e6, description="propagation delay in microseconds")
    csi: Literal["perfect", "pilots"] = Field("perfect", description="how the receiver knows gain and noise power")


class Channel(Model):
    """Two separate paths."""

    bob: Path = Field(Path(), description="Alice to Bob (and back, for control messages)")
    eve: Path = Field(Path(), description="Alice to Eve")


class Radio(Model):
    """What all frames have in common."""

    symbol_rate_hz: float = Field(1e6, ge=1e3, le=1e10, description="complex symbols per second")
    pilots: int = Field(32, ge=2, le=4096, description="known symbols before a frame, where a receiver estimates or probes the channel")
    control_repeats: int = Field(8, ge=1, le=64, description="channel uses per control bit (BPSK, repeated)")


class Processing(Model):
    """How long a node's networks take, on the simulated clock."""

    fixed_us: float = Field(200.0, ge=0, le=1e7, description="per frame, in microseconds")
    per_image_us: float = Field(20.0, ge=0, le=1e7, description="per image of the frame, in microseconds")


class Alice(Model):
    """The sender."""

    images_per_frame: int = Field(4, ge=1, le=256, description="images that travel in one frame")
    interval_ms: float = Field(0.0, ge=0, le=1e6, description="from one frame to the next in ms; 0 sends as fast as air and session allow")
    assumed_snr_db: float = Field(10.0, ge=-30, le=60, description="SNR she encodes for until a report arrives, in dB")
    processing: Processing = Processing()


class Bob(Model):
    """The receiver."""

    processing: Processing = Processing()


class NoAttack(Model):
    """Eve does not listen."""

    attack: Literal["none"] = "none"


class InversionAttack(Model):
    """Closed-box inversion: an inverse network trained on captured pairs."""

    attack: Literal["inversion"]
    inverter: str = Field("inverter-cifar10-6", pattern=NAME, description="trained part to invert with")


def attacking(value: Any) -> Any:
    """`eve: none` for `eve: {attack: none}`."""
    return {"attack": value} if isinstance(value, str) else value


Eve = Annotated[NoAttack | InversionAttack, Field(discriminator="attack"), BeforeValidator(attacking)]


class NoJammer(Model):
    """Nobody jams."""

    kind: Literal["none"] = "none"


class Jamming(Model):
    """What every jammer has."""

    jsr_bob_db: float = Field(0.0, ge=-60, le=60, description="jamming to signal power at Bob, in dB")
    jsr_eve_db: float | None = Field(None, ge=-60, le=60, description="the same at Eve, in dB; null where she does not hear it")
    start_ms: float = Field(0.0, ge=0, le=1e9, description="when it begins, in ms")
    budget_s: float | None = Field(
        None, gt=0, description="energy it may spend: power relative to the signal at Bob, times seconds; null for no bound"
    )


class BarrageJammer(Jamming):
    """Gaussian noise without a pause."""

    kind: Literal["barrage"]


class PulsedJammer(Jamming):
    """Gaussian noise that is on for a part of every period."""

    kind: Literal["pulsed"]
    period_ms: float = Field(100.0, ge=1e-3, le=1e6, description="length of a period in ms")
    on_ms: float = Field(20.0, ge=1e-3, le=1e6, description="time it is on in each period, in ms")

    @model_validator(mode="after")
    def _fits(self) -> "PulsedJammer":
        if self.on_ms > self.period_ms:
            raise ValueError(f"on_ms must not exceed period_ms ({self.period_ms:g}), got {self.on_ms:g}")
        return self


Jammer = Annotated[NoJammer | BarrageJammer | PulsedJammer, Field(discriminator="kind"), BeforeValidator(named)]


class Session(Model):
    """The control plane of a link."""

    probe_interval_ms: float = Field(20.0, ge=0, le=1e6, description="time between PROBE rounds in ms; 0 never probes")
    timeout_ms: float = Field(5.0, gt=0, le=1e5, description="wait for an answer before sending again, in ms")
    attempts: int = Field(8, ge=1, le=64, description="transmissions of a message before the exchange is given up")


class PlainScheme(Model):
    """Encode, radiate, equalise, decode."""

    name: Literal["plain"] = "plain"
    codec: str = Field("codec-cifar10-6", pattern=NAME, description="trained part to encode and decode with")


class PermutationScheme(Model):
    """Random permutation and substitution of feature rows (MIEA Sec. III-C), around the next scheme of the list."""

    name: Literal["permutation"] = "permutation"
    schemes: int = Field(256, ge=2, le=65536, description="size of the shared sets of permutations and of substitutions")
    substituted: float = Field(0.5, ge=0, le=1, description="share of the rows that two images of a pair exchange")
    keys: Literal["table", "derived"] = Field(
        "table",
        description="table: a sealed (p, s) per pair of images, sent before each frame; derived: from the session key and the frame number",
    )


def scheme_named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


SchemeLayer = Annotated[PlainScheme | PermutationScheme, Field(discriminator="name"), BeforeValidator(scheme_named)]


def listed(value: Any) -> Any:
    """One scheme stands for a list of one."""
    return value if isinstance(value, list) else [value]


def one_codec_at_the_core(layers: list[SchemeLayer]) -> list[SchemeLayer]:
    """A stack ends in the scheme that has the codec. Raises ValueError for any other."""
    if not isinstance(layers[-1], PlainScheme) or any(isinstance(layer, PlainScheme) for layer in layers[:-1]):
        raise ValueError(f"got [{', '.join(layer.name for layer in layers)}], allowed: 'plain' as the last of the list, and only there")
    return layers


class Link(Model):
    """One kind of link; `lanes` of them run side by side."""

    lanes: int = Field(1, ge=1, le=4096, description="independent links of this kind")
    scheme: Annotated[
        list[SchemeLayer], BeforeValidator(listed), Field(min_length=1, max_length=4), AfterValidator(one_codec_at_the_core)
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
