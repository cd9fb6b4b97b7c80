"""What holds for every test."""

import os
import signal
import sys

pytest_plugins = (
    "tests.suite.caches",
    "tests.suite.distribution",
    "tests.suite.seeds",
    "tests.suite.skips",
)

# A shell ignores Ctrl-C for what it runs in the background, and so would the commands that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where the shell says not to write bytecode, every worker and most processes that tests start would compile everything.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
