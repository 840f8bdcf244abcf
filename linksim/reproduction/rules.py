"""Rules: how a claim is checked, and the verdict that follows.

A verdict is reached in this order; the first that applies stands:

    1. an experiment that the rule needs has no result                           not measured yet
    2. results that are compared image by image have different random draws      not comparable
    3. the rule finds that the claim cannot be compared (a rival that misses
       its own published values, other images than the paper's)                  not comparable
    4. an experiment has fewer samples than the claim's `min_n`                  undecided
    5. a control passes an order or a shape                                      undecided
    6. the check decides                                                         reproduced, beaten, not reproduced, undecided

`min_n` is the sample size that was planned before the measurement: with fewer images a claim is undecided, so that a favourable small
sample can never be the one that counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from linksim.reproduction.claims import Claim
from linksim.reproduction.controls import cell_controls
from linksim.reproduction.results import DifferentDrawsError, ResultStore
from linksim.reproduction.verdicts import HELD, UNMEASURED, ClaimVerdict, Finding

Check = Callable[[Claim, ResultStore], Finding]
Controls = Callable[[ResultStore], Mapping[str, ResultStore]]


def _comparable(results: ResultStore) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a claim is checked.

    how         the measurement, as text
    keys        of the experiments whose samples decide; each needs `min_n` of the claim
    check       function of the claim and of results that contain all of `keys` and `support`
    support     keys of further experiments that the check or the controls need
    comparable  function of the results: why the claim cannot be compared; empty if it can
    controls    function of the results: what chance would give in their place, by name; None for `controls.cell_controls`
    """

    how: str
    keys: tuple[str, ...]
    check: Check
    support: tuple[str, ...] = ()
    comparable: Callable[[ResultStore], str] = _comparable
    controls: Controls | None = None


def verdict_of(claim: Claim, rule: Rule, results: ResultStore) -> ClaimVerdict:
    """The verdict on a claim, in the order that the module states, with the findings of the controls for orders and shapes."""
    needed = (*rule.keys, *rule.support)
    absent = [key for key in needed if key not in results]
    if absent:
        reason = f"{len(absent)} of {len(needed)} experiments have no result, the first is {absent[0]}"
        return ClaimVerdict(claim, rule.how, Finding(UNMEASURED, "", 0, reason))
    n = min((len(samples) for key in rule.keys for samples in results[key].samples.values()), default=None)
    too_few = n is not None and claim.min_n is not None and n < claim.min_n
    try:
        finding = rule.check(claim, results)
        controls = {} if claim.kind == "value" or too_few else checked_controls(claim, rule, results)
    except DifferentDrawsError as error:
        return ClaimVerdict(claim, rule.how, Finding("not comparable", "", 0, str(error)))
    passed = [name for name, control in controls.items() if control.word in HELD]
    if reason := rule.comparable(results):
        finding = replace(finding, word="not comparable", reason=f"{reason}; {finding.reason}")
    elif too_few and finding.word != "not comparable":
        finding = replace(finding, word="undecided", reason=f"{n} samples, at least {claim.min_n} are needed; {finding.reason}")
    elif passed and finding.word in HELD:
        finding = replace(finding, word="undecided", reason=f"passed by the control {' and '.join(passed)} as well; {finding.reason}")
    return ClaimVerdict(claim, rule.how, finding, controls)


def checked_controls(claim: Claim, rule: Rule, results: ResultStore) -> dict[str, Finding]:
    """What the check of an order or a shape finds on each control."""
    controls = rule.controls or partial(cell_controls, rule.keys)
    return {name: rule.check(claim, control) for name, control in controls(results).items()}
