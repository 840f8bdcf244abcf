"""Factories of Bob's policy. A policy is declared in `linksim.scenario.policies`, with the import path of its factory here.

All links of a group share one policy object: `Policy.choose` treats links independently of each other and keeps no state of them. In every
probe round of a link, `control_plane.policy_controller` asks it for new values of the negotiated parameters. Which parameters a policy
chooses, and which table or trained actor it needs, is in its options.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linksim.adapt.accuracy_table import AccuracyTable
from linksim.adapt.attack_policy import AttackLookup, AttackOracle
from linksim.adapt.attack_table import AttackTable
from linksim.adapt.ddpg import Ddpg
from linksim.adapt.link_adaptation import LinkAdaptation
from linksim.adapt.observation import observed_by
from linksim.adapt.policy import BestFixed, ConstantPolicy, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.self_noise import SelfNoise
from linksim.errors import LinksimError
from linksim.negotiation import names
from linksim.nets.policy import Actor
from linksim.nets.weights import TrainedModel
from linksim.scenario.base import component_of
from linksim.scenario.policies import (
    AttackLookupOptions,
    AttackOracleOptions,
    BestFixedPolicy,
    DdpgPolicy,
    FixedPolicy,
    LinkAdaptationPolicy,
    LookupPolicyOptions,
    OraclePolicy,
    PolicyOptions,
    RandomPolicy,
    SelfNoisePolicy,
)
from linksim.scenario.schema import LinkOptions
from linksim.scenario.schemes import DiffusecOptions, base_options
from linksim.schemes.adaptive_digital import MODES
from linksim.schemes.stack import Stack

SPACING_DB = 0.5  # spacing in dB of the SNRs over which the mean reward of the best fixed choice is computed


@dataclass(frozen=True)
class PolicyContext:
    """What a policy is built from.

    load            (name, kind) -> trained model; raises LinksimError if it is missing or of another kind
    reward_table    name -> reward table; raises ModelError if it is missing or damaged
    accuracy_table  name -> accuracy table; raises ModelError likewise
    attack_table    name -> attack table; raises ModelError likewise
    """

    load: Callable[[str, str], TrainedModel]
    reward_table: Callable[[str], RewardTable]
    accuracy_table: Callable[[str], AccuracyTable]
    attack_table: Callable[[str], AttackTable]


def bob_policy(name: str, options: LinkOptions, stack: Stack, own: Policy | None, context: PolicyContext) -> Policy | None:
    """Return the policy of a group of links: the one that was passed to the run for it, else that of the scenario.

    name     name of the group, for messages
    options  options of its links
    stack    their schemes
    own      policy that was passed to the run
    context  what a policy is built from

    The result is None if the scheme negotiates nothing. Raises LinksimError if a policy is set for such a scheme.
    """
    spec = options.bob.policy
    if names(type(stack.negotiated)):
        if own is None and spec.Chosen is not None and not isinstance(stack.negotiated, spec.Chosen):
            wanted, found = (", ".join(names(declared)) for declared in (spec.Chosen, type(stack.negotiated)))
            raise LinksimError(f"group {name!r}: bob.policy {spec.name!r} chooses {wanted}; the scheme negotiates {found}")
        return own if own is not None else make_policy(spec, context)
    if own is not None or not isinstance(spec, FixedPolicy):
        raise LinksimError(f"group {name!r}: bob.policy chooses negotiated parameters; scheme {options.scheme[-1].name!r} has none")
    return None


def observes_disagreement(name: str, policy: Policy | None, options: LinkOptions, classifier: object) -> bool:
    """Return whether the policy of a group observes if denoising changes the class of an image. The arguments are those of `bob_policy`.

    classifier  the evaluator's, which Bob uses, None without one

    Raises LinksimError if the policy observes what the links do not have.
    """
    try:
        if "disagreement" not in observed_by(policy):
            return False
    except ValueError as fault:
        raise LinksimError(f"group {name!r}: {fault}") from fault
    base = base_options(options.scheme)
    if classifier is None or not isinstance(base, DiffusecOptions):
        wanted = "a classifier" if classifier is None else f"scheme diffusec, and not {base.name}"
        raise LinksimError(f"group {name!r}: the policy observes whether denoising changes the class of an image, which needs {wanted}")
    return True


def make_policy(options: PolicyOptions, context: PolicyContext) -> Policy:
    """Return the policy that `options` describe, of any declared component, also one from outside the package.

    Raises LinksimError if its reward table or its model is missing or does not fit.
    """
    made: Policy = component_of(options).load()(options, context)
    return made


def make_fixed(options: FixedPolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `fixed`, which keeps the initial parameters of the scheme."""
    return ConstantPolicy()


def make_random(options: RandomPolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `random`, which moves toward a new uniform choice in every probe round."""
    return Random()


def make_best_fixed(options: BestFixedPolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `best-fixed`: the pair (t_D, t_plus) with the highest mean reward over `low_db`..`high_db`."""
    snr_db = np.arange(options.low_db, options.high_db + SPACING_DB / 2, SPACING_DB)
    return BestFixed(context.reward_table(options.reward_table).best_fixed(snr_db))


def make_lookup(options: LookupPolicyOptions, context: PolicyContext) -> Policy:
    """Factory of the policy `lookup`: one pair per bin of the measured SNR, `bin_db` wide."""
    return LookupPolicy(context.reward_table(options.reward_table), options.bin_db)


def make_oracle(options: OraclePolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `oracle`: the best pair for the true SNR, which the controller passes to every policy."""
    return Oracle(context.reward_table(options.reward_table))


def make_attack_lookup(options: AttackLookupOptions, context: PolicyContext) -> Policy:
    """Factory of the policy `attack-lookup`: the pair of highest expected reward for the measured SNR and the observed disagreement."""
    return AttackLookup(context.attack_table(options.attack_table), options.bin_db, options.observing)


def make_attack_oracle(options: AttackOracleOptions, context: PolicyContext) -> Policy:
    """Factory of the policy `attack-oracle`: the best pair for the true SNR and the true strength of the attack."""
    return AttackOracle(context.attack_table(options.attack_table))


def make_self_noise(options: SelfNoisePolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `self-noise`: the largest T' at which the table has the wanted accuracy (DiffSem Sec. III-B)."""
    return SelfNoise(context.accuracy_table(options.accuracy_table), options.wanted_accuracy)


def make_link_adaptation(options: LinkAdaptationPolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `link-adaptation`: the highest mode whose required SNR is measured."""
    return LinkAdaptation([mode.required_db for mode in MODES], options.margin_db)


def make_ddpg(options: DdpgPolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `ddpg`: the trained actor alone, without exploration (DiffuSeC Algorithm 1 trains it)."""
    actor = context.load(options.actor, "policy").network
    assert isinstance(actor, Actor)
    return Ddpg(actor)
