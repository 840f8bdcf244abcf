"""Model cards: models/NAME.yaml next to the weights records what a model is, how it was trained, its scores and its runtime settings.

A card is written by `linksim.training` and read strictly before its model is used: unknown keys, missing keys and values of another type
are errors, because a card decides which network is built and which weights are trusted. Estimates and lists need the card only.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, Strict, StrictFloat, StrictInt, StrictStr, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from linksim.errors import ModelError, ScenarioError
from linksim.files import atomic_write
from linksim.nets.processors import DEVICE_CLASSES, DeviceClass
from linksim.registry import suggest
from linksim.scenario.strict_yaml import dotted, dump_yaml, read_yaml

HEADLINE = "at 10 dB"  # the usual operating point; its score is the one shown in lists
LARGEST_SIZE = 1 << 20  # of a number in a config; networks and tables are far smaller
# file suffix of each kind of model that is a table instead of a network
TABLE_SUFFIXES = {"reward-table": ".h5", "accuracy-table": ".csv", "attack-table": ".csv"}

Options = Annotated[Mapping[StrictStr, Any], Strict()]  # keyword arguments, of types that YAML has
Count = Annotated[StrictInt, Field(ge=0)]


class _Block:
    """Base of the blocks of a card. pydantic reads them: values must have exactly the declared types, and unknown keys are errors."""

    __pydantic_config__ = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Score(_Block):
    """One measured score of a trained model.

    metric     "psnr_of_mean_mse_db", "ssim" or "accuracy" (see `linksim.metrics`), "reward" or "regret" (see `linksim.adapt.reward`)
    condition  test condition, such as "AWGN at 10 dB" or "clean images"
    value      measured value, in the unit of the metric: dB, or a number without unit
    samples    number of images, or of random initial steps for "regret"; the images are test images unless the recipe names a split
    """

    metric: StrictStr
    condition: StrictStr
    value: StrictFloat
    samples: StrictInt


@dataclass(frozen=True)
class RuntimeSettings(_Block):
    """The fastest settings of a model on a class of device.

    batch      images per call, 1..65536
    precision  "float32", or "bfloat16" for autocast

    Raises ValueError for values outside these ranges.
    """

    batch: StrictInt
    precision: StrictStr

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= 65536:
            raise ValueError(f"batch must be 1..65536, got {self.batch}")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, got {self.precision!r}")


DEFAULT_RUNTIME: Mapping[DeviceClass, RuntimeSettings] = dict.fromkeys(DEVICE_CLASSES, RuntimeSettings(64, "float32")) | {
    "cuda": RuntimeSettings(256, "bfloat16")
}


@dataclass(frozen=True)
class TrainingData(_Block):
    """A dataset that a model was trained on.

    dataset  name of the dataset (`linksim data list`)
    terms    its terms of use and the work to cite; they bind users of the model too
    """

    dataset: StrictStr
    terms: StrictStr


@dataclass(frozen=True)
class ModelCost(_Block):
    """The cost of a model, which estimates read without loading it.

    channel_uses  complex channel uses per image of a network that encodes images, None for all others
    parameters    number of weights; 0 for a table
    operations    multiply-accumulate operations per image; of a codec, those of encoder and decoder
    layer_bytes   memory in bytes per image: the most that its intermediate values take at one time, in float32
    kept_bytes    the same with all intermediate values kept, as for a gradient

    All are at least 0.
    """

    channel_uses: Count | None
    parameters: Count
    operations: Count
    layer_bytes: Count
    kept_bytes: Count


NO_NETWORK = ModelCost(channel_uses=None, parameters=0, operations=0, layer_bytes=0, kept_bytes=0)  # of a table, and of code


@dataclass(frozen=True, kw_only=True)
class Card(_Block):
    """The card of a trained model.

    name      name of the model and its files
    kind      kind of network (registry kind "model") or of table (`TABLE_SUFFIXES`)
    config    keyword arguments of the network, or axes of the table
    training  recipe: dataset, seed, steps, batch size, learning rates
    data      datasets that the model was trained on, with their terms; empty if it was not trained on data
    wall_s    duration of the training, or of the measurement of the table, in seconds
    device    device that was used
    versions  versions of Python and of the packages that determine the numbers
    dtype     number format of the stored weights, "int8" (`nets.compact`), "float16" or "float32", not of buffers; tables are "float64"
    sha256    digest of the file of weights or of the table
    cost      channel uses, number of weights, operations and memory
    scores    scores of the stored weights, evaluated in float32
    runtime   settings by class of device (`processors.DEVICE_CLASSES`); empty until the model is tuned
    """

    name: StrictStr
    kind: StrictStr
    config: Options
    training: Options
    data: tuple[TrainingData, ...]
    wall_s: StrictFloat
    device: StrictStr
    versions: Annotated[Mapping[StrictStr, StrictStr], Strict()]
    dtype: StrictStr
    sha256: StrictStr
    cost: ModelCost
    scores: tuple[Score, ...]
    runtime: Annotated[Mapping[StrictStr, RuntimeSettings], Strict()]

    def runtime_on(self, device: DeviceClass) -> RuntimeSettings:
        """Return the settings for a class of device: those of the class, else those of any processor, else the defaults.

        >>> card_of_code("mine", "codec", sha256="").runtime_on("cpu-amx")
        RuntimeSettings(batch=64, precision='float32')
        """
        return self.runtime.get(device) or self.runtime.get("cuda" if device == "cuda" else "cpu") or DEFAULT_RUNTIME[device]

    def is_tuned_for(self, device: DeviceClass) -> bool:
        """Return whether the settings for a class of device are measured ones, or no other processor is faster in bfloat16."""
        others = [settings.precision for other, settings in self.runtime.items() if other != "cuda"]
        return device in self.runtime or device == "cuda" or "bfloat16" not in others

    @property
    def headline(self) -> Score | None:
        """The main score: the first one at `HEADLINE`, else the first of all, or None."""
        at_headline = [score for score in self.scores if HEADLINE in score.condition]
        return next(iter(at_headline or self.scores), None)

    def text(self) -> str:
        """Return a description for a terminal: one line for the model and one for each score."""
        made = "measured" if self.kind in TABLE_SUFFIXES else "trained"
        head = f"{self.name}: {self.kind}, {self.dtype}, {made} for {self.wall_s:,.0f} s on {self.device}"
        return "\n".join([head, *(f"  {s.metric:20} {s.value:9.4f}  {s.condition}, n = {s.samples:,}" for s in self.scores)])


def read_card(path: Path) -> Card:
    """Read and validate a card.

    path  file NAME.yaml; the card must state the same name

    Raises ModelError, in one line with the first faulty key, if the file is missing or damaged.
    """
    try:
        card = CARD.validate_python(read_yaml(path).data)
        if unknown := sorted(set(card.runtime) - set(DEVICE_CLASSES)):
            raise ValueError(f"runtime.{unknown[0]}: {suggest(unknown[0], DEVICE_CLASSES)}")
        if "cpu" in card.runtime and card.runtime["cpu"].precision != "float32":
            raise ValueError("runtime.cpu.precision: allowed: float32, because these settings serve every processor without its own")
        if absurd := [key for key, value in card.config.items() if _largest(value) > LARGEST_SIZE]:
            raise ValueError(f"config.{absurd[0]:.40}: allowed: numbers up to {LARGEST_SIZE:,}")
        if card.name != path.stem:
            raise ValueError(f"name: must be {path.stem!r} like the file, got {card.name!r:.80}")
    except ValidationError as fault:
        raise ModelError(f"{path}: damaged card ({_first(fault.errors(include_url=False)[0])})") from fault
    except (ScenarioError, ValueError) as fault:
        raise ModelError(f"{path}: damaged card ({str(fault).splitlines()[0]})") from fault
    return card


CARD: TypeAdapter[Card] = TypeAdapter(Card)
TYPES = {  # error of pydantic -> the expected type
    "string_type": "str",
    "int_type": "int",
    "int_from_float": "int",
    "float_type": "float",
    "dict_type": "dict",
    "dataclass_type": "dict",
    "tuple_type": "list",
}


def _first(error: ErrorDetails) -> str:
    """The key of an error of pydantic, and what is wrong with it."""
    kind = error["type"]
    if kind == "value_error":
        message = str(error["ctx"]["error"])
    elif kind in TYPES:
        message = f"must be of type {TYPES[kind]}, got {error['input']!r:.40}"
    else:
        message = {"missing": "missing", "unexpected_keyword_argument": "unknown key"}.get(kind, error["msg"])
    return f"{dotted(error['loc']) or 'card'}: {message}"


def _largest(value: Any) -> float:
    """The largest magnitude of the numbers in a value of a config, 0 without numbers."""
    if isinstance(value, Mapping):
        return max(map(_largest, value.values()), default=0)
    if isinstance(value, list | tuple):
        return max(map(_largest, value), default=0)
    return abs(value) if isinstance(value, int | float) else 0


def write_card(card: Card, path: Path) -> None:
    """Write a card to `path`, which is replaced atomically. `read_card` returns an equal card."""
    with atomic_write(path) as temporary:
        temporary.write_text(dump_yaml(_plain(asdict(card))), encoding="utf-8")


def _plain(value: Any) -> Any:
    """Convert tuples, which YAML lacks, to lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def card_of_code(name: str, kind: str, sha256: str) -> Card:
    """Return the card of a model that is built in Python and has no file.

    name    name of the component
    kind    kind of network, such as "codec"
    sha256  digest of its source, or ""
    """
    return Card(
        name=name,
        kind=kind,
        config={},
        training={},
        data=(),
        wall_s=0.0,
        device="",
        versions={},
        dtype="float32",
        sha256=sha256,
        cost=NO_NETWORK,
        scores=(),
        runtime={},
    )
