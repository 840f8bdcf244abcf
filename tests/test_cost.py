"""Costs: what components declare adds up, what networks cost is counted, and a run takes the memory that the estimate predicts."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import make_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import linksim
from linksim import registry
from linksim.cost import Cost, ModelFacts, NetworkUse, Traffic
from linksim.data.sources import SOURCES, load
from linksim.errors import LinksimError, ScenarioError
from linksim.negotiation import NegotiatedParameters, bounded
from linksim.nets.measured_cost import count_bytes, count_operations
from linksim.registry import component, components
from linksim.scenario import schema
from linksim.scenario.base import KEYS
from linksim.scenario.dataset_size import DATASETS
from linksim.scenario.estimate import estimate
from linksim.scenario.layers import PermutationOptions
from linksim.scenario.load import load_scenario, scenario_from_text
from linksim.scenario.model_facts import model_facts
from linksim.scenario.schemes import DeepJsccOptions, DiffusecOptions, SchemeOptions
from linksim.scenario.source_attacks import CarliniWagnerAttack, FgsmAttack, PgdAttack
from linksim.scenario.stack_cost import cost_of_stack
from linksim.wire_layout import MAX_VALUES

ASKED = Traffic(image_values=3 * 32 * 32, images=4, frames=10, control_frames=60, rounds=5, seconds=0.1, codec="c", classifier="k")
COSTS = st.builds(
    Cost,
    channel_uses=st.integers(0, 10**6),
    pairs=st.integers(0, 256),
    rows=st.dictionaries(st.sampled_from(["scores", "keys", "jamming"]), st.integers(0, 10**6)),
    networks=st.lists(st.builds(NetworkUse, st.sampled_from(["a", "b"]))).map(tuple),
    cpu_s=st.integers(0, 100).map(float),
    setup_bytes=st.integers(0, 10**9),
    shared_bytes=st.integers(0, 10**9),
    link_bytes=st.integers(0, 10**9),
)


@pytest.fixture
def declared() -> Iterator[None]:
    """Components that a test declares are removed afterwards."""
    yield
    for each in registry.outside():
        registry.remove(each.kind, each.name)
    schema.refresh()


# Declarations


@settings(deadline=None)
@given(COSTS, COSTS, COSTS)
def test_costs_add_up_in_any_grouping(a: Cost, b: Cost, c: Cost) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + Cost() == Cost() + a == a


@pytest.mark.parametrize("declaration", [each for kind in KEYS for each in components(kind)], ids=lambda each: f"{each.kind}-{each.name}")
def test_every_component_declares_a_cost(declaration: Any) -> None:
    cost = declaration.options.model_construct().cost(ASKED)
    assert isinstance(cost, Cost)
    assert set(cost.rows) <= {"scores", "keys", "detections", "attack_strengths", "disagreements", "jamming"}
    assert all(use.per_image > 0 for use in cost.networks)
    assert (cost.channel_uses > 0) == (declaration.kind == "scheme")  # a layer alone adds none


def test_a_codec_costs_what_its_card_states() -> None:
    known = replace(ASKED, model={"codec-cifar10-6": ModelFacts(channel_uses=300)}.get)
    assert DeepJsccOptions().cost(known).channel_uses == 4 * 300
    assert DeepJsccOptions().cost(ASKED).channel_uses == 4 * 512  # a sixth of a channel use per value without a card
    assert DiffusecOptions(t_d=2, t_plus=1).cost(ASKED).networks == (
        NetworkUse("diffusec-codec"),
        NetworkUse("diffusec-denoiser", per_image=3),
    )


def test_gradients_of_an_attack_are_those_of_its_options() -> None:
    attacks = FgsmAttack(), PgdAttack(steps=7), CarliniWagnerAttack(binary_search_steps=3, steps=20, target="other")
    assert [attack.cost(ASKED).networks[0].per_image for attack in attacks] == [1, 7, 60]
    assert [attack.cost(ASKED).networks[0].model for attack in attacks] == ["k", "k", "other"]


@pytest.mark.parametrize(("images", "uses", "pairs"), [(2, 2, (1,)), (3, 6, (3,)), (8, 8, (4, 2)), (6, 24, (6, 6)), (1, 4, (1, 1))])
def test_layers_count_their_items_as_the_stack_that_is_built(images: int, uses: int, pairs: tuple[int, ...]) -> None:
    """Without a partner every image is paired with noise, in every layer; otherwise each layer halves the number of items."""
    stack = [*[PermutationOptions()] * len(pairs), DeepJsccOptions()]
    found = cost_of_stack(stack, replace(ASKED, images=images))
    assert (found.channel_uses, found.pairs) == (uses * 512, sum(pairs))


def test_the_sizes_of_the_datasets_are_those_of_their_sources() -> None:
    assert set(DATASETS) == set(SOURCES)
    assert all((size.train, size.test) == SOURCES[name].counts for name, size in DATASETS.items())
    count, height, width, colours = load("samples", "test").images.shape
    assert (count, (colours, height, width)) == (DATASETS["samples"].test, DATASETS["samples"].image)


def test_rows_of_an_unknown_table_are_refused(declared: None) -> None:
    class Wrong(linksim.Options):
        """Counts rows of a table that does not exist."""

        def cost(self, traffic: Traffic) -> Cost:
            return Cost(rows={"jaming": 1})

    linksim.register("jammer", "wrong-rows", Wrong)(lambda options, context: [])
    with pytest.raises(LinksimError, match="rows of the table 'jaming'; did you mean 'jamming'"):
        scenario_from_text("{name: x, jammer: wrong-rows}")


def test_a_component_from_outside_changes_the_estimate(declared: None) -> None:
    class Heavy(linksim.Options):
        """Takes memory and time."""

        def cost(self, traffic: Traffic) -> Cost:
            rows = {"jamming": 2 * traffic.frames}
            return Cost(rows=rows, networks=(NetworkUse("no-card", per_image=2.0),), cpu_s=0.5, shared_bytes=1 << 30, link_bytes=1 << 20)

    linksim.register("jammer", "heavy", Heavy)(lambda options, context: [])
    quiet, heavy = (estimate(scenario_from_text(f"{{name: x, frames: 10, links: 3, jammer: {jammer}}}")) for jammer in ("none", "heavy"))
    assert dict(heavy.rows)["jamming"] == 60
    assert heavy.memory_bytes - quiet.memory_bytes >= (1 << 30) + 3 * (1 << 20)
    assert heavy.cpu_s - quiet.cpu_s > 3 * 10 * 0.5


def test_a_codec_from_outside_states_its_channel_uses(declared: None) -> None:
    class Ten(nn.Module):
        """A codec of ten channel uses."""

        channel_uses = 10

    linksim.register("codec", "ten")(Ten)
    assert model_facts("ten") == ModelFacts(channel_uses=10)
    assert estimate(scenario_from_text("{name: x, scheme: {name: deepjscc, codec: ten}}")).frames == 100


# Limits of messages


def test_more_keys_than_a_message_carries_are_refused() -> None:
    text = "name: x\nscheme: [permutation, deepjscc]\nalice:\n  images_per_frame: {images}\n"
    assert estimate(scenario_from_text(text.format(images=256))).control > 0  # 128 pairs
    with pytest.raises(ScenarioError, match=r"keys of a frame of 223 images are 223 pairs \(p, s\), allowed: at most 128"):
        scenario_from_text(text.format(images=223))
    derived = text.replace("[permutation", "[{{name: permutation, keys: derived}}").format(images=223)
    assert scenario_from_text(derived).groups["link"].alice.images_per_frame == 223


@pytest.mark.parametrize("count", [MAX_VALUES, MAX_VALUES + 1])
def test_more_negotiated_parameters_than_a_report_carries_are_refused(count: int, declared: None) -> None:
    fields = [(f"p{n}", int, bounded(0, 1, "a parameter")) for n in range(count)]
    many: Any = make_dataclass("Many", fields, bases=(NegotiatedParameters,), frozen=True, slots=True)
    options: Any = type("ManyOptions", (SchemeOptions,), {"Parameters": many, "__doc__": "Many parameters.", "__module__": __name__})

    def declare() -> None:
        linksim.register("scheme", "many", options)(lambda options, context: None)

    if count <= MAX_VALUES:
        declare()
        assert component("scheme", "many").options.Parameters is many
    else:
        with pytest.raises(LinksimError, match="scheme 'many' declares 17 negotiated parameters, a REPORT message carries at most 16"):
            declare()
        assert "many" not in {each.name for each in components("scheme")}


def test_only_a_kind_of_model_has_a_workload(declared: None) -> None:
    with pytest.raises(LinksimError, match="jammer 'timed': only a kind of model has a workload"):
        linksim.register("jammer", "timed", workload=lambda network, batch, device: lambda: None)(lambda options, context: [])


# Networks


@settings(deadline=None)  # the first call imports parts of torch
@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 3, 5]), st.integers(1, 3))
def test_operations_are_those_of_the_closed_forms(inputs: int, outputs: int, size: int, batch: int) -> None:
    convolution, dense = nn.Conv2d(inputs, outputs, size, padding="same"), nn.Linear(inputs, outputs)
    assert count_operations(lambda: convolution(torch.zeros(batch, inputs, 8, 8))) == batch * 64 * inputs * outputs * size**2
    assert count_operations(lambda: dense(torch.zeros(batch, inputs))) == batch * inputs * outputs


def test_bytes_are_those_of_the_values_that_exist() -> None:
    def chain() -> torch.Tensor:
        values = torch.zeros(1024)
        for _ in range(5):
            values = values.reshape(32, 32).exp().flatten()  # views take no memory
        return values

    assert count_bytes(chain) == (2 * 4096, 6 * 4096)
    kept = torch.zeros(1024)
    assert count_bytes(lambda: kept + 1.0) == (4096, 4096)  # what existed before does not count


# Memory of a run

PEAK = """
import sys, linksim
linksim.run(sys.argv[1], sys.argv[2:]).close()
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(1024 * int(status["VmHWM"].split()[0]))  # ru_maxrss would include the process that started this one
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("name", "overrides"),
    [("awgn-baseline", ("links=128", "frames=1")), ("quickstart", ("frames=1", "groups.open.links=48", "groups.sealed.links=48"))],
)
def test_a_run_takes_the_memory_that_is_predicted(name: str, overrides: tuple[str, ...], tmp_path: Path) -> None:
    predicted = estimate(load_scenario(name, overrides)).memory_bytes
    environment = {**os.environ, "PYTHONPATH": str(Path(linksim.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", PEAK, name, *overrides], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0.8 <= predicted / int(done.stdout) <= 1.5


def test_memory_grows_with_links_channel_uses_and_pixels() -> None:
    def memory(text: str) -> int:
        return estimate(scenario_from_text(f"{{name: x, {text}}}")).memory_bytes

    base = "links: 512, scheme: {name: digital, channel_uses: 512}"
    more = memory(base.replace("channel_uses: 512", "channel_uses: 4096")) - memory(base)
    assert math.isclose(more, 512 * 2 * 4 * 2 * 3584 * 8 + 256 * 2 * 3584 * 8, rel_tol=1e-6)  # 2 frames of 4 images, at 2 nodes
    assert memory(base.replace("512,", "1024,", 1)) > memory(base)
    assert memory("dataset: faces, classifier: null") > memory("dataset: cifar10, classifier: null") > memory("dataset: samples")
