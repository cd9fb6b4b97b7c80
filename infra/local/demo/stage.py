"""The running demo as a break sees it: AWS clients, the names of what is deployed, and the server's files."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.client import stacks

CANARY = "local"
STACK = "iot-connect-canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The deployed demo."""

    client: Callable[[str], stacks.Client]
    state: Path
    authorizer_stack: str
    stack: str = STACK
    canary: str = CANARY
    _names: dict[str, stacks.DeployedStack] = field(default_factory=dict)

    def resource(self, logical_id: str) -> str:
        """Return the physical id of one of the canary's resources."""
        return self._deployed(self.stack).resource(logical_id)

    @property
    def authorizer_function(self) -> str:
        """The name of the custom authorizer's function."""
        return self._deployed(self.authorizer_stack).resource("AuthorizerFunction")

    @property
    def authorizer_secret(self) -> str:
        """The name of the secret that the custom authorizer's targets refer to."""
        return f"iot-connect-canary/{self.canary}/authorizer"

    def _deployed(self, name: str) -> stacks.DeployedStack:
        if name not in self._names:
            self._names[name] = stacks.describe(self.client("cloudformation"), name)
        return self._names[name]
