"""The trace of a replication: an HDF5 file, one group per table of records, one dataset per column. docs/trace-format.md is its contract.

`writer` listens to the world, `reader` opens what it wrote and trusts nothing, `repair` makes a clean file of an unfinished one.
"""
