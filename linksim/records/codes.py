"""The words of the codes that records share: nodes, receivers and kinds of control message.

A record holds the number of a member of `linksim.enums`; the trace stores the words of all numbers beside the column.
"""

from linksim.enums import MessageKind, Node

NODES = Node.words()
RECEIVERS = NODES[:2]  # the nodes that receive data frames: Bob is 0, Eve is 1
MESSAGES = MessageKind.words()
