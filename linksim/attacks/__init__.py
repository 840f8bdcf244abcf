"""What Eve can do with a frame."""
