"""Sweeps: one scenario run at every point of a grid of options, in several processes, with one table of results.

    `study`: a file with scenario, axes, replications, `stop` rule
        --> `plan`: `points` --> `driver` --> `crew` of worker processes (`worker`), or one of the `engines`: run, summary --> `journal`
        --> `table`, `table_file`, `figure`, `comparison`

Every point is committed to the journal by the process that ran it. Whatever ends it, the same sweep continues with the missing points.
"""
