"""Factories of Bob's policy. A policy is declared in `linksim.scenario.policies`, with the import path of its factory here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linksim.adapt.ddpg import Ddpg
from linksim.adapt.policy import BestFixed, ConstantPolicy, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.reward_table import RewardTable
from linksim.nets.policy import Actor
from linksim.nets.weights import TrainedModel
from linksim.scenario.base import component_of
from linksim.scenario.policies import (
    BestFixedPolicy,
    DdpgPolicy,
    FixedPolicy,
    LookupPolicyOptions,
    OraclePolicy,
    PolicyOptions,
    RandomPolicy,
)

SPACING_DB = 0.5  # spacing of the SNRs over which the best fixed choice is computed


@dataclass(frozen=True)
class PolicyContext:
    """What a policy is built from.

    load          (name, kind) -> trained model
    reward_table  name -> reward table
    """

    load: Callable[[str, str], TrainedModel]
    reward_table: Callable[[str], RewardTable]


def make_policy(options: PolicyOptions, context: PolicyContext) -> Policy:
    """Return the policy that `options` describe. Raises LinksimError if its reward table or its model is missing or does not fit."""
    made: Policy = component_of(options).load()(options, context)
    return made


def make_fixed(options: FixedPolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `fixed`."""
    return ConstantPolicy()


def make_random(options: RandomPolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `random`."""
    return Random()


def make_best_fixed(options: BestFixedPolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `best-fixed`."""
    snr_db = np.arange(options.low_db, options.high_db + SPACING_DB / 2, SPACING_DB)
    return BestFixed(context.reward_table(options.reward_table).best_fixed(snr_db))


def make_lookup(options: LookupPolicyOptions, context: PolicyContext) -> Policy:
    """Factory of the policy `lookup`."""
    return LookupPolicy(context.reward_table(options.reward_table), options.bin_db)


def make_oracle(options: OraclePolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `oracle`."""
    return Oracle(context.reward_table(options.reward_table))


def make_ddpg(options: DdpgPolicy, context: PolicyContext) -> Policy:
    """Factory of the policy `ddpg`."""
    actor = context.load(options.actor, "policy").network
    assert isinstance(actor, Actor)
    return Ddpg(actor)
