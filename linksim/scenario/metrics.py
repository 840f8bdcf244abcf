"""Options of the metrics that a run computes for every reconstruction, beside MSE, PSNR, SSIM and the class.

Each metric of a scenario compares a reconstruction with Alice's original image and has a column of its own in the table `scores` of the
trace. `linksim.simulate.metric_factory` builds them.
"""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from linksim.cost import Cost, Traffic
from linksim.records import ImageScore, MetricColumn, columns
from linksim.scenario.base import ComponentOf, ComponentOptions, base_of, component, component_of
from linksim.scenario.schemes import as_list

MOST_METRICS = 16
CROP_VALUES = 3 * 128 * 128  # numbers in an image of 128 x 128 pixels
MS_SSIM_S, LPIPS_S = 3.5e-3, 11e-3  # seconds of one core for a pair of images of 128 x 128 pixels
SAME_PERSON_S = 50e-3  # for a pair of any size, which is resampled
MS_SSIM_BYTES, LPIPS_BYTES, SAME_PERSON_BYTES = 30 << 20, 46 << 20, 100 << 20  # memory of a batch of such pairs
LPIPS_WEIGHT_BYTES, RECOGNISER_WEIGHT_BYTES = 12 << 20, 15 << 20


@base_of("metric")
class MetricOptions(ComponentOptions):
    """Base of the options of every metric.

    name      name of the component
    unit      unit of its values, "1" if they are dimensionless
    colours   number of colours that an image must have, None for any
    smallest  smallest side of an image, in pixels
    weights   name of the weights that the metric reads, a key of `data.evaluation_weights.FILES`; None for none
    batch     pairs of images per call
    """

    unit: ClassVar[str] = "1"
    colours: ClassVar[int | None] = None
    smallest: ClassVar[int] = 1
    weights: ClassVar[str | None] = None
    batch: ClassVar[int] = 16
    name: str


@component("metric", "linksim.simulate.metric_factory:make_ms_ssim")
class MsSsimMetric(MetricOptions):
    """Multi-scale structural similarity (Wang et al., 2003), 1 for equal images.

    It has five scales from 176 pixels on, four from 88, three from 44, two from 22 and one below.
    """

    name: Literal["ms-ssim"] = "ms-ssim"
    smallest: ClassVar[int] = 11
    batch: ClassVar[int] = 16

    def cost(self, traffic: Traffic) -> Cost:
        size = traffic.image_values / CROP_VALUES
        return Cost(cpu_s=traffic.receivers * traffic.images * MS_SSIM_S * size, shared_bytes=round(MS_SSIM_BYTES * size))


@component("metric", "linksim.simulate.metric_factory:make_lpips")
class LpipsMetric(MetricOptions):
    """Perceptual distance LPIPS (Zhang et al., 2018), 0 for equal images.

    Version 0.1 with AlexNet, which needs at least 31 x 31 pixels and hardly sees textures of images that small.
    """

    name: Literal["lpips"] = "lpips"
    colours: ClassVar[int | None] = 3
    smallest: ClassVar[int] = 31
    weights: ClassVar[str | None] = "lpips"
    batch: ClassVar[int] = 16

    def cost(self, traffic: Traffic) -> Cost:
        size = traffic.image_values / CROP_VALUES
        memory = LPIPS_WEIGHT_BYTES + round(LPIPS_BYTES * size)
        return Cost(cpu_s=traffic.receivers * traffic.images * LPIPS_S * size, shared_bytes=memory)


@component("metric", "linksim.simulate.metric_factory:make_same_person")
class SamePersonMetric(MetricOptions):
    """Whether a face recogniser sees the person of the original image, 0 or 1.

    The recogniser is the MobileNet of HSE_FaceRec, trained on VGGFace2. The images are aligned faces, as those of the dataset `faces`.
    """

    name: Literal["same-person"] = "same-person"
    colours: ClassVar[int | None] = 3
    weights: ClassVar[str | None] = "face-recogniser-b"
    batch: ClassVar[int] = 4

    def cost(self, traffic: Traffic) -> Cost:
        memory = RECOGNISER_WEIGHT_BYTES + SAME_PERSON_BYTES
        return Cost(cpu_s=traffic.receivers * traffic.images * SAME_PERSON_S, shared_bytes=memory)


def column_of(options: MetricOptions) -> MetricColumn:
    """Return the column of a metric in the table `scores`; its name has underscores in the place of other characters.

    >>> column_of(SamePersonMetric()).name
    'same_person'
    """
    description = component_of(options).help.rstrip(".")
    return MetricColumn(re.sub(r"\W", "_", options.name, flags=re.ASCII), options.unit, description or options.name)


def distinct(metrics: list[MetricOptions]) -> list[MetricOptions]:
    """Check that the columns of some metrics differ from each other and from all columns of `scores`. Raises ValueError otherwise.

    >>> distinct([MsSsimMetric(), MsSsimMetric()])
    Traceback (most recent call last):
        ...
    ValueError: got 'ms-ssim' twice or in place of a column of the table scores, allowed: each metric once
    """
    taken = {column.name for column in columns(ImageScore)}
    for options in metrics:
        name = column_of(options).name
        if name in taken:
            raise ValueError(f"got {options.name!r} twice or in place of a column of the table scores, allowed: each metric once")
        if not name.isidentifier():
            raise ValueError(f"got {options.name!r}, allowed: a name that begins with a letter")
        taken.add(name)
    return metrics


Metric = Annotated[MetricOptions, ComponentOf(("metric",))]
Metrics = Annotated[list[Metric], BeforeValidator(as_list), Field(min_length=0, max_length=MOST_METRICS), AfterValidator(distinct)]
