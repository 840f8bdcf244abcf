"""How each claim of MIEA is checked: the experiments that the check needs, and the function that compares them with the paper."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from linksim.papers.miea.experiments import ATTACKS, BOTH, DEFENCES, METRICS, OPEN, PERMUTED, SNRS_DB, SUBSTITUTED, bobs, grid
from linksim.reproduction.claims import Claim, shown
from linksim.reproduction.results import ResultStore
from linksim.reproduction.verdicts import Finding, Order, Rule, Word, compare, compare_values, difference, ordered, rises, spread
from linksim.schemes.permutation import shuffle, unshuffle

NAMES = {"psnr_db": "PSNR", "ssim": "SSIM"}


def flat(table: str, attack: str) -> tuple[str, ...]:
    """The keys of a grid, row by row."""
    return tuple(key for row in grid(table, attack) for key in row)


def side_by_side(keys: tuple[str, ...], tables: Sequence[str], claim: Claim, results: ResultStore) -> Finding:
    """Results compared with the paper's values in the same order; `tables` are the names of the paper's tables, where it has several."""
    ours = [results[key].interval(metric) for key in keys for metric in METRICS]
    paper = np.concatenate([claim.values(name).ravel() for name in tables])
    tolerance = np.tile(claim.tolerances(len(METRICS)), len(keys))
    word, reason = compare_values(claim, ours, paper, tolerance)
    means = np.array([interval.value for interval in ours]).reshape(-1, len(METRICS))
    above = (means - paper.reshape(means.shape)).mean(axis=0)
    reason += f"; on average {above[0]:+.2f} dB and {above[1]:+.3f} from the paper's"
    return Finding(word, shown(means), ours[0].n, reason)


def rises_with_ec_only(claim: Claim, results: ResultStore) -> Finding:
    """Quality rises along each column (EC) and is flat along each row (MC), within the tolerance: the paper's own largest spread."""
    risen: list[bool] = []
    spreads = dict.fromkeys(METRICS, 0.0)
    for attack in ATTACKS:
        table = grid(OPEN.table, attack)
        for metric in METRICS:
            risen += [rises(results.aligned(column, metric)) for column in zip(*table, strict=True)]
            spreads[metric] = max(spreads[metric], *(spread([results[key].samples[metric] for key in row]) for row in table))
    allowed = claim.tolerances(len(METRICS))
    level = all(spreads[metric] <= limit for metric, limit in zip(METRICS, allowed, strict=True))
    word: Word = "reproduced" if all(risen) and level else "not reproduced"
    relation = "not larger" if level else "larger"
    reason = f"{sum(risen)} of {len(risen)} sweeps rise with EC; the spread over MC is {relation} than the paper's largest"
    ours = f"spread over MC up to {spreads['psnr_db']:.2f} dB / {spreads['ssim']:.3f} (paper {allowed[0]:g} dB / {allowed[1]:g})"
    return Finding(word, ours, _num_images(results, OPEN.table), reason)


def bob_above_black_above_white(_: Claim, results: ResultStore) -> Finding:
    """The order in each of the nine conditions, image by image."""
    orders, means = [], []
    for mc, bob, *column in zip(SNRS_DB, bobs(OPEN.table), *grid(OPEN.table, "black"), strict=True):
        for ec, black in zip(SNRS_DB, column, strict=True):
            white = black.replace("black", "white")
            for metric in METRICS:
                of = dict(zip(("Bob", "black", "white"), results.aligned((bob, black, white), metric), strict=True))
                where = f"{NAMES[metric]}, MC {mc} dB, EC {ec} dB"
                orders += [Order(f"{where}: {a} > {b}", difference(of[a], of[b])) for a, b in (("Bob", "black"), ("black", "white"))]
                means.append([float(values.mean()) for values in of.values()])
    word, reason = ordered(orders)
    overall = np.array(means).reshape(-1, len(METRICS), 3).mean(axis=0)
    ours = f"means over the nine: Bob {shown(overall[:, 0])}, black {shown(overall[:, 1])}, white {shown(overall[:, 2])}"
    return Finding(word, ours, _num_images(results, OPEN.table), reason)


def both_below_each(_: Claim, results: ResultStore) -> Finding:
    """The order of the defences by SSIM of the black box, each image's mean over the nine conditions."""
    ordered_defences = (BOTH, PERMUTED, SUBSTITUTED, OPEN)
    keys = [key for defence in ordered_defences for key in flat(defence.table, "black")]
    by_defence = np.reshape(results.aligned(keys, "ssim"), (len(ordered_defences), len(SNRS_DB) ** 2, -1)).mean(axis=1)
    means = dict(zip((defence.name for defence in ordered_defences), by_defence, strict=True))
    names = list(means)
    orders = [Order(f"{a} < {b}", difference(means[b], means[a])) for a, b in pairwise(names)]
    word, reason = ordered(orders)
    ours = ", ".join(f"{name} {values.mean():.3f}" for name, values in means.items())
    return Finding(word, ours, _num_images(results, OPEN.table), reason)


def bob_unharmed(claim: Claim, results: ResultStore) -> Finding:
    """Paired differences of PSNR are zero within their interval and the tolerance, and the defence restores shuffled noise exactly."""
    pairs = zip(bobs(BOTH.table), bobs(OPEN.table), strict=True)
    found = [difference(*results.aligned(pair, "psnr_db")) for pair in pairs]
    equal = all(compare(interval, 0.0, None, float(claim.tolerances(1)[0])) == "met" for interval in found)
    exact = noise_is_restored()
    ours = ", ".join(f"MC {mc} dB: {interval.value:+.4f} dB" for mc, interval in zip(SNRS_DB, found, strict=True))
    reason = f"differences are {'within' if equal else 'beyond'} their 95 % interval and {claim.tolerance:g} dB"
    reason += f"; the same noise is {'restored bit for bit' if exact else 'NOT restored exactly'}"
    return Finding("reproduced" if equal and exact else "not reproduced", ours, found[0].n, reason)


def noise_is_restored() -> bool:
    """Whether features and noise that are shuffled alike sum, once restored, to features plus noise, bit for bit.

    If they do, Bob decodes the same signal as without the defence.
    """
    draw = torch.Generator().manual_seed(1)
    features, noise = torch.randn((2, 4, 2, 32, 64), generator=draw)
    order = torch.rand((4, 2, 32), generator=draw).argsort(dim=-1)
    swapped = torch.rand((4, 32), generator=draw) < 0.5
    received = shuffle(features, order, swapped) + shuffle(noise, order, swapped)
    return torch.equal(unshuffle(received, order, swapped), features + noise)


def flat_in_ec(claim: Claim, results: ResultStore) -> Finding:
    """The rise from EC 0 to EC 20 dB of each image's mean over MC, per attack and metric."""
    texts, held = [], []
    for attack in ATTACKS:
        rows = grid(BOTH.table, attack)
        rise = {}
        for metric in METRICS:
            last, first = np.reshape(results.aligned((*rows[-1], *rows[0]), metric), (2, len(SNRS_DB), -1)).mean(axis=1)
            rise[metric] = difference(last, first)
        held += [rise[m].value <= limit for m, limit in zip(METRICS, claim.tolerances(len(METRICS)), strict=True)]
        texts.append(f"{attack} {rise['psnr_db'].value:+.2f} dB / {rise['ssim'].value:+.3f}")
    word: Word = "reproduced" if all(held) else "not reproduced"
    limits = claim.tolerances(len(METRICS))
    reason = f"{sum(held)} of {len(held)} rises from EC 0 to EC 20 dB are at most {limits[0]:g} dB or {limits[1]:g}"
    return Finding(word, ", ".join(texts), _num_images(results, BOTH.table), reason)


def worked_example(_: Claim, __: ResultStore) -> Finding:
    """Fig. 2 with the functions of the scheme: y_i is i, y'_i is 5 + i."""
    features = torch.arange(10.0).reshape(1, 2, 5, 1)
    order = torch.tensor([[[4, 2, 1, 0, 3], [0, 3, 4, 1, 2]]])
    swapped = torch.tensor([[True, False, True, False, False]])
    sent = shuffle(features, order, swapped)
    names = [f"y{i}{prime}" for prime in ("", "'") for i in range(5)]
    rows = [[names[int(value)] for value in image] for image in sent[0, :, :, 0].tolist()]
    wanted = [["y0'", "y2", "y4'", "y0", "y3"], ["y4", "y3'", "y1", "y1'", "y2'"]]
    exact = rows == wanted and torch.equal(unshuffle(sent, order, swapped), features)
    ours = " and ".join(f"[{','.join(image)}]" for image in rows)
    return Finding("reproduced" if exact else "not reproduced", ours, 0, "exact, and restored exactly" if exact else "differs")


def _num_images(results: ResultStore, table: str) -> int:
    return results[grid(table, "black")[0][0]].interval("ssim").n


def _of(table: str, *attacks: str) -> tuple[str, ...]:
    return tuple(key for attack in attacks for key in flat(table, attack))


def _value(how: str, keys: tuple[str, ...], *tables: str) -> Rule:
    return Rule(how, keys, partial(side_by_side, keys, tables or ("",)))


MEAN = "mean over the images of PSNR and of SSIM, in each condition"

RULES: dict[str, Rule] = {
    "miea-bob": _value(f"{MEAN}, one codec per MC", bobs(OPEN.table)),
    "miea-white": _value(MEAN, _of(OPEN.table, "white")),
    "miea-black": _value(MEAN, _of(OPEN.table, "black")),
    "miea-order-snr": Rule(
        "rise from EC 0 to EC 20 dB, image by image, per attack, metric and MC; spread of the means over MC per attack, metric and EC",
        _of(OPEN.table, *ATTACKS), rises_with_ec_only,
    ),
    "miea-order-box": Rule(
        "differences image by image in the nine conditions, PSNR and SSIM", (*bobs(OPEN.table), *_of(OPEN.table, *ATTACKS)),
        bob_above_black_above_white,
    ),
    "miea-defended-white": _value(MEAN, _of(BOTH.table, "white")),
    "miea-defended-black": _value(MEAN, _of(BOTH.table, "black")),
    "miea-perm-only": _value(MEAN, _of(PERMUTED.table, *ATTACKS), *ATTACKS),
    "miea-subst-only": _value(MEAN, _of(SUBSTITUTED.table, *ATTACKS), *ATTACKS),
    "miea-ablation": Rule(
        "each image's SSIM, mean over the nine conditions, black box; differences image by image",
        tuple(key for defence in DEFENCES for key in flat(defence.table, "black")), both_below_each,
    ),
    "miea-bob-unharmed": Rule(
        "PSNR with the defence minus PSNR without it, image by image, noise of the same distribution; and noise restored bit by bit",
        (*bobs(OPEN.table), *bobs(BOTH.table)), bob_unharmed,
    ),
    "miea-flat-defended": Rule(
        "rise from EC 0 to EC 20 dB, image by image, mean over MC, per attack and metric", _of(BOTH.table, *ATTACKS), flat_in_ec
    ),
    "miea-worked-example": Rule("the example with the scheme's own functions", (), worked_example),
}  # fmt: skip
