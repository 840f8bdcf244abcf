"""Training task of the policy that chooses diffusion steps: DDPG (Ren et al., Sec. VI) on a reward table. `ddpg_trainer` runs it.

Differs from the paper, whose channel appears to be constant over an episode: here the SNR fluctuates around the mean of the episode
(`SnrProcess`), as on the links that use the policy. The paper specifies neither the exploration noise nor the minibatch. Rewards are
normalised by a per-SNR baseline (`step_world.RewardBaseline`), and the actor with the lowest regret during training is kept.

A reward table makes training cheap: a step costs an interpolation instead of a transmission, and the best reward at each SNR is known, so
an actor is scored by its regret.
"""

from dataclasses import asdict, dataclass, field
from functools import cached_property

from linksim.adapt.attack_table import load_attack_table
from linksim.adapt.ddpg import DdpgConfig
from linksim.adapt.mdp import MAX_ACTION, random_steps
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.reward_table_file import load_reward_table, split_of
from linksim.adapt.snr_process import SnrProcess
from linksim.errors import ModelError
from linksim.nets.cards import Score
from linksim.nets.policy import Actor
from linksim.nets.weights import find_table, sha256_of
from linksim.rng import Streams
from linksim.training.step_world import AttackWorld, StepWorld, TableWorld

# SNRs in dB, and number of random initial steps, of the scores on the card.
SCORED_DB, SCORED_STARTS = (-3.0, 0.0, 5.0, 10.0, 15.0), 1_000


@dataclass(frozen=True)
class DdpgTask:
    """Trains an `Actor`. Defaults are those of the paper if it specifies them.

    reward_table    name of the reward table that supplies the rewards
    split           split of the images that the table must have been measured on: training chooses an actor by these images
    steps           environment steps, with one update after each from `random_steps` on
    random_steps    initial steps with random actions
    episode_length  steps per episode, L; each episode begins with random diffusion steps
    minibatch       transitions per update, drawn from the replay buffer
    noise           standard deviation of the Gaussian exploration noise, relative to `MAX_ACTION`
    ddpg            hyperparameters of DDPG
    snr_process     SNR within an episode and from episode to episode
    seed            seed of the initial weights and all random streams

    >>> DdpgTask("diffusec-reward-table").conditions[0]
    'last round at -3 dB'
    """

    reward_table: str
    split: str = "train"
    steps: int = 10_000
    random_steps: int = 2_500
    episode_length: int = 3
    minibatch: int = 128
    noise: float = 0.1
    ddpg: DdpgConfig = field(default_factory=DdpgConfig)
    snr_process: SnrProcess = field(default_factory=SnrProcess)
    seed: int = 1
    kind: str = field(default="policy", init=False)
    conditions: tuple[str, ...] = field(default=tuple(f"last round at {snr_db:g} dB" for snr_db in SCORED_DB), init=False)

    @property
    def config(self) -> dict[str, object]:
        """Keyword arguments of the actor."""
        return {"reach": MAX_ACTION}

    def actor(self) -> Actor:
        """Return a new actor."""
        return Actor(MAX_ACTION)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digest of the reward table, because another table requires another training."""
        names = ("reward_table", "split", "random_steps", "episode_length", "minibatch", "noise")
        fields = {name: getattr(self, name) for name in names}
        return fields | {"ddpg": asdict(self.ddpg), "snr_process": asdict(self.snr_process), "reward_table_sha256": self.digest}

    @property
    def table_kind(self) -> str:
        """Kind of the table that supplies the rewards."""
        return "reward-table"

    @property
    def digest(self) -> str:
        """SHA-256 of the file of the table. Raises ModelError if there is none."""
        return sha256_of(find_table(self.reward_table, self.table_kind))

    def require_split(self) -> None:
        """Raise ModelError if the reward table is missing or was not measured on images of `split`."""
        if (found := split_of(self.reward_table, self.table_kind)) != self.split:
            raise ModelError(
                f"reward table {self.reward_table!r} was measured on images of the split {found!r}, and a policy is chosen on those of "
                f"{self.split!r}: measure it first with `linksim train {self.reward_table}`"
            )

    @cached_property
    def rewards(self) -> RewardTable:
        """The reward table. Raises ModelError if there is none."""
        return load_reward_table(self.reward_table)

    def world(self) -> StepWorld:
        """Return the world of the reward table. Raises ModelError if there is none."""
        return TableWorld(self.rewards, self.snr_process)

    def scores(self, actor: Actor) -> tuple[Score, ...]:
        """Return the regret of the actor in the last round of an episode, for each of `conditions`.

        The actor starts from the same random steps at each SNR, which is constant and reported without error.
        """
        starts, world = random_steps(Streams(self.seed)("scores"), SCORED_STARTS), self.world()
        regrets = (world.evaluate(actor, snr_db, starts, self.episode_length).regret for snr_db in SCORED_DB)
        return tuple(Score("regret", name, round(regret, 4), SCORED_STARTS) for name, regret in zip(self.conditions, regrets, strict=True))


@dataclass(frozen=True)
class AttackDdpgTask(DdpgTask):
    """Trains an `Actor` that also observes the disagreement, on an attack table. Fields are those of `DdpgTask`.

    reward_table  name of the attack table
    images        number of images that Bob receives in a round of training
    hidden        width of the actor's hidden layers

    Its state extends the paper's (t_D, t_plus, SNR) by the share of images whose class changes when Bob denoises them.
    """

    images: int = 16
    hidden: int = 64

    @property
    def config(self) -> dict[str, object]:
        """Keyword arguments of the actor."""
        return super().config | {"inputs": AttackWorld.inputs, "hidden": self.hidden}

    def actor(self) -> Actor:
        """Return a new actor."""
        return Actor(MAX_ACTION, self.hidden, AttackWorld.inputs)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe; see `DdpgTask.recipe`."""
        return super().recipe | {"images": self.images, "table_kind": self.table_kind}

    @property
    def table_kind(self) -> str:
        """Kind of the table that supplies the rewards."""
        return "attack-table"

    def world(self) -> StepWorld:
        """Return the world of the attack table. Raises ModelError if there is none."""
        return AttackWorld(load_attack_table(self.reward_table), self.snr_process, self.images)
