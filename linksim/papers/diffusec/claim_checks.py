"""How each claim of DiffuSeC is checked: the experiments that the check needs, and the function that compares them with the paper."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from linksim.papers.diffusec.classifier_accuracy import ClassifierAccuracy
from linksim.papers.diffusec.experiments import CLASSIFIER, CLEAN, METHODS, ROBUST, ROUNDS, SNRS_DB, TABLE_II_SNRS_DB, key, sweep
from linksim.papers.diffusec.learning_curve import KEY as CURVE
from linksim.papers.diffusec.policy_rollout import FINAL_ROUND, STARTS, PolicyRollout
from linksim.papers.diffusec.trend_checks import adapts_in_three, converges, falls
from linksim.reproduction.claims import Claim, shown
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.verdicts import Finding, Order, Rule, compare_values, difference, ordered
from linksim.statistics import Interval, mean_interval, wilson

EQUAL_WITHIN = 0.02  # accuracies are equal if the interval of their paired difference, widened by this, contains zero
CLIFF_SHARE = 0.5  # share of its range of accuracy that a method with a cliff loses between two adjacent SNRs
LOW_SNRS_DB = tuple(snr_db for snr_db in SNRS_DB if snr_db < 3)
HIGH_SNRS_DB = tuple(snr_db for snr_db in SNRS_DB if snr_db > 3)
FROM_MINUS_3_DB = tuple(snr_db for snr_db in TABLE_II_SNRS_DB if snr_db >= -3)
CLASSIFIER_KEY = ClassifierAccuracy(CLASSIFIER).key


def share(samples: Samples) -> Interval:
    """Share of samples that are 1, all being 0 or 1, with Wilson's interval."""
    return wilson(round(float(samples.sum())), len(samples))


def accuracies(keys: tuple[str, ...], metric: str, claim: Claim, results: ResultStore) -> Finding:
    """Each share compared with the paper's one value."""
    return beside(claim, [share(results[name].samples[metric]) for name in keys], results)


def mean_ssim(keys: tuple[str, ...], claim: Claim, results: ResultStore) -> Finding:
    """The mean SSIM of each experiment compared with the paper's one value."""
    return beside(claim, [mean_interval(results[name].samples["ssim"]) for name in keys], results)


def beside(claim: Claim, ours: Sequence[Interval], results: ResultStore) -> Finding:
    """Each measured value compared with the paper's. The reason of robust accuracies states the classifier's accuracy on clean images."""
    paper = claim.values().repeat(len(ours))
    word, reason = compare_values(claim, ours, paper, claim.tolerances(1).repeat(len(ours)))
    values = ", ".join(f"{interval.value:.3f} ({interval.low:.3f}..{interval.high:.3f})" for interval in ours)
    if "accuracy" in claim.quantity and CLASSIFIER_KEY in results and claim.id != "diffusec-wrn-clean":
        clean = 100 * results[CLASSIFIER_KEY].samples["correct"].mean()
        reason += f"; our classifier, a small network, has {clean:.1f} % on clean images, the paper's 95.3 %"
    reason += "; ours is a small convolutional network" if claim.id == "diffusec-wrn-clean" else ""
    return Finding(word, values, ours[0].n, reason)


def best_clean(claim: Claim, results: ResultStore) -> Finding:
    """The highest clean accuracy over the SNRs, with the interval of that SNR. The selection of the highest of nine biases it upwards."""
    ours = max((share(results[name].samples["correct"]) for name in sweep(CLEAN, "proposal")), key=lambda interval: interval.value)
    return beside(claim, [ours], results)


def orders(table: str, above: str, below: Sequence[str], snrs_db: Sequence[int], results: ResultStore) -> list[Order]:
    """The statements that a method is above each of the others at each SNR, image by image."""
    found = []
    for other in below:
        for snr_db in snrs_db:
            samples = results.aligned([key(table, name, snr_db) for name in (above, other)], "correct")
            found.append(Order(f"{snr_db} dB: {METHODS[above].name} > {METHODS[other].name}", difference(*samples)))
    return found


def means(table: str, methods: Sequence[str], snrs_db: Sequence[int], results: ResultStore) -> str:
    """Accuracies of methods over SNRs as text: "ViT-based 0.10 / 0.20"."""
    of = {name: [float(results[key(table, name, snr_db)].samples["correct"].mean()) for snr_db in snrs_db] for name in methods}
    return "; ".join(f"{METHODS[name].name} {shown(values)}" for name, values in of.items())


def num_images(results: ResultStore) -> int:
    """Number of images per experiment."""
    return len(results[key(ROBUST, "proposal", SNRS_DB[0])].samples["correct"])


def above_vqvae(_: Claim, results: ResultStore) -> Finding:
    """Robust accuracy from -3 dB on."""
    word, reason = ordered(orders(ROBUST, "proposal", ["vqvae"], FROM_MINUS_3_DB, results))
    return Finding(word, means(ROBUST, ["proposal", "vqvae"], FROM_MINUS_3_DB, results), num_images(results), reason)


def above_symmetric(_: Claim, results: ResultStore) -> Finding:
    """Robust accuracy below 3 dB, and equal clean accuracies above 3 dB."""
    word, reason = ordered(orders(ROBUST, "proposal", ["symmetric"], LOW_SNRS_DB, results))
    differences = [order.difference for order in orders(CLEAN, "proposal", ["symmetric"], HIGH_SNRS_DB, results)]
    equal = sum(interval.low <= EQUAL_WITHIN and interval.high >= -EQUAL_WITHIN for interval in differences)
    largest = max((interval.value for interval in differences), key=abs)
    reason += f"; clean accuracies are equal (within {EQUAL_WITHIN:g} and their interval) at {equal} of {len(differences)} SNRs above 3 dB"
    reason += f", the largest difference is {largest:+.3f}"
    ours = means(ROBUST, ["proposal", "symmetric"], LOW_SNRS_DB, results)
    return Finding(word if equal == len(differences) else "not reproduced", ours, num_images(results), reason)


def above_digital(_: Claim, results: ResultStore) -> Finding:
    """Robust accuracy at every SNR, and the cliff of the digital link."""
    others = ("jpeg", "jpeg-at", "vit")
    word, reason = ordered(orders(ROBUST, "proposal", others, SNRS_DB, results))
    clean = [float(results[name].samples["correct"].mean()) for name in sweep(CLEAN, "jpeg")]
    steps = [after - before for before, after in pairwise(clean)]
    steepest, whole = max(steps), max(clean) - min(clean)
    cliff = whole > 0 and steepest >= CLIFF_SHARE * whole
    at_db = SNRS_DB[steps.index(steepest)]
    reason += f"; clean accuracy of {METHODS['jpeg'].name} has {'a' if cliff else 'no'} cliff: from {at_db} to {at_db + 3} dB it rises by "
    reason += f"{steepest:.2f} of {whole:.2f}"
    ours = means(ROBUST, ("proposal", *others), SNRS_DB, results)
    return Finding(word if cliff else "not reproduced", ours, num_images(results), reason)


def _robust(*snrs_db: int) -> Rule:
    keys = sweep(ROBUST, "proposal", snrs_db)
    how = (
        "share of attacked images that are classified correctly, with the steps after 1, 2 and 3 rounds of the policy from random ones; "
        "Wilson's interval"
    )
    return Rule(how, keys, partial(accuracies, keys, "correct"))


def _ssim(*snrs_db: int) -> Rule:
    keys = sweep(ROBUST, "proposal", snrs_db)
    return Rule("mean SSIM with the original, attacked images, rounds 1 to 3 of the trained policy", keys, partial(mean_ssim, keys))


PGD_KEYS = (key(ROBUST, "vit", SNRS_DB[-1]),)
ROLLOUT_KEYS = tuple(PolicyRollout(snr_db, 0).key for snr_db in SNRS_DB)
PAIRED = "differences image by image, the same attacked images; "

RULES: dict[str, Rule] = {
    "diffusec-wrn-clean": Rule("all test images, Wilson's interval", (CLASSIFIER_KEY,), partial(accuracies, (CLASSIFIER_KEY,), "correct")),
    "diffusec-wrn-pgd": Rule(
        "the attacked images, without a link; Wilson's interval", PGD_KEYS, partial(accuracies, PGD_KEYS, "attacked_correct")
    ),
    "diffusec-robust--6": _robust(-6),
    "diffusec-robust--3": _robust(-3),
    "diffusec-robust-0": _robust(0),
    "diffusec-robust-3": _robust(3),
    "diffusec-robust-6": _robust(6),
    "diffusec-robust-15": _robust(9, 12, 15),
    "diffusec-clean-top": Rule("the highest of the nine SNRs; Wilson's interval at that SNR", sweep(CLEAN, "proposal"), best_clean),
    "diffusec-ssim-high": _ssim(3, 9, 15),
    "diffusec-ssim-low": _ssim(-3),
    "diffusec-vs-vqvae": Rule(
        PAIRED + "-3 to 15 dB", (*sweep(ROBUST, "proposal", FROM_MINUS_3_DB), *sweep(ROBUST, "vqvae", FROM_MINUS_3_DB)), above_vqvae
    ),
    "diffusec-vs-plain": Rule(
        PAIRED + "robust accuracy at -6, -3, 0 dB, clean accuracy at 6 dB and above",
        tuple(n for m in ("proposal", "symmetric") for n in (*sweep(ROBUST, m, LOW_SNRS_DB), *sweep(CLEAN, m, HIGH_SNRS_DB))),
        above_symmetric,
    ),
    "diffusec-vs-jpeg": Rule(
        PAIRED + "all SNRs; and the clean accuracy of the digital link over SNR",
        (*(name for m in ("proposal", "jpeg", "jpeg-at", "vit") for name in sweep(ROBUST, m)), *sweep(CLEAN, "jpeg")),
        above_digital,
    ),
    "diffusec-converge": Rule("the learning curve of the training task: mean reward over -3, 3, 9, 15 dB", (CURVE,), converges),
    "diffusec-adapt-3": Rule(
        f"reward by the reward table from {STARTS} random starts at each SNR, after {ROUNDS} rounds and after {FINAL_ROUND}",
        ROLLOUT_KEYS,
        adapts_in_three,
    ),
    "diffusec-policy-trend": Rule(
        f"t_plus to which the policy converges, mean over {STARTS} random starts, at each SNR", ROLLOUT_KEYS, falls
    ),
}
