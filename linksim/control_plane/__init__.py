"""Control plane: messages, wire format, session, agreement on frame parameters."""
