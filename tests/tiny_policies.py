"""A training task of DDPG so small that a test can run it: the made-up reward table, a few steps."""

from dataclasses import dataclass
from functools import cached_property

from synthetic_reward_table import made_up_reward_table

from linksim.adapt.reward_table import RewardTable
from linksim.training.ddpg import DdpgTask


@dataclass(frozen=True)
class MadeUpDdpg(DdpgTask):
    """On a reward table that is in no file."""

    @property
    def digest(self) -> str:
        return "made up"

    @cached_property
    def rewards(self) -> RewardTable:
        return made_up_reward_table()
