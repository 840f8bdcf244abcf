"""Schemes: what Alice does to images to get symbols, and what Bob does to undo it."""
