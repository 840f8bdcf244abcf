"""In-memory traces in which Bob chooses diffusion steps, for tests of their figures."""

from collections.abc import Callable
from typing import Any

import numpy as np
from plot_tables import MS, Given

from linksim.adapt.mdp import apply_action, step_toward
from linksim.enums import MessageKind, Node

Rule = Callable[[np.ndarray, np.ndarray, np.random.Generator], Any]  # measured SNR, true SNR -> target steps
REPORT = MessageKind.REPORT


def best(snr_db: np.ndarray) -> np.ndarray:
    """Synthetic best steps for an SNR: both decrease with the SNR."""
    return np.stack([np.clip(18 - 0.4 * snr_db, 8, 30), np.clip(14 - 1.2 * snr_db, 0, 30)], axis=-1).round().astype(np.int64)


POLICIES: dict[str, Rule] = {
    "oracle": lambda measured, true, draw: best(true),
    "lookup": lambda measured, true, draw: best(np.floor(measured / 3) * 3 + 1.5),
    "fixed": lambda measured, true, draw: np.tile([20, 5], (len(true), 1)),
    "random": lambda measured, true, draw: draw.integers([1, 0], [51, 51], (len(true), 2)),
}


def scenario(policies: tuple[str, ...]) -> str:
    """A scenario whose groups differ only in their policy; each group has the name of its policy."""
    lines = (f"  {name}: {{links: 1, scheme: [{{name: diffusec}}], bob: {{policy: {{name: {name}}}}}}}\n" for name in policies)
    return "name: adaptive\ndescription: a comparison of policies\ngroups:\n" + "".join(lines)


def adaptive(
    policies: tuple[str, ...] = ("oracle", "lookup"),
    links: int = 2,
    rounds: int = 20,
    images: int = 4,
    attacked: bool = True,
    seed: int = 0,
) -> Given:
    """A trace with one group per policy.

    Links of equal index meet the same SNR, images and random outcomes in all groups. A round takes 20 ms and has four frames.
    """
    parts = [group(POLICIES[name], code * links, links, rounds, images, attacked, seed) for code, name in enumerate(policies)]
    given: Given = {
        table: {column: np.concatenate([part[table][column] for part in parts]) for column in columns}
        for table, columns in parts[0].items()
    }
    given["links"] = {"link": np.arange(len(policies) * links), "group": np.repeat(np.arange(len(policies)), links)}
    return given


def group(rule: Rule, first: int, links: int, rounds: int, images: int, attacked: bool, seed: int) -> Given:
    """One group with links numbered from `first`. A report is lost with probability 0.1; its steps then do not come into force."""
    shared, own = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    phase = np.cumsum(shared.normal(0, 0.4, (rounds, links)), axis=0)
    true = 6 + 9 * np.sin(2 * np.pi * np.arange(rounds)[:, None] / 40 + phase)
    measured = true + shared.normal(0, 0.8, true.shape)
    lost = shared.random(true.shape) < 0.1
    steps, requested, in_force = np.tile([20, 0], (links, 1)), [], []
    for place in range(rounds):
        target = step_toward(steps, rule(measured[place], true[place], own))
        requested.append(apply_action(target, own.normal(0, 0.01, target.shape)))
        steps = np.where(lost[place][:, None], steps, requested[-1])
        in_force.append(steps)
    link, number = np.tile(first + np.arange(links), rounds), np.repeat(np.arange(rounds), links)
    time = number * 20 * MS + MS
    rows = {"time_ns": time, "link": link, "sequence": number, "measured_snr_db": measured.ravel(), "snr_db": true.ravel()}
    given: Given = {
        "decisions": rows | dict(zip(("t_d", "t_plus"), np.concatenate(requested).T, strict=True)),
        "control": {"time_ns": time + MS, "airtime_ns": np.full(len(time), MS // 2), "link": link, "sender": np.full(len(time), Node.BOB)}
        | {"message": np.full(len(time), REPORT), "sequence": number, "outcome": lost.ravel().astype(int)},
    }
    return given | sent(np.concatenate(in_force), rows, images, attacked, shared)


def sent(steps: np.ndarray, rows: dict[str, Any], images: int, attacked: bool, shared: np.random.Generator) -> Given:
    """Four frames per round. Scores decrease with the distance of the steps, [links * rounds, 2], from the best ones."""
    each = {name: np.repeat(value, 4) for name, value in rows.items()}
    quarter = np.tile(np.arange(4), len(steps))
    start, chosen = each["time_ns"] + (3 + 4 * quarter) * MS, np.repeat(steps, 4, axis=0)
    frame = each["sequence"] * 4 + quarter
    distance = np.abs(chosen - best(each["snr_db"])).sum(axis=1) / 40
    received = {"time_ns": start, "link": each["link"], "frame": frame}
    scored = {name: np.repeat(value, images) for name, value in received.items()}
    outcome, label = shared.random(len(scored["link"])), shared.integers(0, 10, len(scored["link"]))
    error_rate = np.repeat(np.clip(0.1 + 0.5 * distance - 0.005 * each["snr_db"], 0, 0.95), images)
    ssim = np.repeat(0.9 - 0.25 * distance + 0.005 * np.minimum(each["snr_db"], 10), images)
    attacked_class = (label + 1) % 10
    third = (label + 2) % 10
    received_class = np.where(outcome < error_rate / 2, attacked_class, np.where(outcome < error_rate, third, label))
    return {
        "frames": received
        | {
            "airtime_ns": np.full(len(frame), 2 * MS),
            "t_d": chosen[:, 0],
            "t_plus": chosen[:, 1],
            "channel_uses": np.full(len(frame), 2000),
        },
        "receptions": received | {"snr_db": each["snr_db"], "estimated_snr_db": each["measured_snr_db"]},
        "scores": scored
        | {"label": label, "class_received": received_class, "ssim": ssim, "psnr_db": 10 + 15 * ssim, "mse": 10 ** -(1 + 1.5 * ssim)}
        | {
            "class_clean": label if attacked else np.full(len(label), -1),
            "class_attacked": attacked_class if attacked else np.full(len(label), -1),
        },
    }
