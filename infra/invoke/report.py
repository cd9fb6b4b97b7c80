"""What an invocation came to: lines for people, and the exit code of the command line."""

from collections.abc import Iterator
from typing import Any

from infra.invoke.emulator import Invocation

HEALTHY, UNHEALTHY, INVALID, FAILED = 0, 1, 2, 3
_SETTINGS_ERROR = "SettingsError"
_NO_CREDENTIALS = "CredentialsUnavailable"


def exit_code(invocation: Invocation) -> int:
    """Return 0 if every target is healthy, 1 if one is not, 2 for an invalid configuration, 3 for any other error."""
    if invocation.error is not None:
        return INVALID if invocation.error.startswith(_SETTINGS_ERROR) else FAILED
    return HEALTHY if invocation.response.get("healthy", invocation.response.get("dry_run")) else UNHEALTHY


def lacks_credentials(invocation: Invocation) -> bool:
    """Return whether a target was without AWS credentials."""
    if invocation.error is not None:
        return False
    return any(target.get("failure") == _NO_CREDENTIALS for target in invocation.response["targets"])


def report_lines(invocation: Invocation) -> Iterator[str]:
    """Yield a line for each target, or the error, and Lambda's REPORT line."""
    if invocation.error is not None:
        yield _printable(invocation.error)
    else:
        yield from (_printable(_target_line(target)) for target in invocation.response["targets"])
    if invocation.report:
        yield _printable(" ".join(invocation.report.split("\t")))


def _target_line(target: dict[str, Any]) -> str:
    if "healthy" not in target:
        return f"{target['target']}: would run ({target['auth_mode']}, MQTT {target['mqtt_version']})"
    start = f"{target['target']} ({target['auth_mode']}, MQTT {target['mqtt_version']})"
    if target["healthy"]:
        return f"{start}: healthy" + (f", connected in {target['connect_ms']:.1f} ms" if target["connect_ms"] else "")
    phase = f" in phase {target['phase']}" if target["phase"] else ""
    return f"{start}: {target['failure']}{phase} ({target['owner']}): {target['reason']}"


def _printable(text: str) -> str:
    """Return the text without control characters, which an endpoint may have sent."""
    return "".join(character if character.isprintable() else "?" for character in text)
