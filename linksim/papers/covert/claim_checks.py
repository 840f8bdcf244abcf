"""How each claim of Tang et al. is checked: the experiments that the check needs, and the function that compares them with the paper.

    values   shown beside the paper's and not compared where the faces decide them; losses, rates of an unrelated face and channel uses are
    orders   differences image by image: which attack is better, and Bob's private image with and without hiding (Sec. V-B and V-C)

A share of recognised persons has Wilson's interval, so that a few images without one do not prove a rate of zero.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from linksim.nets.codecs import Codec
from linksim.nets.hiders import Hider
from linksim.nets.weights import build
from linksim.papers.covert.attacks import ATTACKS, PAPERS_ATTACKS, TABLE_ONE
from linksim.papers.covert.experiments import (
    CHANNEL_NAMES,
    CHANNELS,
    COVERT_DB,
    FPESR_DB,
    HIDERS,
    LIKENESS,
    PERSON,
    SEARCHED_DB,
    SNRS_DB,
    UNDEFENDED,
    bob,
    key,
)
from linksim.papers.covert.unrelated import UnrelatedFaces
from linksim.reproduction.claims import Claim, shown
from linksim.reproduction.results import DifferentDrawsError, ResultStore, Samples
from linksim.reproduction.rules import Rule
from linksim.reproduction.statements import Statement, above, at_most, difference, judged, rises
from linksim.reproduction.verdicts import Finding, compare_values
from linksim.schemes.covert import Covert
from linksim.schemes.deepjscc import DeepJscc
from linksim.statistics import Interval, wilson

HIDER = "paper"  # the hider that the claims are about
LOUD_DB = (15, 20)  # SNRs above 10 dB
NAMES = {"psnr_db": "PSNR", "ms_ssim": "MS-SSIM", "lpips": "LPIPS"}
Place = tuple[str, str]  # key of an experiment, and metric


def paired(results: ResultStore, places: Sequence[Place]) -> list[Samples]:
    """Return the values of metrics of experiments for a comparison image by image, cut to the images that all of them have. [n] each.

    Raises DifferentDrawsError unless all experiments had the same random draws.
    """
    if not results.same_draws(key for key, _ in places):
        raise DifferentDrawsError
    found = [results[key].samples[metric] for key, metric in places]
    count = min(map(len, found))
    return [samples[:count] for samples in found]


def share(samples: Samples) -> Interval:
    """Return the share of samples that are 1, all being 0 or 1, with Wilson's interval. [n] -> share 0..1

    >>> share(np.array([1.0, 1.0, 0.0, 1.0])).value
    0.75
    """
    return wilson(round(float(samples.sum())), len(samples))


def side_by_side(places: tuple[Place, ...], claim: Claim, results: ResultStore) -> Finding:
    """Compare mean PSNR and MS-SSIM of experiments with the paper's values in the same order.

    places  keys of the experiments in the order of the paper's values, with the prefix of the view
    """
    ours = [results[key].interval(f"{view}{metric}") for key, view in places for metric in LIKENESS[:2]]
    paper = claim.values().reshape(-1)
    word, reason = compare_values(claim, ours, paper, np.tile(claim.tolerances(2), len(places)))
    means = np.array([interval.value for interval in ours]).reshape(-1, 2)
    return Finding(word, shown(means), min(interval.n for interval in ours), reason)


def attacks_in_order(_: Claim, results: ResultStore) -> Finding:
    """Sec. V-B: the glass-box is the weakest in PSNR, attacks with a generator are the best in LPIPS, all improve with the SNR."""
    statements = list[Statement]()
    for channel, name in CHANNEL_NAMES.items():
        for snr_db in SEARCHED_DB:
            keys = {attack: key(UNDEFENDED, channel, snr_db, attack) for attack in PAPERS_ATTACKS}
            where = f"{name} {snr_db} dB"
            for other in PAPERS_ATTACKS[1:]:
                better, worse = paired(results, [(keys[other], "psnr_db"), (keys["glass"], "psnr_db")])
                statements.append(above(f"PSNR, {where}: {other} > glass", difference(better, worse)))
            for generated in ("genai-glass", "genai-closed"):
                for other in ("glass", "closed"):
                    worse, better = paired(results, [(keys[other], "lpips"), (keys[generated], "lpips")])
                    statements.append(above(f"LPIPS, {where}: {generated} < {other}", difference(worse, better)))
        for attack in PAPERS_ATTACKS:
            for metric, sign in (("psnr_db", 1.0), ("ms_ssim", 1.0), ("lpips", -1.0)):
                points = paired(results, [(key(UNDEFENDED, channel, snr_db, attack), metric) for snr_db in SEARCHED_DB])
                statements.append(rises(f"{NAMES[metric]}, {name}: {attack} improves", [sign * values for values in points]))
    word, reason, score = judged(statements)
    ours = "; ".join(
        f"{ATTACKS[attack].name} {shown([_mean(results, key(UNDEFENDED, 'awgn', FPESR_DB, attack), metric) for metric in LIKENESS])}"
        for attack in PAPERS_ATTACKS
    )
    return Finding(word, f"AWGN {FPESR_DB} dB: {ours}", _fewest(results, ORDER_KEYS), reason, score)


def persons_recognised(claim: Claim, results: ResultStore) -> Finding:
    """Fig. 6: the FPESR of the paper's attacks on the undefended link, both channels."""
    ours = [share(results[name].samples[PERSON]) for name in FPESR_KEYS]
    paper, limits = np.tile(claim.values(), len(CHANNELS)), np.tile(claim.tolerances(1), len(ours))
    word, reason = compare_values(claim, ours, paper, limits)
    rows = np.array([interval.value for interval in ours]).reshape(len(CHANNELS), -1)
    return Finding(word, shown(rows), min(interval.n for interval in ours), f"{reason}; our recogniser is not the paper's")


def no_person_recognised(claim: Claim, results: ResultStore) -> Finding:
    """Table I: the FPESR of the private person on the covert link, beyond that of the host, who is another person.

    A recogniser takes a few pairs of persons for one. These pairs do not count where it does so for the host itself.
    """
    ours, rates = [], []
    for name in ZERO_KEYS:
        seen, host = paired(results, [(name, PRIVATE_PERSON), (CHANCE, PRIVATE_PERSON)])
        ours.append(share(np.where(host > 0, 0.0, seen)))
        rates.append(float(seen.mean()))
    word, reason = compare_values(claim, ours, np.full(len(ours), float(claim.values())), np.tile(claim.tolerances(1), len(ours)))
    chance, highest = share(results[CHANCE].samples[PRIVATE_PERSON]), max(ours, key=lambda interval: interval.high)
    reason += f"; the host itself is taken for the private person in {100 * chance.value:.1f} % of pairs"
    reason += f"; the highest upper bound is {highest.high:.3f}, of {highest.n} images"
    found = f"{shown(rates)}, beyond the host {shown([interval.value for interval in ours])}"
    return Finding(word, found, min(interval.n for interval in ours), reason)


def host_loss(claim: Claim, results: ResultStore) -> Finding:
    """Sec. V-C: what hiding costs Bob's host image, AWGN, at every SNR."""
    losses = [loss for snr_db in SNRS_DB for loss in _host_losses(HIDER, snr_db, results)]
    word, reason = compare_values(claim, losses, np.tile(claim.values(), len(SNRS_DB)), np.tile(claim.tolerances(2), len(SNRS_DB)))
    table = np.array([loss.value for loss in losses]).reshape(-1, 2)
    others = []
    for name in HIDERS:
        if name != HIDER and all(bob(name, "awgn", snr_db) in results for snr_db in SNRS_DB):
            values = np.array([loss.value for snr_db in SNRS_DB for loss in _host_losses(name, snr_db, results)]).reshape(-1, 2)
            others.append(f"{HIDERS[name].name} up to {shown(values.max(axis=0))}")
    return Finding(word, shown(table), losses[0].n, "; ".join([reason, *others]))


def _host_losses(hider: str, snr_db: int, results: ResultStore) -> list[Interval]:
    """Return the losses of PSNR in dB and of MS-SSIM of Bob's host image on AWGN."""
    keys = bob(UNDEFENDED, "awgn", snr_db), bob(hider, "awgn", snr_db)
    return [difference(*paired(results, [(name, f"bob-host:{metric}") for name in keys])) for metric in LIKENESS[:2]]


def private_lpips(claim: Claim, results: ResultStore) -> Finding:
    """Sec. V-C: LPIPS of Bob's private image, within the tolerance of plain DeepJSCC's on AWGN, below it on Rayleigh above 10 dB."""
    statements, texts, limit = list[Statement](), [], float(claim.tolerances(1)[0])
    for channel, snrs_db in (("awgn", SNRS_DB), ("rayleigh", LOUD_DB)):
        for snr_db in snrs_db:
            hidden, plain = paired(results, [(bob(link, channel, snr_db), "bob-private:lpips") for link in (HIDER, UNDEFENDED)])
            where = f"{CHANNEL_NAMES[channel]} {snr_db} dB"
            if channel == "awgn":
                statements.append(at_most(f"{where}: at most {limit:g} above plain", difference(hidden, plain), limit))
            else:
                statements.append(above(f"{where}: below plain", difference(plain, hidden)))
            texts.append(f"{where} {hidden.mean():.3f} (plain {plain.mean():.3f})")
    word, reason, score = judged(statements)
    return Finding(word, ", ".join(texts), _fewest(results, PRIVATE_KEYS), reason, score)


def equal_channel_uses(_: Claim, __: ResultStore) -> Finding:
    """Sec. IV-A: channel uses of the undefended and of the covert scheme, with small networks. Exact: nothing is measured."""
    codec = build("codec", {"side": 32, "channels": 8, "stem": 8, "width": 8, "inner": 8, "blocks": 1})
    hider = build("hider", {"layout": "linear", "channels": 8, "side": 32, "tile": 8})
    assert isinstance(codec, Codec)
    assert isinstance(hider, Hider)
    plain, covert = DeepJscc(codec), Covert(DeepJscc(codec), hider)
    signal = torch.ones((1, plain.channel_uses), dtype=torch.complex64)
    sent = hider.hide(signal, signal).shape[1]
    equal = plain.channel_uses == covert.channel_uses == sent
    ours = f"{plain.channel_uses} without, {sent} with a hidden image"
    return Finding("reproduced" if equal else "not reproduced", ours, 0, "exact, by construction" if equal else "differs")


def _mean(results: ResultStore, name: str, metric: str) -> float:
    return results[name].interval(metric).value


def _fewest(results: ResultStore, keys: Sequence[str]) -> int:
    """Return the smallest number of samples of some experiments."""
    return min(len(samples) for name in keys for samples in results[name].samples.values())


CHANCE, PRIVATE_PERSON = UnrelatedFaces.key, f"eve-private:{PERSON}"
ORDER_KEYS = tuple(key(UNDEFENDED, channel, snr_db, attack) for channel in CHANNELS for snr_db in SEARCHED_DB for attack in PAPERS_ATTACKS)
FPESR_KEYS = tuple(key(UNDEFENDED, channel, FPESR_DB, attack) for channel in CHANNELS for attack in PAPERS_ATTACKS)
ZERO_KEYS = tuple(key(HIDER, "awgn", COVERT_DB, attack) for attack in TABLE_ONE)
PRIVATE_KEYS = tuple(
    bob(link, channel, snr_db)
    for channel, levels in (("awgn", SNRS_DB), ("rayleigh", LOUD_DB))
    for snr_db in levels
    for link in (HIDER, UNDEFENDED)
)
LOSS_KEYS = tuple(bob(link, "awgn", snr_db) for snr_db in SNRS_DB for link in (UNDEFENDED, HIDER))
MEAN = "mean over the images of PSNR and of MS-SSIM"


def _glass(channel: str) -> Rule:
    name = key(UNDEFENDED, channel, 0, "glass")
    return Rule(how=f"{MEAN}; the search has no prior (Eq. 12)", keys=(name,), check=partial(side_by_side, ((name, ""),)))


def _table_one(view: str) -> Rule:
    how = f"{MEAN}, Eve's images of the paper's hider, in the order of Table I"
    return Rule(how=how, keys=ZERO_KEYS, check=partial(side_by_side, tuple((name, view) for name in ZERO_KEYS)))


RULES: dict[str, Rule] = {
    "covert-glass-awgn0": _glass("awgn"),
    "covert-glass-ray0": _glass("rayleigh"),
    "covert-order": Rule(
        how="differences image by image at 0, 5 and 20 dB on both channels; glass-box without a prior, closed-box with 100 queries",
        keys=ORDER_KEYS,
        check=attacks_in_order,
    ),
    "covert-fpesr": Rule(
        how="share of Eve's images in which the recogniser sees the person sent", keys=FPESR_KEYS, check=persons_recognised
    ),
    "covert-fpesr-zero": Rule(
        how="share of Eve's images in which the recogniser sees the private person but not in the host itself, Wilson's interval",
        keys=ZERO_KEYS,
        check=no_person_recognised,
        support=(CHANCE,),
    ),
    "covert-eve-host": _table_one("eve-host:"),
    "covert-eve-private": _table_one("eve-private:"),
    "covert-host-loss": Rule(
        how="plain DeepJSCC minus the paper's hider, the same hosts, image by image, at each of five SNRs", keys=LOSS_KEYS, check=host_loss
    ),
    "covert-private-lpips": Rule(
        how="differences to plain DeepJSCC on the same private images, image by image", keys=PRIVATE_KEYS, check=private_lpips
    ),
    "covert-bcr": Rule(how="symbols of both schemes with small networks", keys=(), check=equal_channel_uses),
}
