"""The trace of a run: an HDF5 file with one group per table of records and one dataset per column. docs/trace-format.md specifies it.

`writer` is a listener of the simulation, `reader` opens traces and validates them, `repair` makes a clean file of an unfinished trace.
"""
