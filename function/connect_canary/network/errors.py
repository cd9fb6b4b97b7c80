"""The error of a connection that cannot be opened."""

import errno


class DialError(Exception):
    """No connection to the endpoint; `error_name` is the system's name for it, the message is in plain words."""

    def __init__(self, error_name: str, message: str) -> None:
        """Keep the system's name beside the words."""
        super().__init__(message)
        self.error_name = error_name


def errno_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)
