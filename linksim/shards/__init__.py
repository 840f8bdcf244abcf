"""A run whose links are divided among processes.

    linksim run --workers 2 --> [driver] --> [process: links 0, 2, 4, ...] --> trace of these links --+
                                         '-> [process: links 1, 3, 5, ...] --> trace of these links --+--> [merge] --> the trace of the run

Links do not influence each other, and the random streams of a link are its own, so each link does what it does in one process. The end of
the run is that of the last link: every process asks for it when its own links have ended, because jammers and channel samples go on.
"""
