"""The contract of the worker: what it batches, when it runs, and that batching never changes a result."""

from collections.abc import Sequence

import numpy as np
import pytest
import simpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.phy.noise import ItemKeys
from linksim.rng import StreamKey
from linksim.worker import Operation, Promise, Worker

ENCODE = Operation("encode", lambda x: 2 * x, batch_size=4)
PATH = Operation("path", lambda x, noise: x + noise, batch_size=4)
DECODE = Operation("decode", lambda y: y.sum(1, keepdim=True), batch_size=4)


def chain(worker: Worker, image: torch.Tensor, noise: torch.Tensor) -> Promise:
    return worker.promise(DECODE, worker.promise(PATH, worker.promise(ENCODE, image), noise))


def test_one_link_with_one_image_per_frame_fills_whole_batches() -> None:
    worker, known = Worker(), list[torch.Tensor]()
    images, noise = torch.rand(10, 1, 3), torch.rand(10, 1, 3)
    for image, n in zip(images, noise, strict=True):
        worker.then(chain(worker, image, n), known.append)
    assert (worker.calls, len(known)) == ({"encode": 2, "path": 2, "decode": 2}, 8)
    worker.flush()
    assert worker.calls == {"encode": 3, "path": 3, "decode": 3}
    assert worker.items == {"encode": 10, "path": 10, "decode": 10}
    torch.testing.assert_close(torch.cat(known), (2 * images + noise).sum(2))


def test_an_operation_that_waits_gives_those_before_it_whole_batches() -> None:
    """Without `wait_for`, two items would be decoded with every two that are scored."""
    worker, score = Worker(), Operation("score", lambda y: y + 1, batch_size=2, wait_for=4)
    scores = [worker.promise(score, worker.promise(DECODE, torch.full((1, 3), float(n)))) for n in range(8)]
    assert worker.calls == {"decode": 2, "score": 4}
    assert [worker.value(promise).item() for promise in scores] == [3 * n + 1 for n in range(8)]
    assert Operation("alone", lambda y: y, batch_size=3).wait_for == 3


def test_a_requested_value_is_computed_in_one_batch_with_all_waiting_promises() -> None:
    env, worker, seen = simpy.Environment(), Worker(), list[tuple[float, float]]()

    def node(link: int):  # type: ignore[no-untyped-def]
        promised = chain(worker, torch.full((1, 3), float(link)), torch.zeros(1, 3))
        yield env.timeout(2_000)  # simulated latency of the network
        seen.append((env.now, worker.value(promised).item()))

    for link in range(3):
        env.process(node(link))
    env.run()
    assert seen == [(2_000, 0.0), (2_000, 6.0), (2_000, 12.0)]
    assert worker.calls == {"encode": 1, "path": 1, "decode": 1}


def test_items_of_different_shapes_run_in_separate_batches() -> None:
    worker = Worker()
    small, large = worker.promise(DECODE, torch.ones(1, 3)), worker.promise(DECODE, torch.ones(1, 5))
    assert (worker.value(small).item(), worker.value(large).item()) == (3.0, 5.0)


def test_inputs_with_different_numbers_of_items_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'path' must hold the same number of items, got \[1, 2\]"):
        Worker().promise(PATH, torch.ones(1, 3), torch.ones(2, 3))


def test_an_operation_takes_arrays_and_tensors() -> None:
    worker = Worker()
    promised = worker.promise(PATH, np.ones((2, 3), np.float32), torch.ones(2, 3))
    assert torch.equal(worker.value(promised), torch.full((2, 3), 2.0))


def test_arrays_and_tensors_may_share_a_batch() -> None:
    worker = Worker()
    one, other = worker.promise(ENCODE, np.ones((1, 3), np.float32)), worker.promise(ENCODE, torch.ones(1, 3))
    assert torch.equal(worker.value(one), worker.value(other))


def test_an_operation_may_occur_twice_in_a_chain() -> None:
    """As for a second hop over the air: when the value is requested, and when the run ends."""
    zeros = torch.zeros(1, 3)
    for requested in (True, False):
        worker = Worker()
        first = worker.promise(PATH, torch.ones(1, 3), zeros)
        second = worker.promise(PATH, worker.promise(ENCODE, first), zeros)
        if requested:
            worker.value(second)
        worker.flush()
        assert torch.equal(worker.value(second), torch.full((1, 3), 2.0))


def test_a_listener_may_request_a_value_of_the_same_batch() -> None:
    worker, received = Worker(), list[float]()
    one, other = (worker.promise(DECODE, torch.full((1, 3), x)) for x in (1.0, 2.0))
    worker.then(one, lambda _: received.append(worker.value(other).item()))
    worker.flush()
    assert received == [6.0]


def test_a_listener_of_a_known_value_is_called_at_once() -> None:
    worker, received = Worker(eager=True), list[float]()
    promised = worker.promise(DECODE, torch.ones(1, 3))
    worker.then(promised, lambda value: received.append(value.item()))
    assert received == [3.0]


def test_inputs_from_several_batches_keep_their_order() -> None:
    """As scores of Bob's and Eve's images, which two networks compute in turn."""
    bob, eve = (Operation(name, lambda x, factor=factor: factor * x, 64) for name, factor in (("bob", 1), ("eve", 10)))
    add = Operation("add", lambda x, y: {"sum": x + y}, 64)
    worker, found = Worker(), list[Promise]()
    for number in range(6):
        x = torch.full((1 + number % 2, 3), float(number))
        found.append(worker.promise(add, worker.promise(eve if number % 3 else bob, x), x))
    worker.flush()
    expected = [number * (11 if number % 3 else 2) for number in range(6)]
    assert [worker.value(promise)["sum"][0, 0].item() for promise in found] == expected
    assert worker.calls == {"bob": 1, "eve": 1, "add": 1}


def test_announcements_are_one_call_per_batch_in_the_order_of_its_promises() -> None:
    worker, blocks = Worker(), list[tuple[list[str], list[float]]]()
    promises = [worker.promise(DECODE, torch.full((2, 3), float(x))) for x in range(3)]

    def listen(block: Sequence[tuple[str, Promise]], value: torch.Tensor) -> None:
        blocks.append(([entry for entry, _ in block], [value[promise.first].item() for _, promise in block]))

    assert worker.calls == {"decode": 1}  # the first two fill a batch, and are known when they are announced
    worker.announce(promises[1], listen, "b")
    last = worker.promise(DECODE, torch.full((1, 3), 9.0))
    worker.announce(last, listen, "d")
    worker.announce(promises[2], listen, "c")
    worker.flush()
    assert blocks == [(["b"], [3.0]), (["c", "d"], [6.0, 27.0])]


def test_announcements_follow_items_of_other_shapes_into_their_own_batch() -> None:
    worker, found = Worker(), list[tuple[str, float]]()

    def listen(block: Sequence[tuple[str, Promise]], value: torch.Tensor) -> None:
        found.extend((entry, value[promise.first].item()) for entry, promise in block)

    for name, width in (("a", 3), ("b", 5)):
        worker.announce(worker.promise(DECODE, torch.ones(1, width)), listen, name)
    worker.flush()
    assert found == [("a", 3.0), ("b", 5.0)]
    assert worker.calls == {"decode": 2}


def test_keys_of_noise_become_an_array_when_the_batch_runs() -> None:
    worker, keys = Worker(), Operation("keys", lambda keys: keys, 64)
    first, second = (worker.promise(keys, ItemKeys(StreamKey(1, high), 5, count)) for high, count in ((2, 1), (3, 2)))
    assert worker.value(second).tolist() == [[1, 3, 5], [1, 3, 6]]
    assert worker.value(first).tolist() == [[1, 2, 5]]


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 7), min_size=1, max_size=12), batch_size=st.integers(1, 9), wanted=st.sets(st.integers(0, 11)))
def test_neither_batch_size_nor_order_nor_requests_change_a_value(sizes: list[int], batch_size: int, wanted: set[int]) -> None:
    double = Operation("double", lambda x: 2 * x, batch_size)
    add = Operation("add", lambda x, y: x + y, batch_size + 1)
    worker = Worker()
    inputs = [torch.arange(size * 3.0).view(size, 3) + 100 * i for i, size in enumerate(sizes)]
    promises = []
    for i, x in enumerate(inputs):
        promises.append(worker.promise(add, worker.promise(double, x), x))
        if i in wanted:
            worker.value(promises[-1])
    worker.flush()
    for x, promised in zip(inputs, promises, strict=True):
        assert torch.equal(worker.value(promised), 3 * x)
