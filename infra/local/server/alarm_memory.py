"""What the evaluation of alarms remembers besides their records: their age and their contributors, by ARN."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from infra.local.server.grouped_alarms import Contributor


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmMemory:
    """When each alarm was created, and the contributors that its last evaluation found."""

    created: dict[str, float] = field(default_factory=dict)
    contributors: dict[str, tuple[Contributor, ...]] = field(default_factory=dict)

    def note_put(self, arn: str, *, is_new: bool) -> None:
        """Note that an alarm was created or changed."""
        if is_new:
            self.created[arn] = time.time()
            self.contributors.pop(arn, None)

    def age(self, arn: str, now: float) -> float:
        """Return an alarm's age in seconds."""
        return now - self.created.setdefault(arn, now)

    def keep_only(self, arns: Collection[str]) -> None:
        """Forget alarms that are gone."""
        for known in (self.created, self.contributors):
            for arn in known.keys() - set(arns):
                known.pop(arn)
