"""Tests of covert communication as a layer: channel uses, inversion, keys, stacking, and messages."""

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tiny_models import write_model

import linksim
from linksim.enums import ImageRole, Node, Outcome
from linksim.errors import LinksimError
from linksim.nets.weights import clear_model_cache, load_model
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.records import FrameSent, ImageScore
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.scenario.schemes import SchemeOptions
from linksim.schemes.base_schemes import NOTHING, build_base
from linksim.schemes.covert import draw_hiding_keys
from linksim.schemes.stack import Stack, build_stack
from linksim.secrecy import SessionKeys

KEYS = SessionKeys(*(bytes([i]) * 32 for i in range(6)))


def stack_of(schemes: list[Any], images: int = 4) -> Stack:
    layers = LinkOptions.model_validate({"scheme": schemes, "alice": {"images_per_frame": images}}).scheme
    assert isinstance(layers[-1], SchemeOptions)
    return build_stack(layers, build_base(layers[-1], load_model, (32, 32, 3)), images)


def noise(stack: Stack) -> Noise:
    return Noise(torch.from_numpy(item_keys(Streams(1).key("n"), 0, stack.items).copy()))


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("outer", [[], ["permutation"], ["phase-scrambling"], ["phase-scrambling", "permutation"]], ids=str)
def test_a_pair_takes_the_channel_uses_of_one_image_in_every_stack(outer: list[str]) -> None:
    stack, plain = stack_of([*outer, "covert", "deepjscc"]), stack_of(["deepjscc"])
    assert 2 * stack.items * stack.scheme.channel_uses == plain.items * plain.scheme.channel_uses
    parameters = stack.parameters(
        10.0, NOTHING, [layer.for_session(KEYS).frame_keys(1, ((3, 4),) * layer.num_transmitted) for layer in stack.layers]
    )
    images = torch.rand(stack.items, stack.scheme.images_per_item, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        symbols = stack.scheme.send(images, parameters, noise(stack))
        received = ReceivedSymbols(symbols, torch.ones(len(symbols), 1), torch.full((len(symbols),), 1e-4))
        found = stack.scheme.receive(received, parameters, noise(stack)).shown()
    torch.testing.assert_close(symbols.abs().square().mean(dim=1), torch.ones(stack.items))
    assert found.shape == images.shape


@pytest.mark.usefixtures("small_models")
def test_an_untrained_hider_sends_the_hosts() -> None:
    """Its container is the host's signal, and what it reveals as the host is what an undefended link receives."""
    covert, plain = stack_of(["covert", "deepjscc"]), stack_of(["deepjscc"])
    images = torch.rand(4, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        pairs = covert.parameters(10.0, NOTHING, [None])
        sent = covert.scheme.send(images.view(2, 2, 3, 32, 32), pairs, noise(covert))
        singles = plain.parameters(10.0, NOTHING, [])
        expected = plain.scheme.send(images, singles, noise(plain))
        torch.testing.assert_close(sent, expected[::2])
        ones, power = torch.ones(2, 1), torch.full((2,), 1e-2)
        found = covert.scheme.receive(ReceivedSymbols(sent, ones, power), pairs, noise(covert)).shown()
        hosts = plain.scheme.receive(ReceivedSymbols(expected, torch.ones(4, 1), torch.full((4,), 1e-2)), singles, noise(plain)).shown()[
            ::2
        ]
    torch.testing.assert_close(found[:, :1], hosts, atol=1e-4, rtol=0)


def test_keys_are_equal_at_both_ends_and_new_for_every_item_frame_and_layer() -> None:
    order, signs = draw_hiding_keys(KEYS, 0, 3, 2, 1_000)
    again, same = draw_hiding_keys(KEYS, 0, 3, 2, 1_000)
    assert np.array_equal(order, again)
    assert np.array_equal(signs, same)
    assert np.array_equal(np.sort(order, axis=1), np.tile(np.arange(1_000), (2, 1)))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 5 / 2_000**0.5
    for other_order, other_signs in (draw_hiding_keys(KEYS, 0, 4, 2, 1_000), draw_hiding_keys(KEYS, 1, 3, 2, 1_000)):
        assert (order == other_order).mean() < 0.01
        assert abs((signs == other_signs).mean() - 0.5) < 5 * 0.5 / 2_000**0.5


def test_a_run_scores_the_host_and_the_private_image_of_both_receivers(simulate: Any) -> None:
    options = {"scheme": ["covert", "deepjscc"], "eve": {"attack": "inverse-network"}, "session": {"probe_interval_ms": 0}}
    _, records = simulate({"covert": LinkOptions.model_validate(options)}, frames=3)
    assert [frame.outcome for frame in records.of(FrameSent)] == [Outcome.DECODED] * 3
    plain_uses = 4 * 512
    headers = [frame.channel_uses - frame.header_channel_uses for frame in records.of(FrameSent)]
    assert all(uses < plain_uses for uses in headers)
    scores = records.of(ImageScore)
    assert {(score.receiver, score.image) for score in scores} == {(node, image) for node in (Node.BOB, Node.EVE) for image in range(4)}


def test_a_link_of_a_run_has_as_many_hosts_as_its_layer_says(simulate: Any) -> None:
    scheme = [{"name": "covert", "num_hosts": 2}, "deepjscc"]
    _, records = simulate({"covert": LinkOptions.model_validate({"scheme": scheme, "session": {"probe_interval_ms": 0}})}, frames=3)
    sent = {role: {score.dataset_index for score in records.of(ImageScore) if score.role is role} for role in ImageRole}
    assert (len(sent[ImageRole.HOST]), len(sent[ImageRole.PRIVATE])) == (2, 6)


def test_an_odd_number_of_images_is_refused() -> None:
    with pytest.raises(ValidationError, match="images_per_frame: got 3, allowed with layer 'covert': multiples of 2"):
        LinkOptions.model_validate({"scheme": ["covert", "deepjscc"], "alice": {"images_per_frame": 3}})
    with pytest.raises(ValidationError, match="got 6, allowed with layer 'covert': multiples of 4"):
        LinkOptions.model_validate({"scheme": ["permutation", "covert", "deepjscc"], "alice": {"images_per_frame": 6}})


def test_a_layer_between_covert_and_the_base_scheme_is_refused() -> None:
    with pytest.raises(ValidationError, match="layer 'covert' must stand directly before the base scheme 'deepjscc'"):
        LinkOptions.model_validate({"scheme": ["covert", "permutation", "deepjscc"]})


def test_a_hider_for_another_codec_is_refused(own_models: Any) -> None:
    write_model(own_models, "codec-cifar10-6", "codec", {"channels": 16, "blocks": 1, "stem": 4, "width": 8, "inner": 4}, seed=1)
    write_model(own_models, "covert-swap", "hider", {"channels": 8, "side": 32, "blocks": 1, "hidden": 4}, seed=1)
    clear_model_cache()
    with pytest.raises(LinksimError, match="hider 'covert-swap' takes 256 symbols per image, the scheme inside sends 512"):
        stack_of(["covert", "deepjscc"])


def test_natural_energies_need_a_linear_hider(own_models: Any) -> None:
    natural = {"name": "covert", "energies": "natural", "keys": "derived"}
    write_model(own_models, "codec-cifar10-6", "codec", {"channels": 16, "blocks": 1, "stem": 4, "width": 8, "inner": 4}, seed=1)
    write_model(own_models, "covert-swap", "hider", {"channels": 16, "side": 32, "blocks": 1, "hidden": 4}, seed=1)
    clear_model_cache()
    with pytest.raises(LinksimError, match="layer 'covert': hider 'covert-swap' is not a linear one, set energies: fitted"):
        stack_of([natural, "deepjscc"])
    write_model(own_models, "covert-swap", "hider", {"layout": "linear", "channels": 16, "side": 32, "tile": 8}, seed=1)
    clear_model_cache()
    stack = stack_of([natural, "deepjscc"])
    assert stack.layers[0].for_session(KEYS).frame_keys(1, ()) is not None


def test_summary_separates_hosts_from_private_images(small_models: None) -> None:
    """The images of an undefended link have no roles."""
    schemes: dict[str, Any] = {"open": "deepjscc", "covert": ["covert", "deepjscc"]}
    groups = {name: {"scheme": scheme, "eve": "decoder"} for name, scheme in schemes.items()}
    with linksim.run({"name": "test", "frames": 4, "groups": groups}) as run:
        scores = run.table("scores")
        assert np.ma.getmaskarray(scores["role"])[scores["link"] == 0].all()
        bob = (scores["link"] == 1) & (scores["receiver"] == "bob")
        assert scores["role"][bob].tolist() == [ImageRole.HOST, ImageRole.PRIVATE] * 8
        lines = run.summary().splitlines()
    shown = [line for line in lines if line.startswith(("open", "covert"))]
    assert [line.split("  ")[0] for line in shown if " Bob " in line] == ["open", "covert, host", "covert, private"]


@pytest.mark.parametrize(
    "attack", ["decoder", "inverse-network", {"attack": "map-inversion", "prior": "none", "start": "zeros", "iterations": 2}], ids=str
)
def test_an_attack_on_covert_and_permuted_links_of_one_run(simulate: Any, attack: Any) -> None:
    """Items of both have two images, but symbols of one and of two."""
    schemes = {"covert": ["covert", "deepjscc"], "permuted": ["permutation", "deepjscc"]}
    groups = {name: LinkOptions.model_validate({"scheme": scheme, "eve": attack}) for name, scheme in schemes.items()}
    _, records = simulate(groups, frames=2)
    eve = [score for score in records.of(ImageScore) if score.receiver == Node.EVE]
    assert {(score.link, score.image) for score in eve} == {(link, image) for link in (0, 1) for image in range(4)}
    assert {score.role for score in eve if score.link == 0} == set(ImageRole)
    assert {score.role for score in eve if score.link == 1} == {None}
