"""The error of a connection that cannot be opened."""

import errno


class DialError(Exception):
    """The endpoint cannot be connected.

    `error_name` is the system's name of the error, such as ECONNREFUSED; `http_status` that of an egress proxy.
    """

    def __init__(self, error_name: str, message: str, *, http_status: int | None = None) -> None:
        """Keep `error_name` and `http_status` beside the message."""
        super().__init__(message)
        self.error_name = error_name
        self.http_status = http_status


def errno_name(error: OSError) -> str:
    """Return the system's name of the error, such as ECONNREFUSED."""
    return errno.errorcode.get(error.errno or 0, type(error).__name__)
