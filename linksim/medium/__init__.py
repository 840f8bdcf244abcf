"""The medium: the radio channel of one link, and control frames as symbols."""
