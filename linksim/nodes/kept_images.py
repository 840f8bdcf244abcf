"""Emits the images of the first frames of a link for the trace: Alice's, their attacked versions, and every receiver's reconstructions."""

from functools import partial

from torch import Tensor

from linksim.context import Simulation
from linksim.enums import ImageOwner, Node
from linksim.reconstruction import Reconstruction
from linksim.records import KeptImage
from linksim.worker import Named, Promise


class ImageKeeper:
    """Emits `KeptImage` records of one link.

    simulation   shared state of the run
    link         number of the link in the run
    kept_images  number of images of the link that the trace keeps, from the first frame on
    """

    def __init__(self, simulation: Simulation, link: int, kept_images: int) -> None:
        self._simulation, self._link, self._left = simulation, link, kept_images
        self._kept: dict[int, int] = {}  # number of images that are kept of each frame that is not complete

    def created(self, frame: int, images: int) -> None:
        """Register a frame with its number of images, of which as many are kept as are left."""
        if keep := min(self._left, images):
            self._left -= keep
            self._kept[frame] = keep

    def reconstructed(self, receiver: int, start_ns: int, frame: int, reconstruction: Promise) -> None:
        """Keep a receiver's images of a frame, if any are kept; `reconstruction` is a promise of `Reconstruction.tensors`."""
        if frame in self._kept:
            self._simulation.worker.then(reconstruction, partial(self._emit_shown, receiver, start_ns, frame, self._kept[frame]))

    def completed(self, start_ns: int, frame: int, images: Promise, attacked: Promise) -> None:
        """Keep what Alice sent in a frame that is complete at all receivers: her images, and the attacked ones if they are others."""
        if (count := self._kept.pop(frame, 0)) == 0:
            return
        for owner, shown in [(Node.ALICE, images), *([(ImageOwner.SOURCE, attacked)] if attacked is not images else [])]:
            self._simulation.worker.then(shown, partial(self._emit, owner, start_ns, frame, count))

    def _emit_shown(self, node: int, start_ns: int, frame: int, count: int, reconstruction: Named) -> None:
        """Emit the images of a reconstruction, if it has any."""
        if "images" in reconstruction:
            self._emit(node, start_ns, frame, count, Reconstruction.of(reconstruction).shown())

    def _emit(self, node: int, start_ns: int, frame: int, count: int, images: Tensor) -> None:
        pixels = (images.flatten(0, 1)[:count] * 255.0).round().byte().cpu().numpy()
        for image, array in enumerate(pixels):
            self._simulation.emit(KeptImage(time_ns=start_ns, link=self._link, frame=frame, image=image, node=node, pixels=array))
