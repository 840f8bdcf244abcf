"""`python -m linksim`, and the program `linksim`."""


def run() -> None:
    """Run the command line. Ctrl-C while its modules are loaded ends it without a traceback, too."""
    try:
        from linksim.cli import main
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    main()


if __name__ == "__main__":
    run()
