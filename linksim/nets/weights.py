"""Loading trained models: weights from models/NAME.safetensors, verified against the card models/NAME.yaml. safetensors only, no pickle."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from linksim.errors import LinksimError, ModelError
from linksim.nets.cards import MEASURED, Card, RuntimeSettings, read_card
from linksim.nets.classifiers import WhitenedNet
from linksim.nets.codecs import ResidualJscc
from linksim.nets.inverters import InverseNet
from linksim.nets.miea import MieaInverse, MieaJscc
from linksim.nets.policy import Actor
from linksim.nets.unet import UNet
from linksim.nets.vit import VitJscc
from linksim.nets.vqvae import VqVae
from linksim.nets.wide_resnet import WideResNet
from linksim.places import shipped_models
from linksim.registry import Registry, suggest

Maker = Callable[..., nn.Module]


def one_of(layouts: Mapping[str, Maker]) -> Maker:
    """Makes the network that `layout` names, by default the first."""

    def make(*, layout: str = next(iter(layouts)), **config: Any) -> nn.Module:
        if layout not in layouts:
            raise ValueError(f"no layout {layout!r}; {suggest(layout, layouts)}")
        return layouts[layout](**config)

    return make


KINDS: Registry[Maker] = Registry("kind of part")
KINDS.add("codec")(one_of({"residual": ResidualJscc, "miea": MieaJscc, "vit": VitJscc}))
KINDS.add("classifier")(one_of({"whitened": WhitenedNet, "wide-resnet": WideResNet}))
KINDS.add("denoiser")(UNet)
KINDS.add("vqvae")(VqVae)
KINDS.add("policy")(Actor)
KINDS.add("inverter")(one_of({"residual": InverseNet, "miea": MieaInverse}))

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, ready to replication: evaluation mode, channels last, float32 weights that want no gradient.

    Its network is a `Codec`, a `Classifier` or an `Inverter`, as its kind says (`KINDS`).
    """

    name: str
    card: Card
    network: nn.Module
    device: torch.device

    @property
    def best(self) -> RuntimeSettings:
        """Batch size and precision that are fastest on this part's class of device."""
        return self.card.best_on(self.device.type)


State = Literal["present", "missing", "damaged"]


@dataclass(frozen=True)
class ModelStatus:
    """One line of `linksim models`.

    state     "present": verified; "missing": a training task without a card; "damaged": see `note`
    size_mb   of its file, 0 where there is none
    headline  the score that stands for the others, or ""
    dtype     its numbers are stored in, or ""
    note      what is wrong, in one line, or ""
    """

    name: str
    kind: str
    state: State
    size_mb: float
    headline: str
    dtype: str
    note: str


def models_folder() -> Path:
    """Where trained models are looked for: $LINKSIM_MODELS, else the folder that comes with linksim."""
    own = os.environ.get("LINKSIM_MODELS")
    return Path(own).expanduser() if own else shipped_models()


def pick_device(name: str) -> torch.device:
    """ "auto" takes a GPU where there is one. Raises ModelError for "cuda" where there is none, and for other words."""
    if name not in ("auto", "cpu", "cuda"):
        raise ModelError(f"no device {name!r}; {suggest(name, ('auto', 'cpu', 'cuda'))}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("no CUDA device here; use cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Context to run networks in; `precision` as in `cards.RuntimeSettings`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def build(kind: str, config: dict[str, Any]) -> nn.Module:
    """An untrained network, float32 on the CPU. Raises LinksimError for a kind that is not registered or arguments that do not fit it."""
    network = KINDS[kind]
    try:
        return network(**config)
    except (TypeError, ValueError, RuntimeError) as fault:
        raise ModelError(f"config does not fit kind {kind!r}: {fault}") from fault


def has_model(name: str) -> bool:
    """Whether there is a card of this name. Its weights may still be damaged."""
    return (models_folder() / f"{name}.yaml").is_file()


def load_model(name: str, kind: str, device: str = "cpu") -> TrainedModel:
    """A verified part; the same one for the same name and device as long as the process lives (see `clear_model_cache`).

    Raises ModelError, in one line, for an unknown name, another kind, a missing or altered file, tensors that do not fit the config.
    """
    part = _load(models_folder(), name, pick_device(device))
    if part.card.kind != kind:
        raise ModelError(f"part {name!r} is a {part.card.kind}, not a {kind}")
    return part


def find_file(name: str, kind: str) -> Path:
    """The file of a part that is no network (`cards.MEASURED`), verified. Raises ModelError as `load_model` does."""
    folder = models_folder()
    card = _card(folder, name)
    if card.kind != kind:
        raise ModelError(f"part {name!r} is of kind {card.kind}, not {kind}")
    return _verified(folder, card)


def clear_model_cache() -> None:
    """Read parts anew from now on: they have been written."""
    _load.cache_clear()


@cache
@torch.inference_mode(False)  # it is kept: who asks next may want gradients through it
def _load(folder: Path, name: str, device: torch.device) -> TrainedModel:
    card = _card(folder, name)
    if card.kind in MEASURED:
        raise ModelError(f"part {name!r} is of kind {card.kind}, which is no network")
    weights = _verified(folder, card)
    try:
        network = build(card.kind, dict(card.config))
        tensors = {key: value.float() if value.is_floating_point() else value for key, value in load_file(weights).items()}
        check_tensors(network, tensors)
    except (LinksimError, SafetensorError) as fault:
        raise ModelError(f"{weights}: {fault}") from fault
    network.load_state_dict(tensors)
    network.requires_grad_(False).eval().to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return TrainedModel(name, card, network, device)


def check_tensors(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Raises ModelError, naming the first, where tensors are missing, too many or of another shape than the network's."""
    wanted, found = ({key: tuple(value.shape) for key, value in some.items()} for some in (network.state_dict(), tensors))
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key) != found.get(key):
            raise ModelError(f"tensor {key} must be of shape {wanted.get(key, 'none')}, got {found.get(key, 'none')}")


def _card(folder: Path, name: str) -> Card:
    if not NAME.fullmatch(name):
        raise ModelError(f"{name!r:.80} cannot name a part: letters, digits, '.', '_' and '-', at most 64")
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = suggest(name, (card.stem for card in folder.glob("*.yaml")))
        raise ModelError(
            f"no trained model {name!r} in {folder} ({known}); `linksim train {name}` makes it if there is such a training task"
        )
    return read_card(path)


def _verified(folder: Path, card: Card) -> Path:
    """The part's file, if it is the one that the card speaks of."""
    path = _file(folder, card)
    if not path.is_file():
        raise ModelError(f"{path}: missing, though its card is there; fetch it anew or run `linksim train {card.name}`")
    if sha256_of(path) != card.sha256:
        raise ModelError(f"{path}: not the file that its card describes (sha256 differs); fetch it anew or run `linksim train {card.name}`")
    return path


def _file(folder: Path, card: Card) -> Path:
    return folder / f"{card.name}{MEASURED.get(card.kind, '.safetensors')}"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_models(tasks: Iterable[str] = ()) -> list[ModelStatus]:
    """Every card in the folder, verified, and every training task that has none yet; by name."""
    folder = models_folder()
    return [_status(folder, name) for name in sorted({path.stem for path in folder.glob("*.yaml")} | set(tasks))]


def _status(folder: Path, name: str) -> ModelStatus:
    size_mb = _size_mb(folder / f"{name}.safetensors")
    if not (folder / f"{name}.yaml").is_file():
        note = f"weights without a card: run `linksim train {name}`" if size_mb else ""
        return ModelStatus(name, "", "damaged" if size_mb else "missing", size_mb, "", "", note)
    try:
        card = read_card(folder / f"{name}.yaml")
    except ModelError as fault:
        return ModelStatus(name, "", "damaged", size_mb, "", "", str(fault))
    size_mb, score = _size_mb(_file(folder, card)), card.headline
    headline = f"{score.metric} {score.value:.4g} ({score.condition})" if score else ""
    try:
        _verified(folder, card)
    except ModelError as fault:
        return ModelStatus(name, card.kind, "damaged", size_mb, headline, card.dtype, str(fault))
    return ModelStatus(name, card.kind, "present", size_mb, headline, card.dtype, "")


def _size_mb(path: Path) -> float:
    return path.stat().st_size / 1e6 if path.is_file() else 0.0
