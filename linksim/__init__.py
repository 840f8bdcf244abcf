"""linksim: discrete-event simulation of secured semantic radio links."""
