"""A value that is masked wherever it is printed."""


class Secret:
    """A secret: only `reveal()` returns it; its repr and str are asterisks."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __bool__(self) -> bool:
        """Return False for an empty one, like a string."""
        return bool(self._value)

    def __repr__(self) -> str:
        """Return asterisks."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare the values, so that targets can be compared."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash the value."""
        return hash(self._value)
