"""Training task of an SNR-blind ViT codec: the SNR-aware one is fine-tuned after its channel decoder has lost the SNR as an input.

    SNR-aware codec -> [SNR input held at a constant, folded into the biases] -> SNR-blind codec -> last phase of `training.vit`

The encoder of the ViT codec ignores the SNR in any case. At the constant SNR, the SNR-blind codec computes what the SNR-aware one computes
until the first step changes it.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from linksim.nets.vit import VitJscc
from linksim.nets.weights import load_model
from linksim.training.vit import VitTask

FIRST_LAYER = "decoder.channel.dense.0"  # of the channel decoder; its last input is the SNR in dB, divided by 10


@dataclass(frozen=True)
class BlindVitTask(VitTask):
    """Fine-tunes a `VitJscc` with `snr_input: false`.

    The fields of `VitTask` keep their meaning; only the last phase has steps, as a rule.

    init_from     name of the trained SNR-aware codec, which has the same config but for `snr_input`
    init_snr_db   the constant SNR in dB that replaces its input
    """

    init_from: str = "diffusec-codec"
    init_snr_db: float = 6.0

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digest of the SNR-aware codec. Raises ModelError if that model is missing."""
        digest = load_model(self.init_from, "codec").card.sha256
        return super().recipe | {"init_from": self.init_from, "init_snr_db": self.init_snr_db, "init_from_sha256": digest}

    def prepare(self, network: nn.Module) -> None:
        """Copy the weights of `init_from`, with its SNR held at `init_snr_db`. Raises ModelError if that model is missing."""
        aware = load_model(self.init_from, "codec").network
        assert isinstance(aware, VitJscc)
        network.load_state_dict(without_snr_input(aware.state_dict(), self.init_snr_db))


def without_snr_input(weights: dict[str, Tensor], snr_db: float) -> dict[str, Tensor]:
    """Return the weights of the SNR-blind codec that equals an SNR-aware one at an SNR in dB.

    weights  of an SNR-aware `VitJscc`, by name; they are not changed
    """
    weight, bias = weights[f"{FIRST_LAYER}.weight"], weights[f"{FIRST_LAYER}.bias"]
    folded = {f"{FIRST_LAYER}.weight": weight[:, :-1], f"{FIRST_LAYER}.bias": bias + weight[:, -1] * (snr_db / 10.0)}
    return dict(weights) | folded
