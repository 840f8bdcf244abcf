"""Traces in memory for the tests of figures and report."""

from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from linksim.enums import Node
from linksim.negotiation import bounds
from linksim.plots.decorrelation import BlockLengths
from linksim.records import TABLES, columns
from linksim.scenario.schemes import DiffusionSteps
from linksim.trace.layout import RunMetadata
from linksim.trace.reader import TraceTable
from linksim.trace.writer import TraceWriter

MS = 1_000_000
Given = dict[str, dict[str, Any]]
SCENARIO = "name: example\ndescription: a description\n"
FRAMES = {name: BlockLengths(0.0, 0.0) for name in ("open", "idle")}  # a channel that is not random: frames are independent


class Tables:
    """A trace in memory. Columns without given values are 0; images have no role."""

    def __init__(self, given: Given, groups: tuple[str, ...] = ("open",), missing: tuple[str, ...] = ()) -> None:
        self._tables = {}
        for record in TABLES:
            declared = bounds(DiffusionSteps) if "decisions" in given else ()
            values, descriptions = given.get(record.table, {}), {column.name: column for column in columns(record, declared)}
            unknown = values.keys() - descriptions.keys()
            assert not unknown, unknown
            rows = len(next(iter(values.values()))) if values else 0
            blank = {name: np.zeros((rows, 3, 4, 4) if name == "pixels" else rows) for name in descriptions}
            blank |= {"role": np.full(rows, -1)} if "role" in descriptions else {}
            filled = {name: np.asarray(values.get(name, blank[name])).astype(column.dtype) for name, column in descriptions.items()}
            self._tables[record.table] = TraceTable(record.table, MappingProxyType(filled), MappingProxyType(descriptions))
        self._groups, self._missing = groups, missing

    def tables(self) -> tuple[str, ...]:
        return tuple(name for name in self._tables if name not in self._missing)

    def table(self, name: str) -> Any:
        table = self._tables[name]
        if name == "links":
            descriptions = dict(table.descriptions)
            descriptions["group"] = replace(descriptions["group"], meanings=self._groups)
            return TraceTable(name, table.columns, MappingProxyType(descriptions))
        return table

    def write(self, path: Path, scenario: str = SCENARIO, complete: bool = True, names: tuple[str, str] = ("linksim", "codec-6")) -> Path:
        """Write the trace to a file."""
        declared = bounds(DiffusionSteps) if self._tables["decisions"] else ()
        metadata = RunMetadata(scenario, 7, {names[0]: "0.1.0"}, {names[1]: "ab" * 32}, parameters=declared)
        shape = self._tables["images"]["pixels"].shape[1:]
        with TraceWriter(path, metadata, {("images", "pixels"): shape}, {("links", "group"): self._groups}, overwrite=True) as writer:
            for record in TABLES:
                table = self._tables[record.table]
                mappings = [f.name for f in fields(record) if "suffix" in f.metadata]
                for place in range(len(table)):
                    row: dict[str, Any] = {name: {} for name in mappings}
                    for name, about in table.descriptions.items():
                        value = table.columns[name][place]
                        if about.key:
                            row[about.field][about.key] = int(value)
                        else:
                            row[name] = value if value.ndim else value.item()
                    writer(record(**row))
            writer.close("beef", complete)
        return path


def one_group(
    frames: int, images: int = 2, links: int = 1, receivers: tuple[int, ...] = (Node.BOB, Node.EVE), jam: bool = True, seed: int = 0
) -> Given:
    """One group of links with a frame every 3 ms, a probe before every fourth frame, and a jammer on from 4 to 10 ms."""
    draw = np.random.default_rng(seed)
    link, frame = np.repeat(np.arange(links), frames), np.tile(np.arange(frames), links)
    start = frame * 3 * MS + MS
    receiver, each = np.repeat(receivers, len(link)), len(receivers)
    received = {"time_ns": np.tile(start, each), "link": np.tile(link, each), "frame": np.tile(frame, each), "receiver": receiver}
    snr, jammed = draw.normal(10 - 4 * receiver, 3), (received["frame"] == 1) * jam
    scored = {name: np.repeat(values, images) for name, values in received.items()}
    label = draw.integers(0, 10, len(scored["receiver"]))
    psnr = 12 + 0.8 * np.repeat(snr, images) + draw.normal(0, 1, len(label))
    kept = [(n, i, node) for n in range(min(frames, 2)) for i in range(images) for node in (Node.ALICE, *receivers)]
    probes = frame % 4 == 0
    given: Given = {
        "links": {"link": np.arange(links)},
        "frames": {"time_ns": start, "airtime_ns": np.full(len(link), 2 * MS), "link": link, "frame": frame}
        | {"channel_uses": np.full(len(link), 2000)},
        "receptions": received
        | {"snr_db": snr, "sinr_db": snr - 6 * jammed, "estimated_snr_db": snr + draw.normal(0, 0.5, len(snr)), "jammed_fraction": jammed},
        "scores": scored
        | {
            "image": np.tile(np.arange(images), len(snr)),
            "dataset_index": (scored["link"] * frames + scored["frame"]) * images + np.tile(np.arange(images), len(snr)),
            "label": label,
            "class_received": np.where(draw.random(len(label)) < 0.7, label, 0),
        }
        | {"mse": 10 ** (-psnr / 10), "psnr_db": psnr, "ssim": psnr / 40},
        "control": {"time_ns": start[probes] - MS // 2, "airtime_ns": np.full(probes.sum(), MS // 4), "link": link[probes]}
        | {"sender": np.full(probes.sum(), Node.ALICE), "channel_uses": np.full(probes.sum(), 250), "outcome": frame[probes] % 8 == 4},
        "images": {"frame": [n for n, _, _ in kept], "image": [i for _, i, _ in kept], "node": [node for _, _, node in kept]}
        | {"pixels": draw.integers(0, 256, (len(kept), 3, 4, 4))},
    }
    given |= {"channel": channel_of(frames, receivers, draw), "constellation": constellation_of(min(frames, 2), receivers, draw)}
    if jam:
        given["jamming"] = {"time_ns": np.full(links, 4 * MS), "end_ns": np.full(links, 10 * MS), "link": np.arange(links)}
    return given


def channel_of(frames: int, receivers: tuple[int, ...], draw: np.random.Generator) -> dict[str, Any]:
    """Samples of the paths of link 0 every 0.5 ms: Bob's gain in blocks of 4 ms, Eve's without blocks."""
    time, receiver = np.repeat(np.arange(6 * frames) * MS // 2, len(receivers)), np.tile(receivers, 6 * frames)
    blocky, smooth = draw.normal(0, 4, 6 * frames)[time // (4 * MS)], draw.normal(0, 4, len(time)).cumsum() / 10
    return {"time_ns": time, "receiver": receiver, "mean_snr_db": np.full(len(time), 10.0), "delay_ns": np.full(len(time), 1000)} | {
        "gain_db": np.where(receiver == Node.BOB, blocky, smooth),
        "coherence_ns": np.where(receiver == Node.BOB, 4 * MS, 0),
    }


def constellation_of(frames: int, receivers: tuple[int, ...], draw: np.random.Generator) -> dict[str, Any]:
    """QPSK symbols of link 0, 64 per frame: received with half the amplitude and a phase of 90 degrees, equalised up to noise."""
    frame, receiver = np.repeat(np.arange(frames), 64 * len(receivers)), np.tile(np.repeat(receivers, 64), frames)
    sent = np.exp(0.5j * np.pi * (draw.integers(0, 4, len(frame)) + 0.5))
    equalised = sent + draw.normal(0, 0.1, (2, len(frame))).T @ [1, 1j]
    parts = {"tx": sent, "rx": 0.5j * equalised, "equalised": equalised}
    split = {f"{name}_{part}": getattr(z, word) for name, z in parts.items() for part, word in (("re", "real"), ("im", "imag"))}
    return {
        "time_ns": frame * 3 * MS + MS,
        "frame": frame,
        "receiver": receiver,
        "symbol": np.tile(np.arange(64), frames * len(receivers)),
    } | split


def two_small_groups() -> Tables:
    """Two groups that are small enough to compute the summary by hand."""
    return Tables(
        {
            "links": {"link": [0, 1, 2], "group": [0, 0, 1]},
            "frames": {"time_ns": [0, 4 * MS, 0, 9 * MS], "airtime_ns": [2 * MS, 4 * MS, MS, MS], "link": [0, 0, 1, 1]}
            | {"frame": [0, 1, 0, 1], "channel_uses": [1000, 1000, 500, 500], "outcome": [0, 1, 0, 2]},
            "scores": {"link": [0, 0, 1, 0, 0], "frame": [0, 1, 0, 0, 1], "receiver": [0, 0, 0, 1, 1], "label": [3, 4, 5, 3, 4]}
            | {"class_received": [3, 4, 0, -1, 4], "mse": [0.01, 0.001, 0.1, 0.1, 0.1], "psnr_db": [20, 30, 10, 10, 10]}
            | {"ssim": [0.5, 0.75, 0.25, 0, 0.5], "dataset_index": [7, 3, 7, 7, 3]},
            "control": {"time_ns": [MS], "airtime_ns": [MS], "link": [1], "channel_uses": [500]},
            "jamming": {"time_ns": [0, 6 * MS, 5 * MS], "end_ns": [2 * MS, 20 * MS, 7 * MS], "link": [0, 0, 1]},
        },
        ("open", "idle"),
    )
