"""What holds for every test."""

import signal

pytest_plugins = (
    "tests.suite.caches",
    "tests.suite.distribution",
    "tests.suite.seeds",
    "tests.suite.skips",
)

# A shell ignores Ctrl-C for what it runs in the background, and so would the commands that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
