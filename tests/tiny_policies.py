"""A lesson of DDPG so small that a test can run it: the made-up atlas, a few steps."""

from dataclasses import dataclass
from functools import cached_property

from made_up_atlas import made_up_atlas

from linksim.adapt.atlas import Atlas
from linksim.train.ddpg import DdpgLesson


@dataclass(frozen=True)
class MadeUpDdpg(DdpgLesson):
    """On an atlas that is in no file."""

    @property
    def digest(self) -> str:
        return "made up"

    @cached_property
    def rewards(self) -> Atlas:
        return made_up_atlas()
