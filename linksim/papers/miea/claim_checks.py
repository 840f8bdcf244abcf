"""How each claim of MIEA is checked: the experiments that the check needs, and the function that compares them with the paper.

    values   Tables I to IV: shown beside the paper's and not compared, because the faces differ
    orders   differences of PSNR and SSIM image by image: which attack is better, which defence, whether Bob is unharmed (Sec. III-C, IV)
    shapes   changes over the SNR of the eavesdropper's channel (EC) and of the main channel (MC)

Orders and shapes that involve the white box are judged only on conditions in which its searches reached the loss of the true image
(`white_box_losses`). An order that holds because an attack failed would be a property of the optimiser.
"""

from collections.abc import Sequence
from functools import partial
from itertools import combinations, pairwise

import numpy as np
import torch

from linksim.papers.miea.experiments import ATTACKS, BOTH, DEFENCES, METRICS, OPEN, PERMUTED, SNRS_DB, SUBSTITUTED, bobs, grid
from linksim.papers.miea.white_box_losses import BEST_START, PAPER_START, conditions, worked
from linksim.papers.miea.white_box_losses import key as key_of
from linksim.reproduction.claims import Claim, shown
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.rules import Rule
from linksim.reproduction.statements import Statement, above, at_most, difference, equal, judged, rises
from linksim.reproduction.verdicts import Finding, compare_values
from linksim.schemes.permutation import shuffle, unshuffle

NAMES = {"psnr_db": "PSNR", "ssim": "SSIM"}
WHO = {"": "white", "black:": "black"}  # prefixes of the metrics of the two attacks in `white_box_losses`


def flat(table: str, attack: str) -> tuple[str, ...]:
    """The keys of an attack's nine channel conditions, row by row: EC 0 dB at MC 0, 10, 20 dB first."""
    return tuple(key for row in grid(table, attack) for key in row)


def side_by_side(keys: tuple[str, ...], tables: Sequence[str], claim: Claim, results: ResultStore) -> Finding:
    """Results compared with the paper's values in the same order.

    keys    of the experiments, in the order of the paper's values; each has the metrics of `METRICS`
    tables  names of the claim's tables of values, [""] where it has one

    The reason states the mean deviation of PSNR in dB and of SSIM from the paper's values, which is no evidence on other images.
    """
    ours = [results[key].interval(metric) for key in keys for metric in METRICS]
    paper = np.concatenate([claim.values(name).ravel() for name in tables])
    tolerance = np.tile(claim.tolerances(len(METRICS)), len(keys))
    word, reason = compare_values(claim, ours, paper, tolerance)
    means = np.array([interval.value for interval in ours]).reshape(-1, len(METRICS))
    above = (means - paper.reshape(means.shape)).mean(axis=0)
    reason += f"; on average {above[0]:+.2f} dB and {above[1]:+.3f} from the paper's"
    return Finding(word, shown(means), ours[0].n, reason)


def _received_by(who: str, metric: str, keys: Sequence[str], results: ResultStore) -> list[Samples]:
    """A metric of the white box (""), the black box ("black:") or Bob ("bob:") in experiments of `white_box_losses`. [n] each."""
    return results.aligned(keys, f"{who}{metric}")


def _working(results: ResultStore, start: str) -> list[tuple[int, int]]:
    """The undefended conditions (MC, EC) in dB in which the white box from a start worked."""
    return [(mc, ec) for mc, ec in conditions(OPEN, start) if worked(results, OPEN, start, mc, ec)]


def _excluded(count: int) -> str:
    return f"; {count} conditions in which the white box failed are left out" if count else ""


def rises_with_ec_only(claim: Claim, results: ResultStore) -> Finding:
    """Sec. IV-B: quality rises with the SNR of EC at each MC, and is equal at all MCs, within the tolerance, at each EC.

    Both attacks are judged on the same faces and noise. An MC at which the white box failed at any EC is left out.
    """
    working, statements, largest = _working(results, BEST_START), list[Statement](), dict.fromkeys(METRICS, 0.0)
    mcs = [mc for mc in SNRS_DB if all((mc, ec) in working for ec in SNRS_DB)]
    tolerances = dict(zip(METRICS, claim.tolerances(len(METRICS)).tolist(), strict=True))
    for who, attack in WHO.items():
        for metric in METRICS:
            cells = {mc: _received_by(who, metric, [key_of(OPEN, BEST_START, mc, ec) for ec in SNRS_DB], results) for mc in mcs}
            statements += [rises(f"{attack}, {NAMES[metric]}, MC {mc} dB", column) for mc, column in cells.items()]
            for one, other in combinations(mcs, 2):
                for ec, first, second in zip(SNRS_DB, cells[one], cells[other], strict=True):
                    name = f"{attack}, {NAMES[metric]}, EC {ec} dB: MC {one} = MC {other} dB"
                    statements.append(equal(name, difference(first, second), tolerances[metric]))
                    largest[metric] = max(largest[metric], abs(statements[-1].value))
    word, reason, score = judged(statements)
    ours = f"spread over MC up to {largest['psnr_db']:.2f} dB / {largest['ssim']:.3f} (allowed {shown(list(tolerances.values()))})"
    return Finding(word, ours, _faces(results), reason + _excluded(len(SNRS_DB) * (len(SNRS_DB) - len(mcs))), score)


def bob_above_black_above_white(_: Claim, results: ResultStore) -> Finding:
    """Sec. IV-B: the order in each condition in which the white box worked, image by image, on the same received symbols."""
    statements, means = list[Statement](), []
    working = _working(results, BEST_START)
    for mc, ec in working:
        for metric in METRICS:
            cell = key_of(OPEN, BEST_START, mc, ec)
            bob, black, white = (_received_by(who, metric, [cell], results)[0] for who in ("bob:", "black:", ""))
            where = f"{NAMES[metric]}, MC {mc} dB, EC {ec} dB"
            statements.append(above(f"{where}: Bob > black", difference(bob, black)))
            statements.append(above(f"{where}: black > white", difference(black, white)))
            means.append([float(values.mean()) for values in (bob, black, white)])
    word, reason, score = judged(statements)
    overall = np.array(means).reshape(-1, len(METRICS), 3).mean(axis=0) if means else np.full((len(METRICS), 3), np.nan)
    ours = f"means over {len(working)} conditions: Bob {shown(overall[:, 0])}, black {shown(overall[:, 1])}, white {shown(overall[:, 2])}"
    return Finding(word, ours, _faces(results), reason + _excluded(len(SNRS_DB) ** 2 - len(working)), score)


def both_below_each(_: Claim, results: ResultStore) -> Finding:
    """Sec. IV-C, the ablation: the order of the defences by SSIM of the black box, each image's mean over the nine conditions."""
    ordered_defences = (BOTH, PERMUTED, SUBSTITUTED, OPEN)
    keys = [key for defence in ordered_defences for key in flat(defence.table, "black")]
    by_defence = np.reshape(results.aligned(keys, "ssim"), (len(ordered_defences), len(SNRS_DB) ** 2, -1)).mean(axis=1)
    means = dict(zip((defence.name for defence in ordered_defences), by_defence, strict=True))
    word, reason, score = judged([above(f"{a} < {b}", difference(means[b], means[a])) for a, b in pairwise(means)])
    ours = ", ".join(f"{name} {values.mean():.3f}" for name, values in means.items())
    return Finding(word, ours, _num_images(results, OPEN.table), reason, score)


def bob_unharmed(claim: Claim, results: ResultStore) -> Finding:
    """Sec. III-C: PSNR with and without the defence agree within the tolerance, and the defence restores shuffled noise exactly.

    A receiver that ignores what it receives would agree as well. Bob must therefore be above the black box on the defended link at the
    same SNR, which has all but the keys.
    """
    statements, differences = list[Statement](), []
    for place, mc in enumerate(SNRS_DB):
        keys = (bobs(BOTH.table)[place], bobs(OPEN.table)[place], grid(BOTH.table, "black")[place][place])
        defended, undefended, without_keys = results.aligned(keys, "psnr_db")
        differences.append(difference(defended, undefended))
        statements.append(equal(f"MC {mc} dB: with = without the defence", differences[-1], float(claim.tolerances(1)[0])))
        statements.append(above(f"MC {mc} dB: Bob > black box, EC {mc} dB, defended", difference(defended, without_keys)))
    word, reason, score = judged(statements)
    exact = noise_is_restored()
    ours = ", ".join(f"MC {mc} dB: {d.value:+.4f} ({d.low:+.4f}..{d.high:+.4f}) dB" for mc, d in zip(SNRS_DB, differences, strict=True))
    reason += f"; bound {claim.tolerance:g} dB; the same noise is {'restored bit for bit' if exact else 'NOT restored exactly'}"
    return Finding(word if exact else "not reproduced", ours, differences[0].n, reason, score)


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
    """Sec. IV-C: each image's mean over MC rises from EC 0 to EC 20 dB by at most the tolerance, per attack and metric.

    An attack that never works does not rise either. It must therefore rise by more on the undefended link, and an MC at which the white box
    failed there at any EC is left out for it.
    """
    texts, statements = [], list[Statement]()
    working = _working(results, PAPER_START)
    for attack in ATTACKS:
        columns = [i for i, mc in enumerate(SNRS_DB) if attack == "black" or all((mc, ec) in working for ec in SNRS_DB)]
        rise = {}
        for metric, limit in zip(METRICS, claim.tolerances(len(METRICS)).tolist(), strict=True):
            rows = [grid(table, attack)[row] for table in (BOTH.table, OPEN.table) for row in (-1, 0)] if columns else []
            keys = [row[column] for row in rows for column in columns]
            if not keys:
                continue
            last, first, open_last, open_first = np.reshape(results.aligned(keys, metric), (4, len(columns), -1)).mean(axis=1)
            rise[metric] = difference(last, first)
            name = f"{attack}, {NAMES[metric]}"
            statements.append(at_most(f"{name}: rise at most {limit:g}", rise[metric], limit))
            statements.append(above(f"{name}: undefended rise > defended rise", difference(open_last - open_first, last - first)))
        if rise:
            texts.append(f"{attack} {rise['psnr_db'].value:+.2f} dB / {rise['ssim'].value:+.3f}, {len(columns)} MCs")
    word, reason, score = judged(statements)
    return Finding(word, ", ".join(texts), _num_images(results, BOTH.table), reason, score)


def worked_example(_: Claim, __: ResultStore) -> Finding:
    """Fig. 2 with the functions of the scheme: y_i is i, y'_i is 5 + i. Exact: neither a measurement nor a tolerance is involved."""
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


def _faces(results: ResultStore) -> int:
    """Number of faces of the experiments of `white_box_losses` on the undefended link."""
    return len(results[STARTED[0]].samples["ssim"])


def _value(how: str, keys: tuple[str, ...], *tables: str) -> Rule:
    return Rule(how=how, keys=keys, check=partial(side_by_side, keys, tables or ("",)))


MEAN = "mean over the images of PSNR and of SSIM, in each condition"
STARTED = tuple(conditions(OPEN, BEST_START).values())
FROM_ZEROS = tuple(conditions(OPEN, PAPER_START).values())
SAME_FACES = "white box started from the inverse network's image, black box and Bob on the same faces, where the white box worked; "

RULES: dict[str, Rule] = {
    "miea-bob": _value(f"{MEAN}, one codec per MC", bobs(OPEN.table)),
    "miea-white": _value(MEAN, _of(OPEN.table, "white")),
    "miea-black": _value(MEAN, _of(OPEN.table, "black")),
    "miea-order-snr": Rule(
        how=SAME_FACES + "rise over EC at each MC, and differences between MCs at each EC, image by image, per attack and metric",
        keys=STARTED,
        check=rises_with_ec_only,
    ),
    "miea-order-box": Rule(how=SAME_FACES + "differences image by image, PSNR and SSIM", keys=STARTED, check=bob_above_black_above_white),
    "miea-defended-white": _value(MEAN, _of(BOTH.table, "white")),
    "miea-defended-black": _value(MEAN, _of(BOTH.table, "black")),
    "miea-perm-only": _value(MEAN, _of(PERMUTED.table, *ATTACKS), *ATTACKS),
    "miea-subst-only": _value(MEAN, _of(SUBSTITUTED.table, *ATTACKS), *ATTACKS),
    "miea-ablation": Rule(
        how="each image's SSIM, mean over the nine conditions, black box; differences image by image",
        keys=tuple(key for defence in DEFENCES for key in flat(defence.table, "black")),
        check=both_below_each,
    ),
    "miea-bob-unharmed": Rule(
        how="PSNR with the defence minus PSNR without it, image by image, noise of the same distribution; Bob above the black box on the "
        "defended link; and noise restored bit by bit",
        keys=(*bobs(OPEN.table), *bobs(BOTH.table), *(grid(BOTH.table, "black")[i][i] for i in range(len(SNRS_DB)))),
        check=bob_unharmed,
    ),
    "miea-flat-defended": Rule(
        how="rise from EC 0 to EC 20 dB, image by image, mean over MC, per attack and metric, with and without the defence",
        keys=(*_of(BOTH.table, *ATTACKS), *_of(OPEN.table, *ATTACKS)),
        check=flat_in_ec,
        support=FROM_ZEROS,
    ),
    "miea-worked-example": Rule(how="the example with the scheme's own functions", keys=(), check=worked_example),
}
