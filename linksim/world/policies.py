"""Bob's policy as a scenario names it: the one place to add another."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from linksim.adapt.atlas_file import load_atlas
from linksim.adapt.ddpg import Ddpg
from linksim.adapt.policy import BestFixed, Keep, Oracle, Policy, Random, Table
from linksim.nets.policy import Actor
from linksim.nets.weights import Part
from linksim.scenario.policies import AnyPolicy, BestFixedPolicy, DdpgPolicy, FixedPolicy, OraclePolicy, RandomPolicy, TablePolicy

LoadPart = Callable[[str, Literal["policy"]], Part]
STEP_DB = 0.5  # between the SNRs over which the best fixed pair is the best


def make_policy(spec: AnyPolicy, load: LoadPart) -> Policy:
    """The policy that `spec` describes. Raises LinksimError where its atlas or its part is missing or does not fit."""
    match spec:
        case FixedPolicy():
            return Keep()
        case RandomPolicy():
            return Random()
        case BestFixedPolicy():
            atlas = load_atlas(spec.atlas)
            return BestFixed(atlas.best_fixed(np.arange(spec.low_db, spec.high_db + STEP_DB / 2, STEP_DB)))
        case TablePolicy():
            return Table(load_atlas(spec.atlas), spec.bin_db)
        case OraclePolicy():
            return Oracle(load_atlas(spec.atlas))
        case DdpgPolicy():
            actor = load(spec.actor, "policy").network
            assert isinstance(actor, Actor)
            return Ddpg(actor)
