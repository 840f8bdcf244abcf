"""Bob's policy as a scenario names it: the one place to add another."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from linksim.adapt.ddpg import Ddpg
from linksim.adapt.policy import BestFixed, ConstantPolicy, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.reward_table_file import load_reward_table
from linksim.nets.policy import Actor
from linksim.nets.weights import TrainedModel
from linksim.scenario.policies import AnyPolicy, BestFixedPolicy, DdpgPolicy, FixedPolicy, LookupPolicyOptions, OraclePolicy, RandomPolicy

LoadModel = Callable[[str, Literal["policy"]], TrainedModel]
STEP_DB = 0.5  # between the SNRs over which the best fixed pair is the best


def make_policy(spec: AnyPolicy, load: LoadModel) -> Policy:
    """The policy that `spec` describes. Raises LinksimError where its reward table or its part is missing or does not fit."""
    match spec:
        case FixedPolicy():
            return ConstantPolicy()
        case RandomPolicy():
            return Random()
        case BestFixedPolicy():
            reward_table = load_reward_table(spec.reward_table)
            return BestFixed(reward_table.best_fixed(np.arange(spec.low_db, spec.high_db + STEP_DB / 2, STEP_DB)))
        case LookupPolicyOptions():
            return LookupPolicy(load_reward_table(spec.reward_table), spec.bin_db)
        case OraclePolicy():
            return Oracle(load_reward_table(spec.reward_table))
        case DdpgPolicy():
            actor = load(spec.actor, "policy").network
            assert isinstance(actor, Actor)
            return Ddpg(actor)
