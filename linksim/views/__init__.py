"""Views of a trace: tables that are joined from those of the file when they are read, for analysis outside linksim.

    image_rows        a row per image and receiver: scores, reception, frame and group
    decision_rewards  a row per decision of Bob: what he chose, and the reward of the images that were sent with it

A view has the form of a table (`trace.reader.TraceTable`), so that `linksim.Run` decodes both alike. A view itself is not stored: the trace
holds each value once.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from linksim.trace.reader import Trace, TraceTable
from linksim.views.decision_rewards import decision_rewards
from linksim.views.image_rows import image_rows

VIEWS: Mapping[str, Callable[[Trace], TraceTable]] = MappingProxyType({"image_rows": image_rows, "decision_rewards": decision_rewards})
