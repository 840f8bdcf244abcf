"""Notices about a trace as a whole, for summary and figures: the run is unfinished, or its groups are of unequal length."""

from linksim.plots.tables import count_frames
from linksim.plots.trace_view import TraceView


def notices(view: TraceView) -> tuple[str, ...]:
    """Return a line of text for each reason to read the numbers of a trace with care, () for a complete trace of equal groups."""
    return unfinished(view) + unequal_groups(view)


def unfinished(view: TraceView) -> tuple[str, ...]:
    """Return a line about a run that did not end normally, with the number of its data frames; () for any other.

    view  the whole trace
    """
    if view.complete:
        return ()
    frames = sum(count_frames(group.frames) for group in view.groups)
    return (f"unfinished: the run did not end normally, {frames:,} data frames are in the trace",)


def unequal_groups(view: TraceView) -> tuple[str, ...]:
    """Return a line about groups that differ in the number of data frames per link; () if they do not.

    Their means are over different images and different parts of the channel. That happens if a run is interrupted or reaches its limit of
    time.
    """
    lengths = {group.name: count_frames(group.frames) / len(group.links) for group in view.groups if len(group.links)}
    if len(set(lengths.values())) < 2:
        return ()
    short, long = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
    per_link = f"from {lengths[short]:.4g} data frames per link ({short}) to {lengths[long]:.4g} ({long})"
    return (f"unequal groups: {per_link}; their means are over different frames",)
