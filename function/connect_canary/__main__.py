"""`python -m connect_canary`: the command line."""

import sys

from connect_canary.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
