"""Lets `python -m arcli` do what `arcli` does."""

import sys

from arcli.app import main

if __name__ == "__main__":
    sys.exit(main())
