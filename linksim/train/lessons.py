"""The lessons by name: which parts can be trained, and how. `linksim train NAME` runs one, `linksim models` lists them all."""

from linksim.train.classifier import ClassifierLesson
from linksim.train.codec import CodecLesson
from linksim.train.inverter import InverterLesson
from linksim.train.lesson import Lesson

# Complex channel uses per image value: channels * 8 * 8 / 2 over 3 * 32 * 32.
SIXTH: dict[str, object] = {"channels": 16}
TWELFTH: dict[str, object] = {"channels": 8}

LESSONS: dict[str, Lesson] = {
    "codec-cifar10-6": CodecLesson("cifar10", SIXTH, steps=24_000),
    "codec-cifar10-12": CodecLesson("cifar10", TWELFTH, steps=14_000),
    "classifier-cifar10": ClassifierLesson("cifar10", {}, cycles=((1_300, 1.0), (450, 0.4))),
    "inverter-cifar10-6": InverterLesson("cifar10", SIXTH, steps=6_000, codec="codec-cifar10-6"),
    "inverter-cifar10-12": InverterLesson("cifar10", TWELFTH, steps=6_000, codec="codec-cifar10-12"),
    "inverter-cifar10-6-shuffled": InverterLesson("cifar10", SIXTH, steps=6_000, codec="codec-cifar10-6", shuffled=True),
}
