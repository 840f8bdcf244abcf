"""`python -m linksim`, and the program `linksim`."""

import signal


def run() -> None:
    """Run the command line. Ctrl-C while its modules are loaded, or after the command, ends the process without a traceback, too."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the system ends the process; a command has a handler of its own
    try:
        from linksim.cli import main

        main()
    except KeyboardInterrupt as interruption:  # at the moment at which the handler was set or removed
        raise SystemExit(128 + getattr(interruption, "number", signal.SIGINT)) from None


if __name__ == "__main__":
    run()
