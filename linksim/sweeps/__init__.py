"""Sweeps: one scenario run at every point of a grid of options, in several processes, with one table of results.

    scenario, axes --> `points` --> `driver` --> worker processes (`worker`): run, summary --> `journal` --> `table`, `figure`

Every point is committed to the journal by the process that ran it. Whatever ends it, the same sweep continues with the missing points.
"""
