"""The view `image_rows`: what became of each image at each receiver, and under which conditions.

    scores  --(link, frame, time_ns, receiver)-->  receptions    SNR, SINR, power, jamming of the transmission
            --(link, frame, time_ns)------------>  frames        attempt, epoch, negotiated parameters
            --(link, frame)-------------------->   attack_strengths   strength of the attack on the source, if it varies
            --link----------------------------->   links         group

A score belongs to one transmission of its frame, the one from which the receiver has the image; its `time_ns` is the start of that
transmission, so the keys are exact also where frames are retransmitted.
"""

from linksim.trace.reader import Trace, TraceTable
from linksim.views.join import find_rows, groups_of, selected, side_by_side, taken

OF_RECEPTION = ("mean_snr_db", "snr_db", "sinr_db", "estimated_snr_db", "power", "jammed_fraction", "mean_jsr")
OF_FRAME = ("attempt", "epoch", "assumed_snr_db")


def image_rows(trace: Trace) -> TraceTable:
    """Return one row per image and receiver, in the order of the table `scores`.

    Columns: `group`; all columns of `scores`; those of `receptions` and `frames` that are named here; the negotiated parameters with which
    the image was sent. A trace whose writer was killed may have scores without the other rows: those values are absent, and scores of a
    link without a group are left out. Raises TraceError if the trace lacks one of the tables.
    """
    scores, receptions, frames = trace.table("scores"), trace.table("receptions"), trace.table("frames")
    group, known = groups_of(trace.table("links"), scores["link"])
    scores, group = selected(scores, known), selected(group, known)
    transmission = ("link", "frame", "time_ns")
    reception = find_rows(*([table[key] for key in (*transmission, "receiver")] for table in (receptions, scores)))
    frame = find_rows(*([table[key] for key in transmission] for table in (frames, scores)))
    parameters = [name for name, about in frames.descriptions.items() if about.key]
    parts = [group, scores, taken(receptions, OF_RECEPTION, reception), taken(frames, (*OF_FRAME, *parameters), frame)]
    strengths = trace.table("attack_strengths")
    if len(strengths):
        attacked = find_rows(*([table[key] for key in ("link", "frame")] for table in (strengths, scores)))
        parts.append(taken(strengths, ("attack_strength",), attacked))
    return side_by_side("image_rows", parts)
