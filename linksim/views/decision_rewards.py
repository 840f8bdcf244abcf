"""The view `decision_rewards`: the reward of each decision of Bob, Eq. (31) of DiffuSeC, and its parts.

An image counts for the last decision of its link before its frame was sent, if Bob has decoded the frame and it was sent with the
parameters that he chose. A frame that Alice encoded before his REPORT arrived, or after it was lost, says nothing about his choice. This
is the reward of a round in the live environment (`env.reward_accumulator`).

The reward contains the square roots of two shares. Of few images a root is too small on average, so the mean of these rewards is higher
than the reward of all images together; pool the images of several decisions by their counts, as the figures do.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.reward import adv_share, err_share, reward
from linksim.enums import Node, Outcome
from linksim.records import FILL, Column
from linksim.trace.reader import Trace, TraceTable
from linksim.views.join import ABSENT, Rows, find_rows, groups_of, selected, side_by_side

PARTS = {
    "images": Column("images", "1", "images of Bob that count for the decision", np.dtype(np.int64), ()),
    "ssim": Column("ssim", "1", "their mean structural similarity", np.dtype(np.float64), (), optional=True),
    "adv_share": Column("adv_share", "1", "share on which the attack succeeds, Eq. (28)", np.dtype(np.float64), (), optional=True),
    "err_share": Column("err_share", "1", "share that is put into a third class, Eq. (30)", np.dtype(np.float64), (), optional=True),
    "reward": Column("reward", "1", "reward of these images, Eq. (31)", np.dtype(np.float64), (), optional=True),
}


def decision_rewards(trace: Trace) -> TraceTable:
    """Return one row per decision, in the order of the table `decisions`: `group`, the parts of the reward, and all columns of the table.

    The parts and the reward are absent for a decision without an image. Without an attack on the source the shares are 0. Decisions of a
    link without a group are left out. Raises TraceError if the trace lacks one of the tables.
    """
    decisions, frames, scores = trace.table("decisions"), trace.table("frames"), trace.table("scores")
    group, known = groups_of(trace.table("links"), decisions["link"])
    decisions, group = selected(decisions, known), selected(group, known)
    counted = selected(scores, (scores["receiver"] == Node.BOB) & ~np.isnan(scores["ssim"]))
    decision = np.append(decision_of_frames(frames, decisions), ABSENT)  # the last one is that of an image without a frame
    decision = decision[find_rows(*([table[key] for key in ("link", "frame", "time_ns")] for table in (frames, counted)))]
    counted, decision = selected(counted, decision != ABSENT), decision[decision != ABSENT]
    parts = TraceTable("rewards", reward_parts(counted, decision, len(decisions)), PARTS)
    return side_by_side("decision_rewards", [group, parts, decisions])


def decision_of_frames(frames: TraceTable, decisions: TraceTable) -> Rows:
    """Return the number of the decision for which each row of `frames` counts, or `ABSENT`. int64 [frames]"""
    rows = last_before([decisions["link"], decisions["time_ns"]], [frames["link"], frames["time_ns"]])
    counts = (rows != ABSENT) & (frames["outcome"] == Outcome.DECODED)
    for name, about in decisions.descriptions.items():
        if about.key == name:  # the requested value; that before the decision has the suffix "_before"
            counts &= frames[name] == np.append(decisions[name], FILL)[rows]
    return np.where(counts, rows, ABSENT)


def last_before(events: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> Rows:
    """Return for each wanted (link, time) the number of the last event of that link before that time, or `ABSENT`. int64 [m]

    events  links and times of the events, [n] each; of simultaneous ones the last counts
    wanted  links and times, [m] each

    >>> events, wanted = [np.array([0, 1, 0]), np.array([10, 20, 30])], [np.array([0, 0, 0, 1]), np.array([10, 11, 99, 99])]
    >>> last_before(events, wanted).tolist()
    [-1, 0, 2, 1]
    """
    count, (link, time) = len(events[0]), (np.concatenate(pair) for pair in zip(events, wanted, strict=True))
    is_event = np.arange(len(link)) < count
    order = np.lexsort((is_event, time, link))  # stable; at equal times events are last, because they do not count
    last = np.maximum.accumulate(np.where(is_event[order], np.arange(len(order)), ABSENT))
    found = np.where((last != ABSENT) & (link[order[last]] == link[order]), order[last], ABSENT)
    rows = np.empty(len(order), np.int64)
    rows[order] = found
    return rows[count:]


def reward_parts(images: TraceTable, decision: Rows, decisions: int) -> dict[str, NDArray[Any]]:
    """Return the columns `PARTS`, [decisions] each.

    images     rows of `scores`
    decision   the decision for which each of them counts, [images]
    decisions  number of decisions
    """
    clean, attacked, final = classes = [images[name] for name in ("class_clean", "class_attacked", "class_received")]
    complete = np.logical_and.reduce([column != FILL for column in classes])
    count = np.bincount(decision, minlength=decisions)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        total = np.bincount(decision, values, decisions)
        return np.asarray(np.divide(total, count, out=np.full(decisions, np.nan), where=count > 0))

    ssim = mean(images["ssim"])
    adv, err = (mean(complete * share(clean[:, None], attacked[:, None], final[:, None])) for share in (adv_share, err_share))
    return {"images": count, "ssim": ssim, "adv_share": adv, "err_share": err, "reward": reward(ssim, adv, err)}
