"""Memory and CPU time of a run, from what its links cost. The constants are measured on one core of a 2-core x86 machine with AVX-512.

    memory = process + dataset + setup + networks + largest batch + metrics + links * (link + frame) + images that wait
    time   = start + network operations / speed + frames, messages and scores * their times + what the components declare

A network's weights, operations and intermediate values are on its card. A gradient costs twice the evaluation itself. A link keeps the
values of the frame that it sends or has sent last: the images, the symbols, and both as each receiver has them.
"""

import math
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from linksim.cost import USUAL_MACHINE, MachineSpeed, ModelFacts, NetworkUse
from linksim.scenario.dataset_size import DATASETS
from linksim.scenario.link_estimate import LinkEstimate
from linksim.scenario.model_facts import model_facts
from linksim.scenario.schema import Scenario

PROCESS = 370 << 20  # bytes: the interpreter with its libraries; 320 MiB during a run, 420 MiB while figures are drawn
CUDA_LIBRARIES = 280 << 20  # bytes: what a build of torch for CUDA loads beyond that, also without a GPU
LINK = 40 << 10  # bytes: processes, streams and session of a link
FRAMES_KEPT = 2  # frames of a link whose values are in memory, with what the allocator holds back
WEIGHT = 6  # bytes per weight: float32, and the layouts that the kernels make of some of them
SCRATCH = 2.0  # memory of a batch over that of its intermediate values, because of the working memory of the kernels
WAITING = 256  # images of all links whose promises wait; the batches of the operations bound them
VALUE, SYMBOL = 4, 8  # bytes of a float32 pixel value and of a complex64 symbol

START_S = 3.0  # imports, models and dataset
FRAME_S, MESSAGE_S, IMAGE_S = 60e-6, 100e-6, 100e-6  # events of a frame; a control message; scores of an image of 32 x 32 pixels
SYMBOL_S = 10e-9  # noise and channel of a symbol at one receiver
SNR_VALUE_S = 0.2e-6  # a value of an SNR process that is generated step by step
GRADIENT = 3  # cost of a network with its gradient, over that of its evaluation


def memory_bytes(scenario: Scenario, links: Sequence[LinkEstimate]) -> int:
    """Peak memory of the process that runs a scenario, on a CPU."""
    uses = [use for link in links for use in networks(scenario, link)]
    weights = sum(WEIGHT * facts_of(model).parameters for model in {use.model for use in uses})
    batch = max((batch_bytes(use) for use in uses), default=0)
    setup = max(link.cost.setup_bytes for link in links) + max(link.metric_bytes for link in links)
    kept = sum(link.cost.shared_bytes + link.options.links * (LINK + link.cost.link_bytes) for link in links)
    frames = sum(link.options.links * min(FRAMES_KEPT, link.traffic.frames) * link.traffic.images * image_bytes(link) for link in links)
    waiting = min(WAITING, sum(link.options.links * link.images for link in links)) * max(image_bytes(link) for link in links)
    process = PROCESS + (CUDA_LIBRARIES if find_spec("nvidia") else 0)
    return round(process + DATASETS[scenario.dataset].test_bytes + setup + weights + SCRATCH * batch + kept + frames + waiting)


def cpu_s(scenario: Scenario, links: Sequence[LinkEstimate], speed: MachineSpeed = USUAL_MACHINE) -> float:
    """CPU time of a run in seconds, without figures, on a machine of this speed."""
    total = START_S
    for link in links:
        image_s = sum(use.per_image * network_s(use, scenario.compute.precision, speed) for use in networks(scenario, link))
        scores = link.receivers * IMAGE_S * link.traffic.image_values / (3 * 32 * 32)
        frame = FRAME_S + link.cost.cpu_s + link.receivers * SYMBOL_S * link.scheme.channel_uses
        sent = link.traffic.frames * frame + link.images * (image_s + scores)
        total += link.options.links * (sent + MESSAGE_S * link.traffic.control_frames + SNR_VALUE_S * link.snr_values)
    return total


def networks(scenario: Scenario, link: LinkEstimate) -> Iterator[NetworkUse]:
    """All networks of a link: those of its components, and the classifier that scores what was sent and received."""
    yield from link.cost.networks
    if scenario.classifier is not None:
        attacked = link.owners - link.receivers - 1
        yield NetworkUse(scenario.classifier, per_image=link.receivers + 2 * attacked)


def facts_of(model: str) -> ModelFacts:
    """The facts of a model; those of a usual one where it has no card."""
    return model_facts(model) or ModelFacts()


def network_s(use: NetworkUse, precision: str, speed: MachineSpeed) -> float:
    """CPU time in seconds of one use of a network for one image. Gradients are computed in float32.

    precision  that of the scenario, "auto" for that of the model's card
    """
    facts = facts_of(use.model)
    if use.gradient:
        return GRADIENT * facts.operations / speed.float32
    half = speed.device_class in facts.bfloat16 if precision == "auto" else precision == "bfloat16"
    return facts.operations / (speed.bfloat16 if half else speed.float32)


def batch_bytes(use: NetworkUse) -> int:
    """Memory of the intermediate values of a batch."""
    facts = facts_of(use.model)
    return (use.batch or facts.batch) * (facts.kept_bytes if use.gradient else facts.layer_bytes)


def image_bytes(link: LinkEstimate) -> int:
    """Memory of an image on its way: pixel values and symbols at Alice, and both at each receiver."""
    symbols = math.ceil(link.scheme.channel_uses / link.traffic.images)
    return (1 + link.receivers) * (VALUE * link.traffic.image_values + SYMBOL * symbols)
