"""Loading of trained models: weights from models/NAME.safetensors, verified against the card models/NAME.yaml. Pickle is never used.

    name --> folder of the search path --> card, read strictly --> digest of the file --> network of the card's kind and config --> weights

A model runs in float32 however it is stored; the settings on its card decide whether autocast uses bfloat16.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from linksim.errors import LinksimError, ModelError
from linksim.nets.cards import TABLE_SUFFIXES, Card, RuntimeSettings, card_of_code, read_card
from linksim.nets.codecs import OutsideCodec
from linksim.nets.compact import unpack
from linksim.nets.networks import declare_networks
from linksim.nets.processors import device_class
from linksim.nets.tensor_checks import check_size, check_tensors
from linksim.places import model_folders
from linksim.registry import component, components, suggest

declare_networks()

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, ready to run: in evaluation mode, channels last, with frozen float32 weights.

    name     name of the model and its files
    card     the verified card
    network  the network; its class follows from the kind of the model (`NETWORKS`)
    device   device of the weights
    """

    name: str
    card: Card
    network: nn.Module
    device: torch.device

    @property
    def runtime(self) -> RuntimeSettings:
        """Batch size and precision that are fastest on the class of device that the model is on."""
        return self.card.runtime_on(device_class(self.device))


State = Literal["present", "missing", "damaged"]


@dataclass(frozen=True)
class ModelStatus:
    """One line of `linksim models`.

    name      name of the model
    kind      kind of model, or ""
    state     "present" if the files are verified, "missing" for a training task without a card, "damaged" as described by `note`
    size_mb   size of the file in MB, 0 if there is none
    headline  the main score, or ""
    dtype     number format of the stored weights, or ""
    note      description of the problem in one line, or ""
    """

    name: str
    kind: str
    state: State
    size_mb: float
    headline: str
    dtype: str
    note: str


def models_folder() -> Path:
    """Return the folder to which new models are written: the first one of the model search path (`places.model_folders`)."""
    return model_folders()[0]


def folder_of(name: str) -> Path:
    """Return the first folder of the model search path with a card of this name, or the first folder if there is none."""
    return next((folder for folder in model_folders() if (folder / f"{name}.yaml").is_file()), model_folders()[0])


def pick_device(name: str) -> torch.device:
    """Return the device for "auto", "cpu" or "cuda". "auto" selects a GPU if there is one.

    Raises ModelError for "cuda" without a GPU, and for any other name.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ModelError(f"no device {name!r}; {suggest(name, ('auto', 'cpu', 'cuda'))}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("no CUDA device here; use cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the autocast context for running networks; `precision` as in `cards.RuntimeSettings`. It does nothing for "float32"."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def build(kind: str, config: dict[str, Any]) -> nn.Module:
    """Build an untrained network in float32 on the CPU.

    kind    kind of model, such as "codec"
    config  keyword arguments of the network

    Raises LinksimError if the kind is not declared, and ModelError if the arguments do not fit it.

    >>> build("codec", {"layout": "miea", "channels": 32}).channel_uses
    16384
    """
    factory = component("model", kind).load()
    try:
        network: nn.Module = factory(**config)
    except (TypeError, ValueError, ArithmeticError, MemoryError, RuntimeError) as fault:
        raise ModelError(f"config does not fit kind {kind!r}: {fault}") from fault
    return network


def has_model(name: str) -> bool:
    """Return whether there is a card of this name. Its weights may still be damaged."""
    return (folder_of(name) / f"{name}.yaml").is_file()


def load_model(name: str, kind: str, device: str = "cpu") -> TrainedModel:
    """Load and verify a model. Repeated calls with the same name and device return the same object (see `clear_model_cache`).

    name    name of the model, or of a codec that was declared from outside
    kind    kind that the model must have, such as "codec"
    device  "auto", "cpu" or "cuda"

    Raises ModelError, in one line, if the name is unknown, the model is of another kind, a file is missing or altered, or its tensors do
    not fit the config.
    """
    if kind == "codec" and any(declared.name == name for declared in components("codec")):
        return _codec_from_outside(name, pick_device(device))
    model = _load(folder_of(name), name, pick_device(device))
    if model.card.kind != kind:
        raise ModelError(f"model {name!r} is of kind {model.card.kind}, not {kind}")
    return model


def find_table(name: str, kind: str) -> Path:
    """Return the verified file of a model that is a table (`cards.TABLE_SUFFIXES`). Raises ModelError as `load_model` does."""
    folder = folder_of(name)
    card = _card(folder, name)
    if card.kind != kind:
        raise ModelError(f"model {name!r} is of kind {card.kind}, not {kind}")
    return _verified(folder, card)


def clear_model_cache() -> None:
    """Discard all loaded models, so that the next call reads them again. Call it after models have been written."""
    _load.cache_clear()
    _codec_from_outside.cache_clear()


@cache
def _codec_from_outside(name: str, device: torch.device) -> TrainedModel:
    """Build a codec that was declared from outside: a torch module with `encode` and `decode`, see `codecs.OutsideCodec`."""
    declared = component("codec", name)
    network = OutsideCodec(declared.load()()).requires_grad_(False).eval().to(device)
    digest = declared.origin.sha256 if declared.origin else ""
    return TrainedModel(name, card_of_code(name, "codec", digest), network, device)


@cache
@torch.inference_mode(False)  # the network is cached, and later callers may need gradients through it
def _load(folder: Path, name: str, device: torch.device) -> TrainedModel:
    card = _card(folder, name)
    if card.kind in TABLE_SUFFIXES:
        raise ModelError(f"model {name!r} is of kind {card.kind}, which is not a network")
    weights = _verified(folder, card)
    try:
        factory = component("model", card.kind).load()
        check_size(lambda: factory(**card.config), most=weights.stat().st_size)
        network, tensors = build(card.kind, dict(card.config)), unpack(load_file(weights))
        check_tensors(network, tensors)
    except (LinksimError, SafetensorError) as fault:
        raise ModelError(f"{weights}: {fault}") from fault
    network.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in tensors.items()})
    network.requires_grad_(False).eval().to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return TrainedModel(name, card, network, device)


def _card(folder: Path, name: str) -> Card:
    if not NAME.fullmatch(name):
        raise ModelError(f"{name!r:.80} cannot name a model: letters, digits, '.', '_' and '-', at most 64")
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = suggest(name, {card.stem for searched in model_folders() for card in searched.glob("*.yaml")})
        raise ModelError(
            f"no trained model {name!r} in {folder} ({known}); `linksim train {name}` makes it if there is such a training task"
        )
    return read_card(path)


def _verified(folder: Path, card: Card) -> Path:
    """Return the file of the model. Raises ModelError if it is missing or differs from the one that the card describes."""
    path = _file(folder, card)
    if not path.is_file():
        raise ModelError(f"{path}: missing, but its card is present; restore the file or run `linksim train {card.name}`")
    if sha256_of(path) != card.sha256:
        raise ModelError(f"{path}: not the file that its card describes (sha256 differs); restore it or run `linksim train {card.name}`")
    return path


def _file(folder: Path, card: Card) -> Path:
    return folder / f"{card.name}{TABLE_SUFFIXES.get(card.kind, '.safetensors')}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_models(tasks: Iterable[str] = ()) -> list[ModelStatus]:
    """Return the status of every card in the model search path and of every name in `tasks` without a card, sorted by name."""
    names = {path.stem for folder in model_folders() for path in folder.glob("*.yaml")}
    return [_status(folder_of(name), name) for name in sorted(names | set(tasks))]


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
