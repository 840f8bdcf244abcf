"""The radio: what happens to symbols between an antenna and a receiver."""
