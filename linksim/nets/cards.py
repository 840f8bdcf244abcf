"""The card of a trained model, models/NAME.yaml beside its weights: what it is, how it was trained, how good it is, how to run it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

from linksim.errors import ModelError, ScenarioError
from linksim.registry import suggest
from linksim.scenario.strict_yaml import dump_yaml, read_yaml

HEADLINE = "at 10 dB"  # linksim's usual operating point: the score that stands for the others in a list
MEASURED = {"reward-table": ".h5"}  # kinds of part that are tables rather than networks, and the ending of their files


@dataclass(frozen=True)
class Score:
    """One measured figure of a trained model.

    metric     "psnr_of_mean_mse_db", "ssim" or "accuracy" (see `linksim.metrics`), "reward" (see `linksim.adapt.reward`)
    condition  "AWGN at 10 dB", "clean images"
    value      the figure
    samples    how many test images it rests on
    """

    metric: str
    condition: str
    value: float
    samples: int


@dataclass(frozen=True)
class RuntimeSettings:
    """How a part runs fastest on a class of device.

    batch      images per call
    precision  "float32", or "bfloat16" for autocast where the scores allow it
    """

    batch: int
    precision: str

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= 65536:
            raise ValueError(f"batch must be 1..65536, got {self.batch}")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, got {self.precision!r}")


UNTUNED = {"cpu": RuntimeSettings(64, "float32"), "cuda": RuntimeSettings(256, "bfloat16")}


@dataclass(frozen=True)
class Card:
    """All that is known of a trained model.

    name      of the part and its files
    kind      registered kind of network (`weights.KINDS`), or of table (`MEASURED`)
    config    keyword arguments of the network; axes of the table
    training  the recipe: data source, seed, steps, batch, rates
    wall_s    seconds of training, or of measuring the table
    device    what it was made on
    versions  of Python and the packages that decide the numbers
    dtype     the weights are stored in: "float16" or "float32"; buffers keep their own; a table's numbers are "float64"
    sha256    of the file of weights, or of the table
    scores    measured with the weights as stored, in float32
    runtime   by class of device ("cpu", "cuda"); empty until tuned
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    training: Mapping[str, Any]
    wall_s: float
    device: str
    versions: Mapping[str, str]
    dtype: str
    sha256: str
    scores: tuple[Score, ...]
    runtime: Mapping[str, RuntimeSettings]

    def best_on(self, device_class: str) -> RuntimeSettings:
        """What was tuned for "cpu" or "cuda", or the default of that class."""
        return self.runtime.get(device_class, UNTUNED[device_class])

    @property
    def headline(self) -> Score | None:
        """The score that stands for the others."""
        usual = [score for score in self.scores if HEADLINE in score.condition]
        return next(iter(usual or self.scores), None)

    def text(self) -> str:
        """For a terminal: what was made, and its scores, one a line."""
        made = "measured" if self.kind in MEASURED else "trained"
        head = f"{self.name}: {self.kind}, {self.dtype}, {made} for {self.wall_s:,.0f} s on {self.device}"
        return "\n".join([head, *(f"  {s.metric:20} {s.value:9.4f}  {s.condition}, n = {s.samples:,}" for s in self.scores)])


def read_card(path: Path) -> Card:
    """Raises ModelError, in one line, for a card that is missing or damaged."""
    try:
        stored = _checked(Card, read_yaml(path).data, "")
        scores = tuple(Score(**_checked(Score, score, f"scores.{place}.")) for place, score in enumerate(stored["scores"]))
        runtime = {
            device: RuntimeSettings(**_checked(RuntimeSettings, how, f"runtime.{device}.")) for device, how in stored["runtime"].items()
        }
        if unknown := sorted(set(runtime) - set(UNTUNED)):
            raise ValueError(f"runtime.{unknown[0]}: {suggest(unknown[0], UNTUNED)}")
        if stored["name"] != path.stem:
            raise ValueError(f"name: must be {path.stem!r} like the file, got {stored['name']!r:.80}")
    except (ScenarioError, ValueError) as fault:
        raise ModelError(f"{path}: damaged card ({str(fault).splitlines()[0]})") from fault
    return Card(**stored | {"scores": scores, "runtime": runtime})


def write_card(card: Card, path: Path) -> None:
    """Write it whole or not at all."""
    fresh = path.with_suffix(".yaml.part")
    fresh.write_text(dump_yaml(_plain(asdict(card))), encoding="utf-8")
    os.replace(fresh, path)


def _plain(value: Any) -> Any:
    """Tuples, which YAML lacks, as lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


ALLOWED: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (float, int), tuple[Score, ...]: (list,)}  # the rest are blocks


def _checked(kind: type, stored: Any, where: str) -> dict[str, Any]:
    """The block, if its keys and their types are those of the dataclass `kind`. Raises ValueError that names the first key that is not."""
    if not isinstance(stored, dict):
        raise ValueError(f"{where or 'card '}must be a block of keys, got {stored!r:.40}")
    types = get_type_hints(kind)
    if wrong := sorted(types.keys() ^ stored.keys()):
        raise ValueError(f"{where}{wrong[0]}: {'unknown key' if wrong[0] in stored else 'missing'}")
    for name, declared in types.items():
        allowed = ALLOWED.get(declared, (dict,))
        if not isinstance(stored[name], allowed) or isinstance(stored[name], bool):
            raise ValueError(f"{where}{name}: must be of type {allowed[0].__name__}, got {stored[name]!r:.40}")
    return stored
