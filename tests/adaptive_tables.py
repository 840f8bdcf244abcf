"""Traces in memory in which Bob chooses diffusion steps, for the tests of their figures."""

from collections.abc import Callable
from typing import Any

import numpy as np
from plot_tables import MS, Given

from linksim.adapt.mdp import apply_action, step_toward
from linksim.records import BOB, MESSAGES

Answer = Callable[[np.ndarray, np.ndarray, np.random.Generator], Any]  # measured and true SNR -> wanted steps
REPORT = MESSAGES.index("report")


def best(snr_db: np.ndarray) -> np.ndarray:
    """Made-up best steps for an SNR: fewer of both, the better the channel."""
    return np.stack([np.clip(18 - 0.4 * snr_db, 8, 30), np.clip(14 - 1.2 * snr_db, 0, 30)], axis=-1).round().astype(np.int64)


POLICIES: dict[str, Answer] = {
    "oracle": lambda measured, true, draw: best(true),
    "table": lambda measured, true, draw: best(np.floor(measured / 3) * 3 + 1.5),
    "fixed": lambda measured, true, draw: np.tile([20, 5], (len(true), 1)),
    "random": lambda measured, true, draw: draw.integers([1, 0], [51, 51], (len(true), 2)),
}


def scenario(policies: tuple[str, ...]) -> str:
    """A scenario whose groups differ in their policy alone; each bears its policy's name."""
    lines = (f"  {name}: {{links: 1, scheme: [{{name: diffusec}}], bob: {{policy: {{name: {name}}}}}}}\n" for name in policies)
    return "name: adaptive\nabout: who chooses best\ngroups:\n" + "".join(lines)


def adaptive(
    policies: tuple[str, ...] = ("oracle", "table"), links: int = 2, rounds: int = 20, images: int = 4, attacked: bool = True, seed: int = 0
) -> Given:
    """A group for each policy. Link by link all meet the same SNR, images and luck; a round is 20 ms and has four frames."""
    parts = [group(POLICIES[name], code * links, links, rounds, images, attacked, seed) for code, name in enumerate(policies)]
    given: Given = {
        table: {column: np.concatenate([part[table][column] for part in parts]) for column in columns}
        for table, columns in parts[0].items()
    }
    given["links"] = {"link": np.arange(len(policies) * links), "group": np.repeat(np.arange(len(policies)), links)}
    return given


def group(answer: Answer, first: int, links: int, rounds: int, images: int, attacked: bool, seed: int) -> Given:
    """One group, its links numbered from `first` on. Every tenth report is lost: its steps never come into force."""
    chance, own = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    turn = np.cumsum(chance.normal(0, 0.4, (rounds, links)), axis=0)
    true = 6 + 9 * np.sin(2 * np.pi * np.arange(rounds)[:, None] / 40 + turn)
    measured = true + chance.normal(0, 0.8, true.shape)
    missed = chance.random(true.shape) < 0.1
    steps, asked, force = np.tile([20, 0], (links, 1)), [], []
    for place in range(rounds):
        wanted = step_toward(steps, answer(measured[place], true[place], own))
        asked.append(apply_action(wanted, own.normal(0, 0.01, wanted.shape)))
        steps = np.where(missed[place][:, None], steps, asked[-1])
        force.append(steps)
    link, number = np.tile(first + np.arange(links), rounds), np.repeat(np.arange(rounds), links)
    time = number * 20 * MS + MS
    rows = {"time_ns": time, "link": link, "sequence": number, "measured_snr_db": measured.ravel(), "snr_db": true.ravel()}
    given: Given = {
        "decisions": rows | dict(zip(("t_d", "t_plus"), np.concatenate(asked).T, strict=True)),
        "control": {"time_ns": time + MS, "airtime_ns": np.full(len(time), MS // 2), "link": link, "sender": np.full(len(time), BOB)}
        | {"message": np.full(len(time), REPORT), "sequence": number, "outcome": missed.ravel().astype(int)},
    }
    return given | sent(np.concatenate(force), rows, images, attacked, chance)


def sent(force: np.ndarray, rows: dict[str, Any], images: int, attacked: bool, chance: np.random.Generator) -> Given:
    """Four frames for each round; the further the steps are from the best ones, the worse their images."""
    each = {name: np.repeat(value, 4) for name, value in rows.items()}
    quarter = np.tile(np.arange(4), len(force))
    start, t = each["time_ns"] + (3 + 4 * quarter) * MS, np.repeat(force, 4, axis=0)
    frame = each["sequence"] * 4 + quarter
    off = np.abs(t - best(each["snr_db"])).sum(axis=1) / 40
    received = {"time_ns": start, "link": each["link"], "frame": frame}
    scored = {name: np.repeat(value, images) for name, value in received.items()}
    luck, label = chance.random(len(scored["link"])), chance.integers(0, 10, len(scored["link"]))
    wrong = np.repeat(np.clip(0.1 + 0.5 * off - 0.005 * each["snr_db"], 0, 0.95), images)
    ssim = np.repeat(0.9 - 0.25 * off + 0.005 * np.minimum(each["snr_db"], 10), images)
    source = (label + 1) % 10
    third = (label + 2) % 10
    predicted = np.where(luck < wrong / 2, source, np.where(luck < wrong, third, label))
    return {
        "frames": received
        | {"airtime_ns": np.full(len(frame), 2 * MS), "t_d": t[:, 0], "t_plus": t[:, 1], "channel_uses": np.full(len(frame), 2000)},
        "receptions": received | {"snr_db": each["snr_db"], "estimated_snr_db": each["measured_snr_db"]},
        "scores": scored
        | {"label": label, "class_received": predicted, "ssim": ssim, "psnr_db": 10 + 15 * ssim, "mse": 10 ** -(1 + 1.5 * ssim)}
        | {
            "class_clean": label if attacked else np.full(len(label), -1),
            "class_attacked": source if attacked else np.full(len(label), -1),
        },
    }
