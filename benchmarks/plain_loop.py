"""What a user would write without linksim: a loop over frames that encodes, adds noise, decodes and scores one image after the other."""

from collections.abc import Callable

import torch

from linksim.data.sources import load
from linksim.metrics import psnr_of_mean_mse, ssim
from linksim.nets.codecs import Codec
from linksim.nets.weights import load_model

SNR_DB = 10.0


def plain_loop(codec_name: str, frames: int) -> Callable[[], list[tuple[float, float]]]:
    """Return a function that sends `frames` images over AWGN and returns PSNR in dB and SSIM of each."""
    codec = load_model(codec_name, "codec").network
    assert isinstance(codec, Codec)
    images = torch.from_numpy(load("samples", "test").images.copy()).permute(0, 3, 1, 2).float() / 255.0
    generator, deviation = torch.Generator().manual_seed(1), (0.5 * 10 ** (-SNR_DB / 10)) ** 0.5

    @torch.inference_mode()
    def send_all() -> list[tuple[float, float]]:
        scores = []
        for frame in range(frames):
            image = images[frame % len(images)][None].contiguous(memory_format=torch.channels_last)
            level = torch.tensor([SNR_DB])
            symbols = codec.encode(image, level)
            noise = torch.view_as_complex(torch.randn(*symbols.shape, 2, generator=generator)) * deviation
            received = codec.decode(symbols + noise, level)
            scores.append((psnr_of_mean_mse((received - image).square().mean(dim=(1, 2, 3))), ssim(received, image).item()))
        return scores

    return send_all
