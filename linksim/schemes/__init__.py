"""Schemes: the processing that turns images into radio symbols at Alice, and its inverse at Bob."""
