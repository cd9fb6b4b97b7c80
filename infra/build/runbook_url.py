"""Prints the address of docs/runbook.md in the repository that this checkout comes from, if it can be known."""

import re
import subprocess
import sys
from pathlib import Path

# Where a hosting service shows a file of the default branch.
_PLACES = {"github.com": "blob/HEAD", "gitlab.com": "-/blob/HEAD", "bitbucket.org": "src/HEAD"}
_REMOTE = re.compile(
    r"(?:(?:https|ssh|git)://)?(?:[^@/]+@)?(?P<host>[A-Za-z0-9.-]+)(?::\d+/|[:/])(?P<path>[A-Za-z0-9._/-]+?)(?:\.git)?/?"
)


def runbook_url(remote: str) -> str | None:
    """Return the runbook's address for the address of a remote, without its user and password; None if unknown."""
    found = _REMOTE.fullmatch(remote.strip())
    place = _PLACES.get(found["host"].lower()) if found else None
    return f"https://{found['host'].lower()}/{found['path']}/{place}/docs/runbook.md" if found and place else None


def main() -> int:
    """Print the address for the remote `origin`, or nothing."""
    command = ["git", "-C", str(Path(__file__).parent), "remote", "get-url", "origin"]
    try:
        remote = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:  # no git
        return 0
    address = runbook_url(remote)
    if address:
        print(address)
    return 0


if __name__ == "__main__":
    sys.exit(main())
