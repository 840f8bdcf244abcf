"""Tests of the SNR-blind ViT codec and of the training task that makes it from an SNR-aware one."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tiny_models import VIT, write_model
from tiny_tasks import SyntheticData, trainer_of

from linksim.nets.vit import VitJscc
from linksim.nets.weights import load_model
from linksim.training.blind_codec import BlindVitTask

BLIND = VIT | {"snr_input": False}


@dataclass(frozen=True)
class TinyBlindVit(SyntheticData, BlindVitTask):
    """The task on the synthetic images."""


@pytest.fixture(autouse=True)
def aware(own_models: Path) -> VitJscc:
    """The SNR-aware codec from which the tasks start."""
    write_model(own_models, "aware", "codec", VIT)
    network = load_model("aware", "codec").network
    assert isinstance(network, VitJscc)
    return network


def tiny(init_snr_db: float = 6.0) -> BlindVitTask:
    trained = {"phases": (0, 0, 0, 0, 30), "batch": 8, "average": None, "bfloat16": False, "peak_rate": 3e-3}
    return TinyBlindVit("samples", BLIND, init_from="aware", init_snr_db=init_snr_db, **trained)  # type: ignore[arg-type]


def test_the_codec_starts_as_the_aware_one_at_the_constant_snr_and_ignores_the_true_one(aware: VitJscc) -> None:
    blind, draw = trainer_of(tiny(init_snr_db=3.0)).network.eval(), torch.Generator().manual_seed(1)
    assert isinstance(blind, VitJscc)
    images = torch.rand(2, 3, 32, 32, generator=draw)
    with torch.no_grad():
        symbols = aware.encoder(images, torch.zeros(2))
        assert torch.equal(blind.encoder(images, torch.zeros(2)), symbols)
        at_3_db, at_9_db = (aware.decoder(symbols, torch.full((2,), snr_db)) for snr_db in (3.0, 9.0))
        found = [blind.decoder(symbols, torch.full((2,), snr_db)) for snr_db in (-60.0, 3.0, 9.0)]
    torch.testing.assert_close(found[1], at_3_db)
    assert not torch.allclose(at_9_db, at_3_db)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[1], found[2])


def test_the_training_changes_every_part_and_lowers_the_loss() -> None:
    """The SNR-blind codec is trained as a whole, from the weights of the SNR-aware one, which stay as they are."""
    before = {name: value.clone() for name, value in load_model("aware", "codec").network.state_dict().items()}
    trainer = trainer_of(tiny())
    losses = [trainer.train_step().item() for _ in range(30)]
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    after, kept = trainer.network.state_dict(), load_model("aware", "codec").network.state_dict()
    changed = [name for name, value in after.items() if not torch.equal(value, before[name])]
    moved = {".".join(name.split(".")[:2]) for name in changed}
    assert moved == {"encoder.semantic", "encoder.channel", "decoder.channel", "decoder.semantic"}
    assert all(torch.equal(kept[name], value) for name, value in before.items())


def test_the_recipe_names_the_aware_codec() -> None:
    recipe = tiny().recipe
    assert (recipe["init_from"], recipe["init_from_sha256"]) == ("aware", load_model("aware", "codec").card.sha256)
