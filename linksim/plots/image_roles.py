"""Groups of covert links, whose hosts and private images are scored apart.

The mean over a host that an eavesdropper sees and a private image that she does not see says nothing. Summary, report and figures of scores
therefore treat the two kinds of image as two groups of links, "NAME, host" and "NAME, private".
"""

from dataclasses import replace

from linksim.enums import ImageRole
from linksim.plots.trace_view import GroupView, TraceView


def split_roles(view: TraceView) -> TraceView:
    """Return a view in which every group whose images have roles is a group per role, with the same frames and other scores."""
    groups, sweeps = list[GroupView](), dict(view.sweep_groups)
    for group in view.groups:
        found = [role for role in ImageRole if any((receiver.scores.role == role).any() for receiver in (group.bob, group.eve))]
        for role in found:
            name = f"{group.name}, {role.word}"
            bob, eve = (replace(each, scores=each.scores.take(each.scores.role == role)) for each in (group.bob, group.eve))
            groups.append(replace(group, name=name, bob=bob, eve=eve))
            if group.name in sweeps:
                sweeps[name] = f"{sweeps[group.name]}, {role.word}"
        if not found:
            groups.append(group)
    return replace(view, groups=tuple(groups), sweep_groups=sweeps)
