"""Which images links send: disjoint ones until the test split is used up, then the split again in another order."""

from typing import Any

import numpy as np
import pytest

from linksim.enums import ImageRole, Node
from linksim.nodes.image_sampler import HostSampler, ImageOrder, ImageSampler
from linksim.records import ImageScore
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions


def sent(size: int, links: int, frames: int, images: int, num_images: int | None = None, replication: int = 0) -> np.ndarray[Any, Any]:
    """Indices of the images of all links, [links, frames * images]."""
    part = min(num_images or frames * images, frames * images)
    order = ImageOrder(Streams(1, replication).key("images"), size, part)
    samplers = [ImageSampler(order, link, np.zeros(size, np.int64), num_images) for link in range(links)]
    return np.array([np.concatenate([sampler.batch_indices(frame, images) for frame in range(frames)]) for sampler in samplers])


@pytest.mark.parametrize(("links", "frames", "images"), [(1, 12, 5), (4, 5, 3), (60, 1, 1), (7, 2, 4)])
def test_images_are_distinct_within_and_between_links_until_all_are_sent(links: int, frames: int, images: int) -> None:
    found = sent(60, links, frames, images).ravel()
    assert len(set(found.tolist())) == len(found) <= 60


def test_after_the_last_image_the_set_starts_over_in_another_order() -> None:
    """Three links of 40 images each send a set of 60 twice: every image twice, each half in an order of its own."""
    found = sent(60, 3, 8, 5).ravel()
    first, second = found[:60], found[60:]
    assert sorted(first) == sorted(second) == list(range(60))
    assert (first != second).any()


def test_a_frame_may_span_two_permutations() -> None:
    found = sent(10, 1, 4, 7).ravel()
    assert [sorted(found[start : start + 10]) for start in (0, 10)] == [list(range(10))] * 2


def test_the_order_depends_on_the_replication_and_not_on_the_number_of_links_or_the_order_of_frames() -> None:
    one, more = sent(60, 2, 5, 3), sent(60, 4, 5, 3)
    assert (more[:2] == one).all()
    assert (sent(60, 2, 5, 3, replication=1) != one).any()
    sampler = ImageSampler(ImageOrder(Streams(1).key("images"), 60, 15), 1, np.zeros(60, np.int64), None)
    assert [sampler.batch_indices(frame, 3).tolist() for frame in (4, 0, 2)] == [one[1, 3 * f : 3 * f + 3].tolist() for f in (4, 0, 2)]


def test_a_link_with_a_number_of_images_repeats_them_in_order() -> None:
    found = sent(60, 3, 4, 3, num_images=6)
    assert (found[:, :6] == found[:, 6:]).all()
    assert len(np.unique(found)) == 18
    assert len(np.unique(sent(5, 1, 4, 3, num_images=9))) == 5  # the set has no more


@pytest.mark.parametrize(("num_hosts", "images"), [(1, 2), (3, 2), (3, 4), (5, 6)])
def test_a_link_uses_few_hosts_in_turn_and_other_private_images_every_time(num_hosts: int, images: int) -> None:
    frames, order = 6, ImageOrder(Streams(1).key("images"), 200, 6 * images)
    labels, roles = np.zeros(200, np.int64), (ImageRole.HOST, ImageRole.PRIVATE)
    few, all_hosts = HostSampler(order, 1, labels, None, num_hosts, roles), ImageSampler(order, 1, labels, None)
    found, distinct = (np.concatenate([sampler.batch_indices(frame, images) for frame in range(frames)]) for sampler in (few, all_hosts))
    assert (found[1::2] == distinct[1::2]).all()
    assert (found[::2] == np.resize(distinct[::2][:num_hosts], frames * images // 2)).all()
    assert (few.batch_indices(3, images) == found[3 * images : 4 * images]).all()


def test_the_trace_tells_which_images_were_sent(simulate: Any) -> None:
    """Links of a group send different images, and links of equal number in two groups the same."""
    options = LinkOptions(links=3, session={"probe_interval_ms": 0}, alice={"images_per_frame": 2})
    _, kept = simulate({"a": options, "b": options}, frames=4)
    scores = [score for score in kept.of(ImageScore) if score.receiver == Node.BOB]
    found = {link: [s.dataset_index for s in sorted(scores, key=lambda s: (s.frame, s.image)) if s.link == link] for link in range(6)}
    assert [found[link] for link in range(3)] == [found[link] for link in range(3, 6)]
    assert len({index for link in range(3) for index in found[link]}) == 24
    labels = {score.dataset_index: score.label for score in scores}
    assert all(labels[score.dataset_index] == score.label for score in scores)
