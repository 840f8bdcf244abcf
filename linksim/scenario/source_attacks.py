"""Options of attacks on Alice's images before she sends them.

The attacker perturbs an image x to x_adv so that a classifier decides wrongly, under a bound on the perturbation (DiffuSeC Sec. III-A). He
knows the gradient of the classifier and the true label, but neither codec nor channel nor defence. Pixels are in 0..1 throughout.
`linksim.attacks.source` has the attacks.
"""

from typing import Annotated, Literal

from pydantic import Field

from linksim.cost import Cost, NetworkUse, Traffic
from linksim.scenario.base import NAME, ComponentOf, ComponentOptions, base_of, component

BOUND, STEP_SIZE = 8 / 255, 2 / 255
Strength = Annotated[float, Field(ge=0, le=32)]
CACHE_BYTES = 256 << 20  # memory for attacked images: 21,845 float32 images of 3 x 32 x 32
VALUE_BYTES = 4  # of a float32 pixel value


@base_of("source-attack")
class SourceAttackOptions(ComponentOptions):
    """Base of the options of every attack on the source.

    attack  name of the component
    """

    attack: str


@component("source-attack")
class NoSourceAttack(SourceAttackOptions):
    """Alice's images are not attacked."""

    attack: Literal["none"] = "none"


class UntargetedAttack(SourceAttackOptions):
    """Base of untargeted white-box attacks on a classifier."""

    target: str | None = Field(None, pattern=NAME, description="trained classifier to attack; null for the scenario's own")

    def gradients(self) -> int:
        """Return the number of gradients of the classifier per image; 1 unless overridden."""
        return 1

    def cost(self, traffic: Traffic) -> Cost:
        classifier = self.target or traffic.classifier
        networks = (NetworkUse(classifier, per_image=self.gradients(), gradient=True, batch=1),) if classifier else ()
        images = traffic.links * traffic.frames * traffic.images  # kept in a cache
        return Cost(networks=networks, shared_bytes=min(CACHE_BYTES, images * traffic.image_values * VALUE_BYTES))


class LinfAttack(UntargetedAttack):
    """Base of attacks within an l-infinity ball: no pixel value changes by more than epsilon."""

    epsilon: float = Field(BOUND, gt=0, le=1, description="radius of the l-infinity ball, pixels in 0..1 (8/255 is 0.0313725)")
    strengths: list[Strength] = Field(
        [1.0],
        min_length=1,
        max_length=100,
        description="factors of epsilon and step size, 0 for no attack; of several, one is drawn for each block of time on each link",
    )
    block_ms: float = Field(200.0, gt=0, le=1e9, description="length of a block of equal strength in ms")

    def cost(self, traffic: Traffic) -> Cost:
        return super().cost(traffic) + Cost(rows={"attack_strengths": traffic.frames if self.varies else 0})

    @property
    def varies(self) -> bool:
        """Whether the strength is another one than that of epsilon and step size at some time."""
        return self.strengths != [1.0]

    def __hash__(self) -> int:
        return hash(self.model_dump_json())  # a list has no hash


@component("source-attack", "linksim.simulate.source_attack_factory:make_fgsm")
class FgsmAttack(LinfAttack):
    """Fast gradient sign method: one step of size epsilon.

    x_adv = clip(x + epsilon sign(gradient of the cross-entropy), 0, 1) (Goodfellow, Shlens and Szegedy, ICLR 2015).
    """

    attack: Literal["fgsm"] = "fgsm"


@component("source-attack", "linksim.simulate.source_attack_factory:make_pgd")
class PgdAttack(LinfAttack):
    """Projected gradient descent (DiffuSeC Sec. VI-A).

    Several sign steps of size `step_size`, each followed by a projection onto the ball of radius epsilon (Madry et al., ICLR 2018).
    """

    attack: Literal["pgd"] = "pgd"
    steps: int = Field(10, ge=1, le=10_000, description="number of steps")
    step_size: float = Field(STEP_SIZE, gt=0, le=1, description="step size, pixels in 0..1 (2/255 is 0.0078431)")

    def gradients(self) -> int:
        return self.steps


@component("source-attack", "linksim.simulate.source_attack_factory:make_carlini_wagner")
class CarliniWagnerAttack(UntargetedAttack):
    """Carlini and Wagner's l2 attack: the nearest misclassified image.

    It minimises ||x_adv - x||^2 + c f(x_adv) over an unbounded variable w with x_adv = (tanh w + 1) / 2, where f is the margin of the true
    class, and searches the weight c (IEEE S&P 2017).
    """

    attack: Literal["carlini-wagner"] = "carlini-wagner"
    confidence: float = Field(0.0, ge=0, le=1000, description="margin by which the logit of a wrong class must lead")
    initial_const: float = Field(0.01, gt=0, le=1e6, description="initial weight of the misclassification loss against the squared error")
    binary_search_steps: int = Field(5, ge=1, le=20, description="weights tried per image")
    steps: int = Field(100, ge=1, le=10_000, description="Adam steps per weight")
    learning_rate: float = Field(0.01, gt=0, le=1, description="step size of Adam, in the unbounded variable")

    def gradients(self) -> int:
        return self.binary_search_steps * self.steps


SourceAttack = Annotated[SourceAttackOptions, ComponentOf(("source-attack",))]
