"""Tests of training: the data of a step, and bit-exact resumption after an interruption."""

import multiprocessing
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from tiny_tasks import CPU, DATASET, PIXELS, assert_resumes, ignore, tiny_classifier, tiny_codec, trainer_of
from torch import Tensor

from linksim.errors import ModelError
from linksim.link import over_the_air
from linksim.metrics import psnr_of_mean_mse
from linksim.nets.codecs import ResidualJscc
from linksim.rng import Streams
from linksim.training import loop
from linksim.training.checkpoint import read_checkpoint, write_checkpoint
from linksim.training.codec import over_awgn_scores
from linksim.training.inverter import shuffled_rows
from linksim.training.loop import Trainer, TrainingProgress, fingerprint, train
from linksim.training.loss_log import logging_losses
from linksim.training.noise import unit_noise
from linksim.training.order import Batches, cycles, one_cycle, translate
from linksim.training.task import TrainingTask


def train_until_killed(checkpoint: Path) -> None:
    """Train in a separate process with a checkpoint after every step, so that it can be killed at any time."""
    loop.CHECKPOINT_EVERY_S = 0.0
    train(trainer_of(tiny_codec()), checkpoint, wait_half_way)


def wait_half_way(progress: TrainingProgress) -> None:
    """Pause half-way, so that the kill always comes before the end."""
    if progress.step >= 60:
        time.sleep(600)


@pytest.mark.slow
def test_a_killed_task_resumes_to_the_same_result_bit_for_bit(tmp_path: Path) -> None:
    checkpoint = tmp_path / "codec.safetensors"
    child = multiprocessing.get_context("spawn").Process(target=train_until_killed, args=(checkpoint,))
    child.start()
    while not checkpoint.exists() and child.is_alive():
        time.sleep(0.002)
    time.sleep(0.05)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    resumed, whole = trainer_of(tiny_codec()), trainer_of(tiny_codec())
    resumed.load(checkpoint)
    assert 0 < resumed.step < 120
    train(resumed, checkpoint, ignore)
    train(whole, tmp_path / "whole.safetensors", ignore)
    assert_same(resumed.result(), whole.result())
    assert_same(resumed.network.state_dict(), whole.network.state_dict())


def test_progress_shows_rate_and_elapsed_and_remaining_time() -> None:
    line = TrainingProgress("training", 1500, 6000, 0.0125, 1800.0).line()
    assert line == "training  [######..................]  25%  1,500/6,000 steps  loss 0.0125  1.2 s each  30 min so far, 90 min left"
    assert TrainingProgress("measuring", 14, 14, 0.0, 1800.0).line() == f"measuring [{24 * '#'}] 100%  14/14 evaluations"


def assert_same(these: dict[str, Tensor], those: dict[str, Tensor]) -> None:
    assert these.keys() == those.keys()
    for name, value in these.items():
        assert torch.equal(value, those[name]), name


@pytest.mark.parametrize("task", [tiny_codec(12), tiny_classifier(12)], ids=["codec", "classifier"])
def test_a_checkpoint_holds_the_complete_state(task: TrainingTask, tmp_path: Path) -> None:
    """The state includes momentum, running statistics and memory layout."""
    resumed, straight = assert_resumes(task, tmp_path, steps=8)
    assert_same(resumed.network.state_dict(), straight.network.state_dict())


def test_a_checkpoint_of_another_recipe_is_rejected(tmp_path: Path) -> None:
    trainer_of(tiny_codec(12)).save(tmp_path / "c.safetensors")
    with pytest.raises(ModelError, match="another recipe"):
        trainer_of(tiny_codec(13)).load(tmp_path / "c.safetensors")


@pytest.mark.parametrize("kept", [0, 40, 2000])
def test_a_damaged_checkpoint_is_rejected(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    trainer_of(tiny_codec(12)).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match="not a checkpoint"):
        trainer_of(tiny_codec(12)).load(path)


def test_any_flipped_bit_of_a_checkpoint_is_noticed(tmp_path: Path) -> None:
    path, task = tmp_path / "c.safetensors", tiny_codec(12)
    trainer = trainer_of(task)
    trainer.train_step()
    trainer.save(path)
    raw = path.read_bytes()
    header = 8 + int.from_bytes(raw[:8], "little")
    draw = np.random.default_rng(1)
    places = [*range(8), *draw.choice(np.arange(8, header), 150), *draw.choice(np.arange(header, len(raw)), 50)]
    for place in places:
        damaged = bytearray(raw)
        damaged[place] ^= 1 << int(draw.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"c\.safetensors: not a checkpoint .*delete it to train from the start"):
            read_checkpoint(path, fingerprint(task))
    path.write_bytes(raw)
    assert read_checkpoint(path, fingerprint(task)).step == 1


@pytest.mark.parametrize("change", ["missing", "surplus", "shape", "type", "optimiser"])
def test_an_undamaged_checkpoint_of_other_networks_is_rejected(change: str, tmp_path: Path) -> None:
    path, task = tmp_path / "c.safetensors", tiny_codec(12)
    trainer = trainer_of(task)
    trainer.train_step()
    trainer.save(path)
    stored = read_checkpoint(path, fingerprint(task))
    tensors = dict(stored.tensors)
    name = next(name for name in sorted(tensors) if name.startswith("network/"))
    if change == "missing":
        del tensors[name]
    else:
        changes = {
            "surplus": {"network/extra": torch.zeros(1)},
            "shape": {name: torch.zeros(7, 7, 7)},
            "type": {name: tensors[name].to(torch.int8)},
            "optimiser": {"optimiser/9999/exp_avg": torch.zeros(1)},
        }
        tensors |= changes[change]
    write_checkpoint(replace(stored, tensors=tensors), path)
    with pytest.raises(ModelError, match=r"c\.safetensors: does not fit the training task"):
        trainer_of(task).load(path)


def test_a_training_that_diverges_leaves_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, trainer = tmp_path / "c.safetensors", trainer_of(tiny_codec(40))
    trainer.train_step()
    trainer.save(path)
    raw = path.read_bytes()
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(trainer, "train_step", lambda: diverge(trainer))
    with pytest.raises(ModelError, match=r"the training has diverged: tensor .* contains NaN or infinite values; the last checkpoint"):
        train(trainer, path, ignore)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 1e9)
    with pytest.raises(ModelError, match=r"^c: the training has diverged, the mean loss up to step 20 is nan; the last checkpoint stays"):
        train(trainer, path, ignore)
    assert path.read_bytes() == raw


def diverge(trainer: Trainer) -> Tensor:
    """Count a step after which a weight and the loss are NaN."""
    trainer.step += 1
    next(trainer.network.parameters()).data.fill_(float("nan"))
    return torch.tensor(float("nan"))


def test_the_result_is_the_running_average() -> None:
    trainer = trainer_of(tiny_codec(2))
    start = {k: v.clone() for k, v in trainer.network.state_dict().items()}
    trainer.train_step()
    now, decay = trainer.network.state_dict(), 2 / 11  # (1 + step) / (10 + step) while that is below the decay of the task
    for name, value in trainer.result().items():
        torch.testing.assert_close(value, decay * start[name] + (1 - decay) * now[name])


def test_an_epoch_contains_every_image_once_and_every_other_epoch_mirrors_it() -> None:
    batches = Batches(DATASET, 8, 0, None, Streams(1))
    original = {image.tobytes() for image in PIXELS}
    mirrored = {image[:, ::-1].tobytes() for image in PIXELS}

    def seen(epoch: int) -> list[bytes]:
        steps = range(epoch * batches.per_epoch, (epoch + 1) * batches.per_epoch)
        images = torch.cat([batches(step)[0] for step in steps])
        return [image.tobytes() for image in images.mul(255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()]

    both_epochs = seen(0) + seen(1)
    assert sorted(both_epochs) == sorted(original | mirrored)
    assert len(set(both_epochs[:96])) == 96
    assert seen(0) != seen(2)


def test_the_batch_of_a_step_depends_on_seed_and_step_alone() -> None:
    one, other = Batches(DATASET, 8, 2, None, Streams(1)), Batches(DATASET, 8, 2, None, Streams(1))
    for step in (3, 0, 30):
        one(step)
    assert torch.equal(one(5)[0], other(5)[0])
    assert not torch.equal(one(5)[0], Batches(DATASET, 8, 2, None, Streams(2))(5)[0])


def test_images_are_translated_by_individual_offsets() -> None:
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    still, moved = translate(images, np.array([[2, 2], [0, 3]]), 2)
    assert torch.equal(still, images[0])
    assert torch.equal(moved[:, 2:, :7], images[1, :, :6, 1:])
    assert torch.equal(moved[:, 1, :7], images[1, :, 1, 1:])  # the mirror line is the edge row itself


def test_cycles_are_successive_with_individual_heights() -> None:
    two = ((100, 1.0), (50, 0.5))
    assert [cycles(step, two) for step in (0, 60, 99)] == [one_cycle(step, 100) for step in (0, 60, 99)]
    assert [cycles(100 + step, two) for step in (0, 10, 49)] == [0.5 * one_cycle(step, 50) for step in (0, 10, 49)]
    with pytest.raises(ValueError, match="ends at step 150"):
        cycles(150, two)


def test_one_cycle_starts_rises_and_ends_where_it_should() -> None:
    assert [one_cycle(step, 100, rise=0.2, start=0.1, end=0.01) for step in (0, 20, 100)] == [0.1, 1.0, 0.01]
    assert one_cycle(60, 100, rise=0.2, start=0.1, end=0.01) == pytest.approx((1 + 0.01) / 2)


@pytest.mark.parametrize("snr_db", [-2.0, 10.0, 21.0])
def test_training_noise_has_the_power_given_by_the_snr(snr_db: float) -> None:
    noise = unit_noise(Streams(1), "test", 0, 64, 4096)
    silence = over_the_air(torch.zeros_like(noise), snr_db, noise).symbols
    assert -10 * silence.abs().square().mean().log10().item() == pytest.approx(snr_db, abs=0.02)


def test_shuffled_rows_stay_in_their_pair_and_half_are_exchanged() -> None:
    symbols = torch.arange(4 * 64).reshape(4, 64).to(torch.complex64)
    shuffled = shuffled_rows(symbols, 8, True, 0.5, np.random.default_rng(3))
    for pair in (slice(0, 2), slice(2, 4)):
        rows, found = symbols[pair].reshape(16, 8), shuffled[pair].reshape(16, 8)
        assert sorted(row[0].real.item() for row in found) == [row[0].real.item() for row in rows]
        assert torch.equal(found.real.diff(dim=1), torch.ones(16, 7))  # whole rows, in order
        exchanged = (shuffled[pair][0].real >= symbols[pair][1].real.min()).sum().item()
        assert exchanged == 32


def test_a_trained_tiny_codec_beats_the_untrained_one() -> None:
    trained, untrained = trainer_of(tiny_codec(60)), trainer_of(tiny_codec(60))
    for _ in range(60):
        trained.train_step()
    images = torch.tensor(PIXELS).permute(0, 3, 1, 2).float() / 255
    assert isinstance(trained.network, ResidualJscc)
    assert isinstance(untrained.network, ResidualJscc)
    better, worse = (psnr_of_mean_mse(over_awgn_scores(t.network, images, 10.0, CPU)[0]) for t in (trained, untrained))
    assert better > worse + 1.0


# Losses


def logged(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()]


def test_the_losses_of_a_training_continue_where_it_resumes(tmp_path: Path) -> None:
    path = tmp_path / "codec.losses.csv"

    def run(first: int, steps: list[int]) -> None:
        with logging_losses(path, first, ignore) as log:
            for step in steps:
                log(TrainingProgress("training", step, 100, 1.0 / step, float(step)))
            log(TrainingProgress("measuring", 1, 3, 0.0, 5.0))

    run(0, [20, 40, 60])
    run(40, [60, 80])  # the checkpoint is of step 40: step 60 is run again
    assert [row[0] for row in logged(path)] == ["step", "20", "40", "60", "80"]
    assert logged(path)[-1] == ["80", "0.0125", "80.0"]
    run(0, [20])
    assert [row[0] for row in logged(path)] == ["step", "20"]


def test_a_damaged_file_of_losses_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "codec.losses.csv"
    path.write_bytes(b"\xff\xfe\x00 no table")
    with logging_losses(path, 40, ignore) as log:
        log(TrainingProgress("training", 60, 100, 0.5, 1.0))
    assert [row[0] for row in logged(path)] == ["step", "60"]


def test_losses_that_cannot_be_written_are_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ModelError, match=r"codec.losses.csv cannot be written: (Not a directory|File exists)"),
        logging_losses(tmp_path / "file" / "codec.losses.csv", 0, ignore),
    ):
        pass


def test_losses_go_to_tensorboard_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, object]] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int | None) -> None:
            shown.append((Path(folder).name, purge_step))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            shown.append((name, (value, step)))

        def close(self) -> None:
            shown.append(("close", None))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    with logging_losses(tmp_path / "codec.losses.csv", 40, ignore) as log:
        log(TrainingProgress("training", 60, 100, 0.5, 1.0))
    assert shown == [("codec", 40), ("loss", (0.5, 60)), ("close", None)]
