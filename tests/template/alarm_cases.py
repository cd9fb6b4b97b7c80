"""Histories of runs, one letter each as in alarm_histories.py, and the expected state changes of the alarms."""

from collections.abc import Mapping, Sequence

# Every history has ten good runs before and twenty after.
GOOD = "0" * 10
QUIET: Mapping[str, str] = {}
# Three bad runs of the latest five go to ALARM, two do not.
TWENTY_BAD = "ALARM 12, OK 32"


def framed(letters: str) -> str:
    """Return the letters between good runs."""
    return GOOD + letters + "0" * 20


# Runs 10 and later, and the state changes. `ALARM 12` is when the data of run 12 have arrived or would have, a minute
# after its start. Alarms that are not named do not change.
ONE_TARGET: Sequence[tuple[str, str, Mapping[str, str]]] = (
    ("healthy", "0" * 20, QUIET),
    ("ill", "X" * 20, {"FailedConnectsAlarm": TWENTY_BAD}),
    ("unexpectedly accepted", "U" * 20, {"FailedConnectsAlarm": TWENTY_BAD}),
    ("one blip", "X", QUIET),
    ("two blips", "X000X", QUIET),
    ("two runs ill", "XX", QUIET),
    ("three runs ill", "XXX", {"FailedConnectsAlarm": "ALARM 12, OK 15"}),
    ("flapping", "X0X0X0X", {"FailedConnectsAlarm": "ALARM 14, OK 15, ALARM 16, OK 17"}),
    ("three of five ill", "XX00X", {"FailedConnectsAlarm": "ALARM 14, OK 15"}),
    ("three of six ill", "XX000X", QUIET),
    ("disconnect failed", "D" * 20, QUIET),
    ("schedule disabled", "-" * 20, {"SilentCanaryAlarm": "ALARM 14, OK 30"}),
    ("four runs missing", "-" * 4, QUIET),
    ("every other run missing", "-0" * 10, QUIET),
    ("throttled", "T" * 20, {"SilentCanaryAlarm": "ALARM 14, OK 30"}),
    ("throttled now and then", "T0" * 10, QUIET),
    ("function fails", "!" * 20, {"CanaryErrorsAlarm": TWENTY_BAD, "SilentCanaryAlarm": "ALARM 14, OK 30"}),
    ("two errors", "!000!", QUIET),
    ("three of five errors", "!0!0!", {"CanaryErrorsAlarm": "ALARM 14, OK 15"}),
    ("bad settings of one target", "B" * 3, {"CanaryErrorsAlarm": "ALARM 12, OK 15"}),
    ("13 days left", "3" * 20, {"CertificateAlarm": TWENTY_BAD}),
    ("14 days left", "4" * 20, QUIET),
    ("15 days left", "5" * 20, QUIET),
    ("13 days left at one of three addresses", "300" * 6, QUIET),
    ("13 days left at most addresses", "33030", {"CertificateAlarm": "ALARM 13, OK 15"}),
    ("expired", "E" * 20, {"CertificateAlarm": TWENTY_BAD, "FailedConnectsAlarm": TWENTY_BAD}),
    ("slow", "S" * 20, {"LatencyAlarm": TWENTY_BAD}),
    ("as slow as allowed", "s" * 20, QUIET),
    ("slow now and then", "S000S000S", QUIET),
    ("three of five slow", "S0S0S", {"LatencyAlarm": "ALARM 14, OK 15"}),
    # Missing data does not mean recovery.
    (
        "ill, then silent, then healthy",
        "X" * 10 + "-" * 10,
        {"FailedConnectsAlarm": "ALARM 12, OK 30", "SilentCanaryAlarm": "ALARM 24, OK 30"},
    ),
    (
        "ill, then silent, then ill",
        "X" * 5 + "-" * 10 + "X" * 5,
        {"FailedConnectsAlarm": TWENTY_BAD, "SilentCanaryAlarm": "ALARM 19, OK 25"},
    ),
    (
        "slow, then ill",
        "S" * 10 + "X" * 10,
        {"LatencyAlarm": "ALARM 12, OK 30", "FailedConnectsAlarm": "ALARM 22, OK 32"},
    ),
    (
        "slow, then silent",
        "S" * 10 + "-" * 10,
        {"LatencyAlarm": "ALARM 12, OK 30", "SilentCanaryAlarm": "ALARM 24, OK 30"},
    ),
    (
        "13 days left, then silent",
        "3" * 10 + "-" * 10,
        {"CertificateAlarm": "ALARM 12, OK 30", "SilentCanaryAlarm": "ALARM 24, OK 30"},
    ),
    (
        "function fails, then is throttled",
        "!" * 10 + "T" * 10,
        {"CanaryErrorsAlarm": "ALARM 12, OK 30", "SilentCanaryAlarm": "ALARM 14, OK 30"},
    ),
)

# The same for three targets: the letters of `a`, those of `b`; `c` is healthy.
HEALTHY = "0" * 20
CANARY_WIDE: Sequence[tuple[str, str, str, Mapping[str, str]]] = (
    ("healthy", HEALTHY, HEALTHY, QUIET),
    ("one ill", "X" * 20, HEALTHY, {"FailedConnectsAlarm": TWENTY_BAD}),
    ("one ill after the other", "X" * 10 + "0" * 10, "0" * 10 + "X" * 10, {"FailedConnectsAlarm": TWENTY_BAD}),
    ("one misconfigured", "B" * 20, HEALTHY, {"CanaryErrorsAlarm": TWENTY_BAD}),
    ("one not named", " " * 20, HEALTHY, QUIET),
    ("one with 13 days left, one slow", "3" * 20, "S" * 20, QUIET),
)
BY_TARGET: Sequence[tuple[str, str, str, Mapping[str, str]]] = (
    ("healthy", HEALTHY, HEALTHY, QUIET),
    ("one ill", "X" * 20, HEALTHY, {"FailedConnectsaAlarm": TWENTY_BAD}),
    (
        "two ill",
        "X" * 20,
        "X0X0X" + "0" * 15,
        {"FailedConnectsaAlarm": TWENTY_BAD, "FailedConnectsbAlarm": "ALARM 14, OK 15"},
    ),
    ("two blips", "X000X" + "0" * 15, HEALTHY, QUIET),
    ("one not named", " " * 20, HEALTHY, {"FailedConnectsaAlarm": "ALARM 14, OK 32"}),
    ("one misconfigured", HEALTHY, "B" * 20, {"FailedConnectsbAlarm": "ALARM 14, OK 32"}),
    ("one slow", "S" * 20, "s" * 20, {"LatencyaAlarm": TWENTY_BAD}),
    (
        "one slow, then ill",
        "S" * 10 + "X" * 10,
        HEALTHY,
        {"LatencyaAlarm": "ALARM 12, OK 30", "FailedConnectsaAlarm": "ALARM 22, OK 32"},
    ),
    ("three of five slow", "S0S0S" + "0" * 15, HEALTHY, {"LatencyaAlarm": "ALARM 14, OK 15"}),
)
