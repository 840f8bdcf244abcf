"""The view `decision_rewards`: each decision of Bob with its reward, Eq. (31) of DiffuSeC, and the parts of the reward.

The reward contains the square roots of two shares. Of few images a root is too small on average, so the mean of these rewards is higher
than the reward of all images together; pool the images of several decisions by their counts, as the figures do.
"""

from linksim.trace.reader import Trace, TraceTable
from linksim.views.join import find_rows, groups_of, selected, side_by_side, taken

KEY = ("link", "time_ns", "sequence")
PARTS = ("images", "ssim", "adv_share", "err_share", "reward")


def decision_rewards(trace: Trace) -> TraceTable:
    """Return one row per decision, in the order of the table `decisions`: `group`, the parts of the reward, and all columns of the table.

    The parts and the reward are those of the table `rewards`. They are absent for a decision without an image; for one whose reward the
    run had not emitted when it was killed, the number of images is absent as well. Decisions of a link without a group are left out.
    Raises TraceError if the trace lacks one of the tables.
    """
    decisions, rewards = trace.table("decisions"), trace.table("rewards")
    group, known = groups_of(trace.table("links"), decisions["link"])
    decisions, group = selected(decisions, known), selected(group, known)
    rows = find_rows(*([table[name] for name in KEY] for table in (rewards, decisions)))
    return side_by_side("decision_rewards", [group, taken(rewards, PARTS, rows), decisions])
