"""The schemes of references, and what tells a reference from a value."""

import re

# Each has its source in `table.SOURCES`.
SCHEMES = ("ssm", "secretsmanager")
REFERENCE_PATTERN = re.compile(rf"({'|'.join(SCHEMES)}):\S")


def is_reference(text: str) -> bool:
    """Return whether `text` names a parameter or a secret instead of being the value."""
    return REFERENCE_PATTERN.match(text) is not None
