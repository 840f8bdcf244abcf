"""Tests of cards and weights: round trips, and one-line rejection of altered files."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny_models import use_models

from linksim.errors import LinksimError, ModelError
from linksim.nets.cards import Card, ModelCost, RuntimeSettings, Score, TrainingData, read_card, write_card
from linksim.nets.classifiers import Classifier
from linksim.nets.compact import SCALE, SMALL, pack, unpack
from linksim.nets.layers import draw_weights
from linksim.nets.networks import NETWORKS
from linksim.nets.tensor_checks import check_size
from linksim.nets.weights import build, clear_model_cache, has_model, list_models, load_model, pick_device, sha256_of

CONFIG = {"widths": [8, 8, 8]}
SCORES = (Score("accuracy", "clean images", 0.93, 10_000), Score("accuracy", "AWGN at 10 dB", 0.9, 10_000))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with one valid model, `evaluator`."""
    use_models(monkeypatch, tmp_path)
    clear_model_cache()
    network = build("classifier", CONFIG)
    draw_weights(network, torch.Generator().manual_seed(1))
    network(torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(2)))  # moves the running statistics
    parameters = dict(network.named_parameters())
    save_file({k: v.half() if k in parameters else v for k, v in network.state_dict().items()}, tmp_path / "evaluator.safetensors")
    write_card(card_of(tmp_path / "evaluator.safetensors"), tmp_path / "evaluator.yaml")
    return tmp_path


def card_of(weights: Path) -> Card:
    task = {"seed": 1, "steps": 10, "snr_db": [-2.0, 21.0], "average": None}
    versions = {"python": "3.11", "torch": "2.13.0"}
    return Card(
        name="evaluator",
        kind="classifier",
        config=CONFIG,
        training=task,
        data=(TrainingData("cifar10", "none formal; cite Krizhevsky 2009"),),
        wall_s=1.5,
        device="cpu",
        versions=versions,
        dtype="float16",
        sha256=sha256_of(weights),
        cost=ModelCost(None, 1234, 5678, 90, 123),
        scores=SCORES,
        runtime={},
    )


def refusal(name: str = "evaluator", kind: str = "classifier") -> str:
    """Return the one-line message of the error that loading a model raises."""
    with pytest.raises(ModelError) as caught:
        load_model(name, kind)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_loaded_model_equals_the_stored_one(folder: Path) -> None:
    model = load_model("evaluator", "classifier")
    stored = load_file(folder / "evaluator.safetensors")
    assert isinstance(model.network, Classifier)
    assert not model.network.training
    for name, value in model.network.state_dict().items():
        assert not value.requires_grad
        assert torch.equal(value, stored[name].float() if value.is_floating_point() else stored[name])
    assert model.network.whiten.weight.dtype == torch.float32
    assert model.network.head.weight.requires_grad is False
    assert model.network.stages[1].first.weight.is_contiguous(memory_format=torch.channels_last)


def test_running_statistics_are_stored_in_float32(folder: Path) -> None:
    variance = load_file(folder / "evaluator.safetensors")["stages.0.first_norm.running_var"]
    assert variance.dtype == torch.float32
    assert not torch.equal(variance, torch.ones(8))


def test_a_model_is_loaded_once_until_the_cache_is_cleared() -> None:
    model = load_model("evaluator", "classifier")
    assert load_model("evaluator", "classifier") is model
    clear_model_cache()
    assert load_model("evaluator", "classifier") is not model


runtimes = st.builds(RuntimeSettings, st.integers(1, 65536), st.sampled_from(["float32", "bfloat16"]))
numbers = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False, width=32), st.booleans(), st.none())
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn", "Co", "Cf"]), max_size=20)
blocks = st.dictionaries(words.filter(bool), st.one_of(numbers, words, st.lists(numbers, max_size=3)), max_size=4)
sizes = st.one_of(st.integers(-(2**20), 2**20), st.floats(-1e6, 1e6, width=32), st.booleans(), st.none())
configs = st.dictionaries(words.filter(bool), st.one_of(sizes, words, st.lists(sizes, max_size=3)), max_size=4)


@given(
    config=configs,
    training=blocks,
    wall_s=st.floats(0, 1e6),
    device=words,
    data=st.lists(st.builds(TrainingData, words, words), max_size=3).map(tuple),
    cost=st.builds(ModelCost, st.one_of(st.none(), st.integers(0, 10**9)), *[st.integers(0, 10**9)] * 4),
    score=st.builds(Score, words, words, st.floats(-100, 100), st.integers(1, 10_000)),
    runtime=st.dictionaries(st.sampled_from(["cpu-amx", "cuda"]), runtimes),
)
@settings(max_examples=30, deadline=None)
def test_a_card_round_trips(
    tmp_path_factory: pytest.TempPathFactory,
    config: dict[str, object],
    training: dict[str, object],
    wall_s: float,
    device: str,
    data: tuple[TrainingData, ...],
    cost: ModelCost,
    score: Score,
    runtime: dict[str, RuntimeSettings],
) -> None:
    path = tmp_path_factory.mktemp("card") / "model.yaml"
    card = Card(
        name="model",
        kind="codec",
        config=config,
        training=training,
        data=data,
        wall_s=wall_s,
        device=device,
        versions={"torch": "2.13.0"},
        dtype="float32",
        sha256="0" * 64,
        cost=cost,
        scores=(score,),
        runtime=runtime,
    )
    write_card(card, path)
    assert read_card(path) == card


def test_an_untuned_model_has_the_default_settings_of_its_device() -> None:
    card = load_model("evaluator", "classifier").card
    assert (card.runtime_on("cpu"), card.runtime_on("cuda")) == (RuntimeSettings(64, "float32"), RuntimeSettings(256, "bfloat16"))
    assert dataclasses.replace(card, runtime={"cpu": RuntimeSettings(32, "float32")}).runtime_on("cpu-amx").batch == 32


def test_the_headline_is_the_score_at_10_db() -> None:
    assert load_model("evaluator", "classifier").card.headline == SCORES[1]


def test_a_card_prints_every_score() -> None:
    assert load_model("evaluator", "classifier").card.text().splitlines() == [
        "evaluator: classifier, float16, trained for 2 s on cpu",
        "  accuracy                0.9300  clean images, n = 10,000",
        "  accuracy                0.9000  AWGN at 10 dB, n = 10,000",
    ]


@pytest.mark.parametrize(("text", "named"), [("[1, 2]\n", "card: must be of type dict"), ("", "card: must be of type dict, got None")])
def test_a_card_that_is_no_block_is_rejected(folder: Path, text: str, named: str) -> None:
    (folder / "evaluator.yaml").write_text(text)
    assert f"damaged card ({named}" in refusal()


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_flipped_bit_is_rejected(folder: Path, place: int) -> None:
    path = folder / "evaluator.safetensors"
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)
    assert "sha256 differs" in refusal()
    assert [(s.name, s.state) for s in list_models()] == [("evaluator", "damaged")]


def test_missing_weights_are_reported(folder: Path) -> None:
    (folder / "evaluator.safetensors").unlink()
    assert "evaluator.safetensors: missing" in refusal()


def test_an_unknown_name_suggests_the_nearest() -> None:
    message = refusal("evalautor")
    assert "did you mean 'evaluator'?" in message
    assert "linksim train evalautor" in message
    assert not has_model("evalautor")


@pytest.mark.parametrize("name", ["../evaluator", "/etc/passwd", "", ".evaluator", "a/b", "x" * 65, "evaluator\n"])
def test_a_name_that_is_a_path_is_rejected(name: str) -> None:
    assert "cannot name a model" in refusal(name)


def test_another_kind_is_rejected() -> None:
    assert "is of kind classifier, not codec" in refusal(kind="codec")


def resealed(folder: Path, **changes: object) -> None:
    """Rewrite the card for the current weights, with the given fields changed."""
    card = dataclasses.replace(read_card(folder / "evaluator.yaml"), sha256=sha256_of(folder / "evaluator.safetensors"), **changes)
    write_card(card, folder / "evaluator.yaml")


def test_tensors_that_do_not_fit_the_config_are_rejected(folder: Path) -> None:
    resealed(folder, config={"widths": [8, 8, 16]})
    assert "tensor head.weight must be of shape (10, 16), got (10, 8)" in refusal()


@pytest.mark.parametrize(("drop", "add", "named"), [("head.weight", "", "head.weight"), ("", "extra", "extra")])
def test_missing_and_surplus_tensors_are_rejected(folder: Path, drop: str, add: str, named: str) -> None:
    tensors = load_file(folder / "evaluator.safetensors")
    kept = {name: value for name, value in tensors.items() if name != drop} | ({add: torch.zeros(1)} if add else {})
    save_file(kept, folder / "evaluator.safetensors")
    resealed(folder)
    assert f"tensor {named} must be of shape" in refusal()


def spoilt(folder: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> str:
    """Return the message for a model of which one tensor is changed and whose card describes the changed file."""
    tensors = load_file(folder / "evaluator.safetensors")
    save_file(tensors | {name: change(tensors[name])}, folder / "evaluator.safetensors")
    resealed(folder)
    return refusal()


@pytest.mark.parametrize("name", ["head.weight", "stages.0.first_norm.running_var"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_rejected(folder: Path, name: str, value: float) -> None:
    def with_value(tensor: torch.Tensor) -> torch.Tensor:
        tensor.view(-1)[-1] = value
        return tensor

    assert spoilt(folder, name, with_value) == f"{folder}/evaluator.safetensors: tensor {name} contains NaN or infinite values"


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "complex64", "float64", "bfloat16"])
def test_weights_of_another_type_are_rejected(folder: Path, dtype: str) -> None:
    message = spoilt(folder, "head.weight", lambda tensor: tensor.to(getattr(torch, dtype)))
    assert message == f"{folder}/evaluator.safetensors: tensor head.weight must be of type float16 or float32, got {dtype}"


def eight_bits(folder: Path, scale: torch.Tensor) -> torch.Tensor:
    """Store head.weight as integers of 8 bits with these scales, and return the integers."""
    integers = torch.arange(-40, 40, dtype=torch.int8).reshape(10, 8)
    tensors = load_file(folder / "evaluator.safetensors") | {"head.weight": integers, "head.weight" + SCALE: scale}
    save_file(tensors, folder / "evaluator.safetensors")
    resealed(folder)
    return integers


def test_weights_of_8_bits_run_as_integers_times_the_scales_of_their_rows(folder: Path) -> None:
    scale = torch.linspace(0.0, 2.0, 10)
    integers = eight_bits(folder, scale)
    assert torch.equal(load_model("evaluator", "classifier").network.state_dict()["head.weight"], integers * scale[:, None])


@pytest.mark.parametrize("scale", [torch.ones(8), torch.ones(()), torch.ones(10, 1), torch.ones(10, dtype=torch.float16)])
def test_scales_that_do_not_fit_their_tensor_are_rejected(folder: Path, scale: torch.Tensor) -> None:
    eight_bits(folder, scale)
    expected = "tensor head.weight.scale must be of type float32 and have one value for each row of head.weight"
    assert refusal() == f"{folder}/evaluator.safetensors: {expected}"


def test_infinite_scales_are_rejected(folder: Path) -> None:
    eight_bits(folder, torch.full((10,), math.inf))
    assert "tensor head.weight contains NaN or infinite values" in refusal()


shapes = st.lists(st.integers(1, 40), min_size=1, max_size=4).map(tuple)


@given(shapes, st.integers(0, 2**32), st.floats(-30, 30))
def test_packing_changes_no_weight_by_more_than_half_a_step_of_its_row(shape: tuple[int, ...], seed: int, exponent: float) -> None:
    before = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 2.0**exponent
    packed = pack({"w": before}, {"w"})
    after = unpack(packed)["w"]
    if before.ndim < 2 or before.numel() < SMALL:
        assert torch.equal(after, before.half())
    else:
        step = before.flatten(1).abs().amax(1, keepdim=True) / 127
        assert bool(((after - before).flatten(1).abs() <= 0.5001 * step).all())
        assert set(packed) == {"w", "w" + SCALE}


def test_a_row_of_zeros_stays_zero() -> None:
    assert not unpack(pack({"w": torch.zeros(32, 32)}, {"w"}))["w"].any()


def test_a_counter_of_another_type_is_rejected(folder: Path) -> None:
    name = "stages.0.first_norm.num_batches_tracked"
    assert f"tensor {name} must be of type int64, got float32" in spoilt(folder, name, lambda tensor: tensor.float())


@pytest.mark.parametrize("config", [{"widths": [8, 8, 2**20]}, {"widths": [2**20] * 3}, {"widths": [8] * 10_000}])
def test_a_config_that_its_file_cannot_hold_is_rejected_before_the_network_is_built(
    folder: Path, config: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    resealed(folder, config=config)
    monkeypatch.setattr("linksim.nets.weights.build", lambda kind, config: pytest.fail("built"))
    size = (folder / "evaluator.safetensors").stat().st_size
    assert refusal().endswith(f"its config describes a network of more than {size:,} values, which its file cannot hold")


@pytest.mark.parametrize("size", [2**20 + 1, -(10**12), 1e30])
def test_an_absurd_number_in_a_config_is_rejected_with_its_key(folder: Path, size: float) -> None:
    resealed(folder, config={"widths": [8, size, 8]})
    assert "damaged card (config.widths: allowed: numbers up to 1,048,576)" in refusal()


def test_counting_the_values_of_a_network_leaves_no_trace() -> None:
    check_size(lambda: build("classifier", CONFIG), most=10**6)
    assert build("classifier", CONFIG).head.weight.device == torch.device("cpu")
    with pytest.raises(ModelError, match="more than 10 values"):
        check_size(lambda: build("classifier", CONFIG), most=10)
    assert sum(weight.numel() for weight in build("classifier", CONFIG).parameters()) > 10


def test_a_file_of_another_format_is_rejected_despite_a_valid_hash(folder: Path) -> None:
    (folder / "evaluator.safetensors").write_bytes(b"\x80\x04N.")
    resealed(folder)
    assert "evaluator.safetensors" in refusal()


def test_an_unknown_config_key_is_rejected(folder: Path) -> None:
    resealed(folder, config={"depth": 3})
    assert "depth" in refusal()


def test_an_unknown_kind_is_rejected_with_a_suggestion(folder: Path) -> None:
    resealed(folder, kind="clasifier")
    assert "did you mean 'classifier'?" in refusal()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("name: evaluator", "name: other", "name"),
        ("kind: classifier\n", "", "kind: missing"),
        ("dtype: float16", "dtype: 16", "dtype: must be of type str"),
        ("runtime: {}", "runtime: {}\ncolour: red", "colour: unknown key"),
        ("runtime: {}", "runtime: {tpu: {batch: 64, precision: float32}}", "runtime.tpu"),
        ("runtime: {}", "runtime: {cpu: {batch: 0, precision: float32}}", "batch must be"),
        ("runtime: {}", "runtime: {cpu: {batch: 64, precision: int8}}", "precision must be"),
        ("runtime: {}", "runtime: {cpu: 64}", "runtime.cpu"),
        ("runtime: {}", "runtime: 3", "runtime: must be of type dict, got 3"),
        ("samples: 10000", "samples: many", "scores.0.samples: must be of type int, got 'many'"),
        ("samples: 10000", "samples: 10000.5", "scores.0.samples: must be of type int"),
        ("channel_uses: null", "channel_uses: -1", "cost.channel_uses"),
        ("  parameters: 1234\n", "", "cost.parameters: missing"),
        ("- dataset: cifar10\n  terms", "- terms", "data.0.dataset: missing"),
        ("  terms: none formal; cite Krizhevsky 2009\n", "  terms: 2009\n", "data.0.terms: must be of type str, got 2009"),
        ("wall_s: 1.5", "wall_s: true", "wall_s"),
        ("wall_s: 1.5", "wall_s: 1.5\nwall_s: 2", "wall_s"),
        ("name: evaluator", "[", "evaluator.yaml"),
    ],
)
def test_a_damaged_card_is_rejected_with_its_key(folder: Path, old: str, new: str, named: str) -> None:
    path = folder / "evaluator.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    message = refusal()
    assert "damaged card" in message
    assert named in message
    assert [status.state for status in list_models()] == ["damaged"]


def test_the_list_contains_cards_and_tasks(folder: Path) -> None:
    (folder / "stray.safetensors").write_bytes(b"")
    found = {status.name: status for status in list_models(["codec-of-tomorrow", "evaluator"])}
    assert sorted(found) == ["codec-of-tomorrow", "evaluator"]
    evaluator = found["evaluator"]
    assert (evaluator.state, evaluator.kind, evaluator.dtype) == ("present", "classifier", "float16")
    assert evaluator.headline == "accuracy 0.9 (AWGN at 10 dB)"
    assert evaluator.size_mb == (folder / "evaluator.safetensors").stat().st_size / 1e6
    assert (found["codec-of-tomorrow"].state, found["codec-of-tomorrow"].size_mb) == ("missing", 0.0)


def test_devices_are_selected_by_name() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ModelError, match="did you mean 'cuda'"):
        pick_device("cude")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_rejected() -> None:
    with pytest.raises(ModelError, match="no CUDA device"):
        pick_device("cuda")


def test_an_undeclared_kind_is_rejected() -> None:
    of_features = {"feature-codec", "feature-denoiser", "feature-inverter", "feature-receiver"}
    assert (
        set(NETWORKS) == {"classifier", "codec", "denoiser", "detector", "generator", "hider", "inverter", "policy", "vqvae"} | of_features
    )
    with pytest.raises(LinksimError, match="no model 'decoder'"):
        build("decoder", {})


def test_a_model_loaded_in_inference_mode_supports_gradients_later() -> None:
    with torch.inference_mode():
        load_model("evaluator", "classifier")
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    load_model("evaluator", "classifier").network(images).sum().backward()
    assert images.grad is not None
