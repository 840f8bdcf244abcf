"""The trace of a run: an HDF5 file with one group per table of records and one dataset per column. docs/trace-format.md specifies it.

`writer` is a listener of the simulation, `reader` opens traces and validates them, `repair` makes a clean file of an unfinished trace.
`layout` has the names and types that all three share. `guard` and `swmr_recovery` are the reader's access to files that may be hostile,
damaged or still growing.

The tables and columns follow from `linksim.records`: no module of this package knows one by name, except the reader, which finds the
negotiated parameters in the table `frames`.
"""
