"""The limit of file descriptors, which is also that of sockets."""

import sys


def max_descriptors() -> int | None:
    """Return how many descriptors this process may have open, None where the system has no such limit."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - Windows has no such module

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
