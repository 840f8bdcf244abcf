"""How each claim of DiffuSeC is checked: the experiments that the check needs, and the function that compares them with the paper.

    values   accuracies with Wilson's interval and mean SSIM with a normal one, each beside one figure of the paper (Table II, Figs. 4b, 5b)
    orders   accuracy of one method minus that of another, image by image: in every experiment the images and the attacks on them are equal
    shapes   of what the policy learns, in `trend_checks`

An order against a method whose accuracies the paper states is comparable only if our implementation of that method does not miss them;
otherwise a weak rival would count as a strong proposal.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from linksim.papers.diffusec.classifier_accuracy import ClassifierAccuracy
from linksim.papers.diffusec.experiments import CLASSIFIER, CLEAN, METHODS, ROBUST, ROUNDS, SNRS_DB, TABLE_II, TABLE_II_SNRS_DB, key, sweep
from linksim.papers.diffusec.learning_curve import KEY as CURVE
from linksim.papers.diffusec.policy_rollout import CONTROLS, STARTS, PolicyRollout
from linksim.papers.diffusec.trend_checks import adapts_in_three, converges, curve_controls, falls, policy_controls
from linksim.reproduction.claims import Claim, shown
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.rules import Rule
from linksim.reproduction.statements import Statement, above, difference, equal, judged
from linksim.reproduction.verdicts import Finding, compare, compare_values
from linksim.statistics import Interval, mean_interval, wilson

EQUAL_WITHIN = 0.02  # accuracies are equal if the whole interval of their paired difference is within this of zero
ROUNDED = 0.005  # tolerance of the rounded values of Table II
CLIFF_SHARE = 0.5  # share of its range of accuracy that a method with a cliff loses between two adjacent SNRs
LOW_SNRS_DB = tuple(snr_db for snr_db in SNRS_DB if snr_db < 3)
HIGH_SNRS_DB = tuple(snr_db for snr_db in SNRS_DB if snr_db > 3)
REVERSED_DB = (-6, -3)  # between which the paper's order of DiffuSeC and the masked VQ-VAE is reversed
FROM_MINUS_3_DB = tuple(snr_db for snr_db in TABLE_II_SNRS_DB if snr_db >= -3)
CLASSIFIER_KEY = ClassifierAccuracy(CLASSIFIER).key


def share(samples: Samples) -> Interval:
    """Share of samples that are 1, all being 0 or 1, with Wilson's interval. [n] -> share 0..1

    >>> import numpy as np
    >>> share(np.array([1.0, 1.0, 0.0, 1.0])).value
    0.75
    """
    return wilson(round(float(samples.sum())), len(samples))


def accuracies(keys: tuple[str, ...], metric: str, claim: Claim, results: ResultStore) -> Finding:
    """Each share compared with the paper's one value.

    keys    of the experiments
    metric  of them whose samples are 0 or 1, such as "correct"
    """
    return beside(claim, [share(results[name].samples[metric]) for name in keys], results)


def mean_ssim(keys: tuple[str, ...], claim: Claim, results: ResultStore) -> Finding:
    """The mean SSIM of each experiment compared with the paper's one value."""
    return beside(claim, [mean_interval(results[name].samples["ssim"]) for name in keys], results)


def beside(claim: Claim, ours: Sequence[Interval], results: ResultStore) -> Finding:
    """Each measured value compared with the paper's one value, with the claim's tolerance.

    The reason of an accuracy states the accuracy of our classifier on clean images, which limits all others.
    """
    paper = claim.values().repeat(len(ours))
    word, reason = compare_values(claim, ours, paper, claim.tolerances(1).repeat(len(ours)))
    values = ", ".join(f"{interval.value:.3f} ({interval.low:.3f}..{interval.high:.3f})" for interval in ours)
    if "accuracy" in claim.quantity and CLASSIFIER_KEY in results and claim.id != "diffusec-wrn-clean":
        clean = 100 * results[CLASSIFIER_KEY].samples["correct"].mean()
        reason += f"; our classifier, a small network, has {clean:.1f} % on clean images, the paper's 95.3 %"
    reason += "; ours is a small convolutional network" if claim.id == "diffusec-wrn-clean" else ""
    return Finding(word, values, ours[0].n, reason)


def best_clean(claim: Claim, results: ResultStore) -> Finding:
    """Fig. 5b: the highest clean accuracy over the SNRs, with the interval of that SNR.

    The selection of the highest of nine biases the value upwards.
    """
    ours = max((share(results[name].samples["correct"]) for name in sweep(CLEAN, "proposal")), key=lambda interval: interval.value)
    return beside(claim, [ours], results)


def orders(table: str, method: str, below: Sequence[str], snrs_db: Sequence[int], results: ResultStore) -> list[Statement]:
    """The statements that a method is above each of the others at each SNR, image by image.

    table    `ROBUST` or `CLEAN`
    method   name in `METHODS` of the method that is claimed to be better
    below    names of its rivals
    snrs_db  SNRs in dB

    Raises DifferentDrawsError where two experiments had different images or noise.
    """
    return [
        above(f"{snr_db} dB: {METHODS[method].name} > {METHODS[other].name}", paired(table, method, other, snr_db, results))
        for other in below for snr_db in snrs_db
    ]  # fmt: skip


def paired(table: str, method: str, other: str, snr_db: int, results: ResultStore) -> Interval:
    """Accuracy of a method minus that of another one at an SNR, image by image."""
    return difference(*results.aligned([key(table, name, snr_db) for name in (method, other)], "correct"))


def means(table: str, methods: Sequence[str], snrs_db: Sequence[int], results: ResultStore) -> str:
    """Accuracies of methods over SNRs as text: "ViT-based 0.10 / 0.20"."""
    of = {name: [float(results[key(table, name, snr_db)].samples["correct"].mean()) for snr_db in snrs_db] for name in methods}
    return "; ".join(f"{METHODS[name].name} {shown(values)}" for name, values in of.items())


def num_images(results: ResultStore) -> int:
    """Number of images per experiment."""
    return len(results[key(ROBUST, "proposal", SNRS_DB[0])].samples["correct"])


def above_vqvae(_: Claim, results: ResultStore) -> Finding:
    """Table II: robust accuracy from -3 dB on, the SNRs of the training range and above."""
    word, reason, score = judged(orders(ROBUST, "proposal", ["vqvae"], FROM_MINUS_3_DB, results))
    ours = means(ROBUST, ["proposal", "vqvae"], FROM_MINUS_3_DB, results)
    return Finding(word, ours, num_images(results), reason, score)


def below_vqvae(_: Claim, results: ResultStore) -> Finding:
    """Table II: the masked VQ-VAE has the higher robust accuracy at -6 dB, and the lower one at -3 dB."""
    low, high = REVERSED_DB
    statements = [*orders(ROBUST, "vqvae", ["proposal"], [low], results), *orders(ROBUST, "proposal", ["vqvae"], [high], results)]
    word, reason, score = judged(statements)
    return Finding(word, means(ROBUST, ["vqvae", "proposal"], REVERSED_DB, results), num_images(results), reason, score)


def vqvae_misses(results: ResultStore, snrs_db: Sequence[int] = FROM_MINUS_3_DB) -> str:
    """Why an order against the masked VQ-VAE is not comparable: ours misses its accuracies of Table II; empty if it does not."""
    published = dict(zip(TABLE_II_SNRS_DB, TABLE_II["vqvae"], strict=True))
    missed = []
    for snr_db in snrs_db:
        ours = share(results[key(ROBUST, "vqvae", snr_db)].samples["correct"])
        if compare(ours, published[snr_db], "higher", ROUNDED) == "not reproduced":
            missed.append(f"{ours.value:.2f} instead of {published[snr_db]:.3f} at {snr_db} dB")
    return f"the rival misses its own published values: {', '.join(missed)}" if missed else ""


def above_symmetric(_: Claim, results: ResultStore) -> Finding:
    """Fig. 5a: robust accuracy below 3 dB above that of 20 + 20 steps, and clean accuracies above 3 dB equal within `EQUAL_WITHIN`."""
    statements = orders(ROBUST, "proposal", ["symmetric"], LOW_SNRS_DB, results)
    for snr_db in HIGH_SNRS_DB:
        found = paired(CLEAN, "proposal", "symmetric", snr_db, results)
        statements.append(equal(f"{snr_db} dB: equal without attack, within {EQUAL_WITHIN:g}", found, EQUAL_WITHIN))
    word, reason, score = judged(statements)
    return Finding(word, means(ROBUST, ["proposal", "symmetric"], LOW_SNRS_DB, results), num_images(results), reason, score)


def above_digital(_: Claim, results: ResultStore) -> Finding:
    """Fig. 5a: robust accuracy at every SNR above that of the digital links and of the codec alone, and the cliff of the digital link.

    A link has a cliff if it loses `CLIFF_SHARE` of its range of clean accuracy between two adjacent SNRs. Without a range there is none.
    """
    others = ("jpeg", "jpeg-at", "vit")
    statements = orders(ROBUST, "proposal", others, SNRS_DB, results)
    clean = [float(results[name].samples["correct"].mean()) for name in sweep(CLEAN, "jpeg")]
    steps = [after - before for before, after in pairwise(clean)]
    steepest, whole = max(steps), max(clean) - min(clean)
    has_cliff = whole > 0 and steepest >= CLIFF_SHARE * whole
    statements.append(Statement(f"{METHODS['jpeg'].name} has a cliff", steepest, "reproduced" if has_cliff else "not reproduced"))
    word, reason, score = judged(statements)
    at_db = SNRS_DB[steps.index(steepest)]
    reason += f"; steepest rise of {METHODS['jpeg'].name} without attack: from {at_db} to {at_db + 3} dB, {steepest:.2f} of {whole:.2f}"
    reason += "; the paper only draws the values of these rivals, so that ours are not compared with them"
    return Finding(word, means(ROBUST, ("proposal", *others), SNRS_DB, results), num_images(results), reason, score)


def _robust(*snrs_db: int) -> Rule:
    keys = sweep(ROBUST, "proposal", snrs_db)
    how = (
        "share of attacked images that are classified correctly, with the steps after 1, 2 and 3 rounds of the policy from random ones; "
        "Wilson's interval"
    )
    return Rule(how=how, keys=keys, check=partial(accuracies, keys, "correct"))


def _ssim(*snrs_db: int) -> Rule:
    keys = sweep(ROBUST, "proposal", snrs_db)
    how = "mean SSIM with the original, attacked images, rounds 1 to 3 of the trained policy"
    return Rule(how=how, keys=keys, check=partial(mean_ssim, keys))


PGD_KEYS = (key(ROBUST, "vit", SNRS_DB[-1]),)
ROLLOUT_KEYS = tuple(PolicyRollout(snr_db, 0).key for snr_db in SNRS_DB)
CONTROL_KEYS = tuple(PolicyRollout(snr_db, 0, policy).key for policy in CONTROLS for snr_db in SNRS_DB)
PAIRED = "differences image by image, the same attacked images; "

RULES: dict[str, Rule] = {
    "diffusec-wrn-clean": Rule(
        how="all test images, Wilson's interval", keys=(CLASSIFIER_KEY,), check=partial(accuracies, (CLASSIFIER_KEY,), "correct")
    ),
    "diffusec-wrn-pgd": Rule(
        how="the attacked images, without a link; Wilson's interval",
        keys=PGD_KEYS,
        check=partial(accuracies, PGD_KEYS, "attacked_correct"),
    ),
    "diffusec-robust--6": _robust(-6),
    "diffusec-robust--3": _robust(-3),
    "diffusec-robust-0": _robust(0),
    "diffusec-robust-3": _robust(3),
    "diffusec-robust-6": _robust(6),
    "diffusec-robust-15": _robust(9, 12, 15),
    "diffusec-clean-top": Rule(
        how="the highest of the nine SNRs; Wilson's interval at that SNR", keys=sweep(CLEAN, "proposal"), check=best_clean
    ),
    "diffusec-ssim-high": _ssim(3, 9, 15),
    "diffusec-ssim-low": _ssim(-3),
    "diffusec-vs-vqvae": Rule(
        how=PAIRED + "-3 to 15 dB",
        keys=(*sweep(ROBUST, "proposal", FROM_MINUS_3_DB), *sweep(ROBUST, "vqvae", FROM_MINUS_3_DB)),
        check=above_vqvae,
        comparable=vqvae_misses,
    ),
    "diffusec-below-vqvae": Rule(
        how=PAIRED + "-6 and -3 dB",
        keys=(*sweep(ROBUST, "proposal", REVERSED_DB), *sweep(ROBUST, "vqvae", REVERSED_DB)),
        check=below_vqvae,
        comparable=partial(vqvae_misses, snrs_db=REVERSED_DB),
    ),
    "diffusec-vs-plain": Rule(
        how=PAIRED + "robust accuracy at -6, -3, 0 dB, clean accuracy at 6 dB and above",
        keys=tuple(n for m in ("proposal", "symmetric") for n in (*sweep(ROBUST, m, LOW_SNRS_DB), *sweep(CLEAN, m, HIGH_SNRS_DB))),
        check=above_symmetric,
    ),
    "diffusec-vs-jpeg": Rule(
        how=PAIRED + "all SNRs; and the clean accuracy of the digital link over SNR",
        keys=(*(name for m in ("proposal", "jpeg", "jpeg-at", "vit") for name in sweep(ROBUST, m)), *sweep(CLEAN, "jpeg")),
        check=above_digital,
    ),
    "diffusec-converge": Rule(
        how="the learning curve of the training task, one training run: reward in the last round at -3, 3, 9, 15 dB, on the scale from "
        "random pairs (0) to the best pair (1)",
        keys=(CURVE,),
        check=converges,
        support=ROLLOUT_KEYS,
        controls=curve_controls,
    ),
    "diffusec-adapt-3": Rule(
        how=f"reward by the reward table from {STARTS} random starts at each SNR after {ROUNDS} rounds, on the scale from random pairs (0) "
        "to the best pair (1)",
        keys=ROLLOUT_KEYS,
        check=adapts_in_three,
        support=CONTROL_KEYS,
        controls=policy_controls,
    ),
    "diffusec-policy-trend": Rule(
        how=f"t_plus to which the policy converges, from {STARTS} random starts at each SNR",
        keys=ROLLOUT_KEYS,
        check=falls,
        support=CONTROL_KEYS,
        controls=policy_controls,
    ),
}
