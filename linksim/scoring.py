"""The operations that compare and classify images, for the evaluator and for Bob's policy; see `operations` for those of the nodes.

    evaluator   resolve_order, classify, score
    Bob         disagree, for a policy that observes it

`k` is the number of images per item.
"""

from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor

from linksim.metrics import Metric, mse, psnr, ssim
from linksim.nets.classifiers import Classifier
from linksim.operations import Precision
from linksim.reconstruction import Reconstruction
from linksim.worker import Named, Operation

SCORE_BATCH = (
    64  # images; in larger batches the intermediate values of SSIM exceed a core's cache (measured: 64 instead of 36 us per image)
)


def resolve_order() -> Operation:
    """(reconstruction with images, images) -> the reconstruction of each item in the order of least squared error.

    It is for attacks that cannot tell which image of an item is which (`Attack.ambiguous_order`). All k! orders are compared.

    >>> images = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1, 1)
    >>> resolve_order().run({"images": images.flip(1) * 0.9}, images)["images"].flatten().tolist()
    [0.0, 0.8999999761581421]
    """

    def run(reconstruction: Named, images: Tensor) -> Named:
        guesses = reconstruction["images"]
        error = (guesses[:, :, None] - images[:, None]).square().flatten(3).mean(dim=3)  # [items, guess, image]
        orders = torch.tensor(list(permutations(range(images.shape[1]))), device=images.device)
        total = error[:, orders, torch.arange(images.shape[1], device=images.device)].sum(dim=2)  # [items, orders]
        best = orders[total.argmin(dim=1)]
        rows = torch.arange(len(images), device=images.device)[:, None]
        return {name: part[rows, best] for name, part in reconstruction.items()}

    return Operation("resolve_order", run, SCORE_BATCH)


def classify(classifier: Classifier, batch: int, precision: Precision) -> Operation:
    """(images, attacked images), both [items, k, c, h, w] in 0..1 -> class_clean and class_attacked, int64 [items, k] each.

    classifier  the evaluator's classifier
    """

    def run(images: Tensor, attacked: Tensor) -> Named:
        both = torch.stack([images, attacked], dim=2)
        with precision():
            logits: Tensor = classifier(both.flatten(0, 2))
        clean, of_attacked = logits.argmax(dim=1).view(both.shape[:3]).unbind(dim=2)
        return {"class_clean": clean, "class_attacked": of_attacked}

    return Operation("classify", run, batch)


def disagree(classifier: Classifier, batch: int, precision: Precision) -> Operation:
    """(reconstruction with images before and after denoising) -> bool [items, k], whether the class of an image changed.

    classifier  Bob's classifier
    """

    def run(reconstruction: Named) -> Tensor:
        both = torch.stack([reconstruction["undenoised"], reconstruction["images"]], dim=2)
        with precision():
            logits: Tensor = classifier(both.flatten(0, 2))
        before, after = logits.argmax(dim=1).view(both.shape[:3]).unbind(dim=2)
        return before != after

    return Operation("disagree", run, batch)


def score(classifier: Classifier | None, batch: int, precision: Precision, metrics: Sequence[Metric] = (), wait_for: int = 0) -> Operation:
    """(reconstruction, images [items, k, c, h, w] in 0..1, classes from `classify` if the images were attacked) -> scores by name.

    The scores are mse, psnr_db, ssim and the metrics of a receiver with images, class_received of one with logits or where there is a
    classifier, erased where the receiver detects erasures, and the classes. Each is [items, k]; a score that does not exist is absent. A
    grey image is scored in the place of an erased one. The names are those of the columns of the table `scores`.

    classifier  classifies received images; None for no class of a receiver without logits
    precision   that of the classifier; the other scores are computed in float32
    metrics     further scores
    wait_for    number of items that a batch waits for, if more than `batch`: the batch size of the receiver

    >>> images = torch.full((1, 1, 3, 16, 16), 0.5)
    >>> found = score(None, 1, Precision(False, images.device)).run({"images": images + 0.1}, images)
    >>> {name: round(part.item(), 3) for name, part in found.items()}
    {'mse': 0.01, 'psnr_db': 20.0, 'ssim': 0.984}
    """

    def run(reconstruction: Named, images: Tensor, *classes: Named) -> Named:
        found = Reconstruction.of(reconstruction)
        shape = images.shape[:2]
        scores = dict(classes[0]) if classes else {}
        if found.images is not None:
            shown, originals = found.shown().flatten(0, 1).contiguous(), images.flatten(0, 1)  # networks return channels last
            error = mse(shown, originals)
            scores |= {"mse": error.view(shape), "psnr_db": psnr(error).view(shape), "ssim": ssim(shown, originals).view(shape)}
            scores |= {metric.name: metric(shown, originals).view(shape) for metric in metrics}
            if found.logits is None and classifier is not None:
                with precision():
                    scores["class_received"] = classifier(shown).argmax(dim=1).view(shape)
        if found.logits is not None:
            scores["class_received"] = found.logits.argmax(dim=2)
        if found.erased is not None:
            scores["erased"] = found.erased
        return scores

    return Operation("score", run, batch, wait_for)
