"""Training task of a generator of faces: a variational autoencoder on top of eigenfaces (`nets.generator.StyleGenerator`).

    images -> [frozen eigenfaces] -> z, blurred images -> [encoder] -> noise -> [synthesis(z)] -> absolute error + LPIPS + weight KL

The Kullback-Leibler divergence keeps the noise maps near a standard normal distribution, which is the prior that random samples are drawn
from and that a search for the most probable image assumes. Its weight trades reproduction of given faces for the quality of samples. The
networks see crops of the images, which is several times faster than whole images; the latent code is that of the whole image.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linksim.nets.cards import Score
from linksim.nets.generator import SHRINK, Generator, NoiseMaps, StyleGenerator
from linksim.nets.lpips import load_lpips
from linksim.nets.weights import load_model
from linksim.training.generator_scores import CONDITIONS, generator_scores
from linksim.training.image_task import ImageTask
from linksim.training.order import one_cycle


@dataclass(frozen=True)
class GeneratorTask(ImageTask):
    """Trains synthesis and encoder together; the eigenfaces are those of another model and stay as they are.

    dataset          name of the dataset
    config           keyword arguments of `nets.generator.StyleGenerator`, with layout "style"
    steps            total number of steps
    init_from        generator whose eigenfaces are copied; it must have as many, of the same size
    batch            images per step
    part             side of the square of each image on which the networks are trained, a multiple of 4
    peak_rate        learning rate of AdamW at the peak of the cycle
    lpips_weight     weight of LPIPS beside the mean absolute error
    kl_weight        weight of the Kullback-Leibler divergence of the noise, in nats per image value
    average          decay of the running average of the weights per step, 0..1, or None
    bfloat16         compute in bfloat16 on a CPU that has it, too
    num_eval_images  number of test images for the scores, None for all
    seed             seed of the initial weights and all random streams
    """

    dataset: str
    config: dict[str, object]
    steps: int
    init_from: str = "face-eigenfaces"
    batch: int = 16
    part: int = 64
    peak_rate: float = 1e-3
    lpips_weight: float = 0.3
    kl_weight: float = 0.01
    average: float | None = 0.999
    bfloat16: bool = True
    num_eval_images: int | None = 1_000
    seed: int = 1
    kind: str = field(default="generator", init=False)
    conditions: tuple[str, ...] = field(default=CONDITIONS, init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digest of the eigenfaces. Raises ModelError if they are missing."""
        names = ("dataset", "init_from", "batch", "part", "peak_rate", "lpips_weight", "kl_weight", "average", "bfloat16")
        digest = load_model(self.init_from, "generator").card.sha256
        return {name: getattr(self, name) for name in names} | {"init_from_sha256": digest}

    def prepare(self, network: nn.Module) -> None:
        """Copy the eigenfaces of `init_from`, and freeze them. Raises ModelError if that model is missing."""
        assert isinstance(network, StyleGenerator)
        network.eigenfaces.load_state_dict(load_model(self.init_from, "generator").network.state_dict())
        network.eigenfaces.requires_grad_(False)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(learnt, lr=self.peak_rate, weight_decay=1e-4, fused=True)

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps, rise=0.05)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the mean absolute error, plus LPIPS and the divergence with their weights, of one crop per image."""
        assert isinstance(network, StyleGenerator)
        images, _ = self._batches(step)
        images = images.to(device).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            z, none = network.eigenfaces.embed(images)
            blurred = network.eigenfaces.generate(z, none)
        images, blurred = self._crops(step, images, blurred)
        mean, log_variance = network.encoder(images, blurred)
        noise = NoiseMaps(*(self._sample(step, name, *both) for name, *both in zip(NoiseMaps._fields, mean, log_variance, strict=True)))
        found = blurred + network.synthesis(blurred, z, noise).float()
        divergence = torch.stack([kl_divergence(m, v).sum() for m, v in zip(mean, log_variance, strict=True)]).sum() / images.numel()
        perceived: Tensor = load_lpips(device)(found, images)
        loss: Tensor = (found - images).abs().mean() + self.lpips_weight * perceived.mean() + self.kl_weight * divergence
        return loss

    def _crops(self, step: int, *batches: Tensor) -> list[Tensor]:
        """Return the same random square of each item of all batches [n, c, h, w], at multiples of the size of a coarse position."""
        free = (batches[0].shape[-1] - self.part) // SHRINK + 1
        corners = SHRINK * self._streams("generator/corners", step).integers(0, free, (self.batch, 2))
        return [
            torch.stack([x[:, i : i + self.part, j : j + self.part] for x, (i, j) in zip(batch, corners.tolist(), strict=True)])
            for batch in batches
        ]

    def _sample(self, step: int, name: str, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Return noise maps drawn from the distribution that the encoder predicts."""
        draw = self._streams(f"generator/{name}", step).standard_normal(mean.shape, dtype="float32")
        return mean + (0.5 * log_variance).exp() * torch.from_numpy(draw).to(mean.device)

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the scores of `training.generator_scores`."""
        assert isinstance(network, Generator)
        return generator_scores(network, condition, images, self._streams, device)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence in nats of each normal distribution from the standard one, of the shape of the arguments.

    >>> kl_divergence(torch.tensor([0.0, 2.0]), torch.zeros(2)).tolist()
    [0.0, 2.0]
    """
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)
