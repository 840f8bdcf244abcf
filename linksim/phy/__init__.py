"""The radio: what happens to symbols between an antenna and an ear."""
