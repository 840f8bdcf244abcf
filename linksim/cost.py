"""The cost of a component, which it declares with its options, so that `linksim check` can predict a run before it starts.

The options of every component have a method `cost(traffic)`. `Traffic` says what a link asks of the component, and the `Cost` that it
returns is added up over all components, links and groups (`linksim.scenario.estimate`). Neither needs torch.

>>> codec = Cost(channel_uses=2048, networks=(NetworkUse("codec-cifar10-6"),))
>>> jammer = Cost(rows={"jamming": 20})
>>> total = codec + jammer
>>> total.channel_uses, dict(total.rows)
(2048, {'jamming': 20})
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelFacts:
    """What a trained model costs, from its card.

    channel_uses  complex channel uses per image of a network that encodes images, else None
    parameters    number of weights
    operations    multiply-accumulate operations per image
    layer_bytes   memory in bytes per image: the most that its intermediate values take at one time, in float32
    kept_bytes    the same with all intermediate values kept, as for a gradient
    batch         images per call
    bfloat16      classes of processors on which it computes in bfloat16 (`nets.processors`)
    """

    channel_uses: int | None = None
    parameters: int = 1_000_000
    operations: int = 50_000_000
    layer_bytes: int = 256 << 10
    kept_bytes: int = 2 << 20
    batch: int = 64
    bfloat16: frozenset[str] = frozenset()


@dataclass(frozen=True)
class MachineSpeed:
    """Multiply-accumulate operations of networks per second on one core of a machine; by default those of a usual one.

    float32, bfloat16  in either precision; 36 to 150 billion are usual in float32
    device_class       class of its processor (`nets.processors`)
    """

    float32: float = 75e9
    bfloat16: float = 75e9
    device_class: str = "cpu"


USUAL_MACHINE = MachineSpeed()


@dataclass(frozen=True)
class NetworkUse:
    """Use of a trained network.

    model      name of the model, whose card states its operations and memory; a model without a card counts as one of usual size
    per_image  images that it processes per image that Alice sends; one image of a codec is encoded and decoded
    gradient   whether each is followed by a gradient, which takes twice the time again and keeps all intermediate values
    batch      images per call, None for the batch size on the card
    """

    model: str
    per_image: float = 1.0
    gradient: bool = False
    batch: int | None = None


@dataclass(frozen=True)
class Traffic:
    """What a link asks of its components.

    image_values    numbers in an image of the dataset: colours x height x width
    images           images in a data frame
    items            for a layer: items of the scheme inside in a data frame, such as pairs of images under another `permutation`
    noise_companion  for a layer: whether each of them is paired with noise, because their number does not fit the layers
    channel_uses     complex channel uses of a data frame, without pilots and header; for a layer those of the scheme inside
    frames          data frames
    control_frames  control messages
    rounds          probe rounds
    seconds         simulated time
    links           links of the group
    receivers       receivers of a data frame, whose reconstructions are scored: 1, or 2 with Eve
    codec           name of the trained codec of the scheme, None if it has none
    classifier      name of the classifier that scores images, None if there is none
    train_bytes     memory in bytes of the training images of the dataset while they are read
    model           name of a model -> its cost, None if it has no card
    """

    image_values: int
    images: int
    items: int = 0
    noise_companion: bool = False
    channel_uses: int = 0
    frames: int = 1
    control_frames: int = 0
    rounds: int = 0
    seconds: float = 1.0
    links: int = 1
    receivers: int = 1
    codec: str | None = None
    classifier: str | None = None
    train_bytes: int = 0
    model: Callable[[str], ModelFacts | None] = lambda name: None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a component costs on one link. The sum of two costs is that of both components.

    channel_uses  complex channel uses of a data frame; a layer states those of the frame with the schemes inside
    pairs         sealed keys (p, s) that a KEY message carries for a data frame; 0 if no key is sent
    rows          rows that it adds to tables of the trace, by table
    networks      trained networks that it runs
    cpu_s         seconds of CPU per data frame, without the networks
    setup_bytes   memory in bytes that only its assembly takes; components are assembled one after another
    shared_bytes  memory in bytes, without the networks, that all links with equal options share
    link_bytes    memory in bytes per link
    """

    channel_uses: int = 0
    pairs: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    networks: tuple[NetworkUse, ...] = ()
    cpu_s: float = 0.0
    setup_bytes: int = 0
    shared_bytes: int = 0
    link_bytes: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            channel_uses=self.channel_uses + other.channel_uses,
            pairs=self.pairs + other.pairs,
            rows={name: self.rows.get(name, 0) + other.rows.get(name, 0) for name in {**self.rows, **other.rows}},
            networks=self.networks + other.networks,
            cpu_s=self.cpu_s + other.cpu_s,
            setup_bytes=max(self.setup_bytes, other.setup_bytes),
            shared_bytes=self.shared_bytes + other.shared_bytes,
            link_bytes=self.link_bytes + other.link_bytes,
        )
