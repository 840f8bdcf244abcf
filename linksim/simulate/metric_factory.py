"""Factories of metrics. A metric is declared in `linksim.scenario.metrics`, with the import path of its factory here.

A factory takes the options and a `MetricContext` and returns a function of two batches of images [n, c, h, w] in 0..1, the reconstructions
and Alice's originals, that returns a value for each pair, [n]. It is called in float32 and in inference mode.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.errors import LinksimError
from linksim.metrics import Metric, ms_ssim
from linksim.nets.face_recognition import load_face_recogniser
from linksim.nets.lpips import load_lpips
from linksim.scenario.base import component_of
from linksim.scenario.metrics import LpipsMetric, MetricOptions, MsSsimMetric, SamePersonMetric, column_of

Measure = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class MetricContext:
    """What a metric may depend on besides its options.

    device  device of the images, and of the networks
    image   (colours, height, width) of the images of the dataset, in pixels
    """

    device: torch.device
    image: tuple[int, int, int]


def make_metrics(metrics: Sequence[MetricOptions], context: MetricContext) -> list[Metric]:
    """Return the metrics of a scenario, of any declared component, also of those from outside the package.

    Raises LinksimError, with the name of the metric, if it does not fit the images, or if its weights are missing or damaged.
    """
    return [_make(options, context) for options in metrics]


def _make(options: MetricOptions, context: MetricContext) -> Metric:
    colours, height, width = context.image
    if min(height, width) < options.smallest or options.colours not in (None, colours):
        needed = f"at least {options.smallest} x {options.smallest} pixels" + (f" in {options.colours} colours" if options.colours else "")
        found = f"the dataset has {height} x {width} in {colours}"
        raise LinksimError(f"metric {options.name!r} takes images of {needed}; {found}")
    try:
        measure: Measure = component_of(options).load()(options, context)
    except LinksimError as fault:
        raise LinksimError(f"metric {options.name!r}: {fault}") from fault
    return Metric(column_of(options).name, measure, options.batch)


def make_ms_ssim(options: MsSsimMetric, context: MetricContext) -> Measure:
    """Factory of the metric `ms-ssim`."""
    return ms_ssim


def make_lpips(options: LpipsMetric, context: MetricContext) -> Measure:
    """Factory of the metric `lpips`. Raises DataError if the weights are missing or damaged."""
    return load_lpips(context.device)


def make_same_person(options: SamePersonMetric, context: MetricContext) -> Measure:
    """Factory of the metric `same-person`. Raises DataError if the weights are missing or damaged."""
    return load_face_recogniser("b", context.device).same_person
