"""The error of a connection that cannot be opened."""

import errno


class DialError(Exception):
    """The endpoint cannot be connected; `error_name` is the system's name of the error, such as ECONNREFUSED."""

    def __init__(self, error_name: str, message: str) -> None:
        """Keep `error_name` beside the message."""
        super().__init__(message)
        self.error_name = error_name


def errno_name(error: OSError) -> str:
    """Return the system's name of the error, such as ECONNREFUSED."""
    return errno.errorcode.get(error.errno or 0, type(error).__name__)
