"""DiffSem: self-noised features, a diffusion receiver, and a label as the result (Wang, Li, Shi, Liu, Yang, "Diffusion-aided Task-oriented
Semantic Communications with Model Inversion Attack").

    image -> [encoder] -> f -> [self-noise: scale of T', noise of T''] -> z -> symbols
                                                                                 |  air
    label <- [classifier(z, f', T')] <- f' <- [DDIM from T' to 0] <- z <- [equalise]
                       '----- soft label, num_rounds times -----^        (E-DiffSem)

Alice adds noise on purpose: less of the image is left for an eavesdropper. T' is negotiated; T'' <= T' leaves a margin for the noise of the
channel (Eq. 24), from the SNR of Bob's last report. The symbols have less than unit power by this margin, and nothing may normalise them.

Differs from the paper: Bob may match the step of the denoiser to the noise that he measures (`matched`), because the SNR of Alice is a
report of the past. The feedback has a fixed number of rounds; the paper stops it when the accuracy stops to rise, which needs true labels.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from linksim.feature_diffusion import ABAR, ddim, noise_steps_for, self_noise, step_of_noise
from linksim.negotiation import NegotiatedParameters
from linksim.nets.feature_receivers import CLASSES
from linksim.nets.feature_symbols import to_features, to_symbols
from linksim.nets.features import FeatureCodec
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.scenario.schemes import SelfNoiseStep
from linksim.schemes.deepjscc import noise_power_after_equalising
from linksim.schemes.parameters import FrameParameters, ItemArray, NegotiatedValues

Guidance = Literal["none", "label"]


class Receiver:
    """Bob's networks: classifier, and denoiser with optional guidance. Called with features instead of symbols, also by the training tasks.

    codec       the codec, whose own classifier makes the first label of E-DiffSem
    classifier  (z, f', step) -> logits
    denoiser    (x^t, step, label) -> noise; None to bypass it, with z in the place of f'
    guidance    "none", or "label" for E-DiffSem
    num_rounds  rounds of denoising and classification with guidance, at least 1
    num_calls   largest number of denoiser calls per image and round, None for one per step
    """

    def __init__(
        self,
        codec: FeatureCodec,
        classifier: nn.Module,
        denoiser: nn.Module | None,
        guidance: Guidance = "none",
        num_rounds: int = 1,
        num_calls: int | None = 5,
    ) -> None:
        self._codec, self._classifier, self._denoiser = codec, classifier, denoiser
        self._guidance, self._num_rounds, self._num_calls = guidance, num_rounds, num_calls

    def classify(self, received: Tensor, steps: Tensor) -> Tensor:
        """Return the logits [n, 10] of received features z [n, channels, 8, 8] with the noise of `steps`, int64 [n].

        A label that guides a round is a constant of that round: no gradient flows through it.
        """
        if self._denoiser is None:
            return self._logits(received, received, steps)
        if self._guidance == "none":
            return self._logits(received, self.denoise(received, steps), steps)
        logits: Tensor = self._codec.classifier(received, received, steps)
        for _ in range(self._num_rounds):
            logits = self._logits(received, self.denoise(received, steps, logits.detach().softmax(dim=1)), steps)
        return logits

    def denoise(self, received: Tensor, steps: Tensor, label: Tensor | None = None) -> Tensor:
        """Return f', the DDIM estimate of the features, [n, channels, 8, 8], Eq. (16).

        label  class probabilities [n, 10] that guide the denoiser, Eq. (18); None for no guidance, Eq. (14)
        """
        denoiser = self._denoiser
        assert denoiser is not None
        guide = received.new_zeros(len(received), CLASSES) if label is None else label

        def predict(x: Tensor, step: Tensor, rows: Tensor) -> Tensor:
            noise: Tensor = denoiser(x, step, guide[rows])
            return noise

        return ddim(predict, received, steps, self._num_calls)

    def _logits(self, received: Tensor, denoised: Tensor, steps: Tensor) -> Tensor:
        logits: Tensor = self._classifier(received, denoised, steps)
        return logits


class DiffSem:
    """DiffSem and E-DiffSem. It implements `Scheme`; the frame parameters are `NegotiatedValues` with the column T'.

    codec         trained encoder, with its classifier
    receiver      Bob's networks
    matched       Bob denoises from the step that fits the noise he measures, instead of T'
    channel_uses  complex channel uses per image
    """

    Parameters: type[NegotiatedParameters] = SelfNoiseStep
    images_per_item = 1
    detects_erasures = False

    def __init__(self, codec: FeatureCodec, receiver: Receiver, matched: bool = False) -> None:
        self._codec, self._receiver, self._matched = codec, receiver, matched
        self.channel_uses = codec.channel_uses

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, NegotiatedValues)
        (steps,) = parameters.columns()
        features = self._codec.features(images[:, 0])
        own_noise = noise.real(features[0].numel()).view(features.shape)
        noise_steps = noise_steps_for(steps.to(features.device), linear(parameters.snr_db).to(features.device))  # Eq. (24)
        return to_symbols(self_noise(features, steps.to(features.device), noise_steps, own_noise))  # Eq. (20)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        assert isinstance(parameters, NegotiatedValues)
        features = to_features(equalise(received), self._codec.channels)
        steps = parameters.columns()[0].to(features.device)
        if self._matched:
            steps, scale = self.match(received, steps, linear(parameters.snr_db).to(features.device))
            features = features * scale[:, None, None, None]
        return Reconstruction(logits=self._receiver.classify(features, steps)[:, None])

    def match(self, received: ReceivedSymbols, steps: Tensor, snr: Tensor) -> tuple[Tensor, Tensor]:
        """Return the step that fits the noise of each item, int64 [n], and the scale of its features at that step, [n].

        received  received symbols with Bob's estimates of gain and noise power
        steps     T', int64 [n]
        snr       Bob's SNR, linear, from which he infers how much noise Alice has added, [n]
        """
        abar = ABAR.to(steps.device)
        own = 1.0 - abar[noise_steps_for(steps, snr)]
        return step_of_noise(abar[steps], own + noise_power_after_equalising(received))


def linear(snr_db: ItemArray) -> Tensor:
    """Convert SNRs from dB to linear.

    >>> linear(torch.tensor([0.0, 10.0])).tolist()
    [1.0, 10.0]
    """
    converted: Tensor = 10.0 ** (torch.as_tensor(snr_db) / 10.0)
    return converted
