"""Random samples of Eve's priors as a figure: what eigenfaces and the generator take for faces. No sample is a photograph."""

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.nets.generator import Generator
from linksim.nets.weights import has_model, load_model
from linksim.papers.covert.attacks import EIGENFACES, GENERATOR
from linksim.plots.papers import ImageGrid, image_grid_figure, scored_image
from linksim.plots.plot_style import save
from linksim.reproduction.paper import Figures
from linksim.reproduction.results import ResultStore
from linksim.rng import Streams
from linksim.training.generator_scores import draw_latents

PRIORS = {EIGENFACES: "eigenfaces", GENERATOR: "generator"}
SHOWN = 10  # samples of each


def prior_samples(results: ResultStore) -> Figures:
    """Draw generator.png, with the same latent codes in both rows; nothing where a model is missing, or without any result."""
    if not results.results() or not all(map(has_model, PRIORS)):
        return Figures()
    rows = tuple(tuple(scored_image(images, place) for place in range(SHOWN)) for images in map(_samples, PRIORS))
    grid = ImageGrid("Random samples of the priors", ("",) * SHOWN, tuple(PRIORS.values()), rows)
    return Figures(drawn=(save(image_grid_figure(grid), results.folder / "generator.png"),))


@torch.inference_mode()
def _samples(name: str) -> list[NDArray[np.uint8]]:
    """Return random samples of a generator, uint8 [height, width, 3] each."""
    generator = load_model(name, "generator").network
    assert isinstance(generator, Generator)
    images = generator.generate(*draw_latents(generator, Streams(1), "figure", 0, SHOWN, torch.device("cpu")))
    return list((images.clamp(0.0, 1.0) * 255.0).round().byte().permute(0, 2, 3, 1).numpy())
