"""Where `arcli` and `python -m arcli` begin: Ctrl-C ends them quietly also while they load."""

import sys


def main() -> int:
    """Run the command line of this process and return its exit status."""
    try:
        from arcli import app

        return app.main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
