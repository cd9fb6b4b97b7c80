"""Histories of runs, one letter each as in alarm_histories.py, and the expected state changes of the alarms.

The runs are a minute apart. A name behind a stroke is that of the target whose state changes.
"""

from collections.abc import Mapping, Sequence

# Every history has ten good runs before and twenty after.
GOOD = "0" * 10
QUIET: Mapping[str, str] = {}
OF_TARGETS = "TargetsFailingAlarm"
FAILING = f"{OF_TARGETS}/default"
ACCEPTED = "UnexpectedAcceptAlarm/default"
SLOW = "SlowConnectAlarm/default"
# Three bad runs within eight minutes go to ALARM. It ends when ten minutes hold fewer than three.
TWENTY_BAD = "ALARM 12, OK 37"
# Where good runs are told too, eight minutes end it; of the function's errors two are enough.
TWENTY_SLOW = "ALARM 12, OK 35"
TWENTY_ERRORS = "ALARM 11, OK 36"


def framed(letters: str) -> str:
    """Return the letters between good runs."""
    return GOOD + letters + "0" * 20


# Runs 10 and later, and the state changes. `ALARM 12` is when the data of run 12 have arrived or would have, a minute
# after its start. Alarms that are not named do not change.
ONE_TARGET: Sequence[tuple[str, str, Mapping[str, str]]] = (
    ("healthy", "0" * 20, QUIET),
    ("ill", "X" * 20, {FAILING: TWENTY_BAD}),
    ("own credentials missing", "C" * 20, {FAILING: TWENTY_BAD}),
    # A door that was open once was open; it pages as that, and as nothing else.
    ("unexpectedly accepted", "U" * 20, {ACCEPTED: "ALARM 10, OK 39"}),
    ("unexpectedly accepted once", "U", {ACCEPTED: "ALARM 10, OK 20"}),
    ("ill and unexpectedly accepted", "XUXUX", {FAILING: "ALARM 14, OK 20", ACCEPTED: "ALARM 11, OK 23"}),
    ("one blip", "X", QUIET),
    ("two blips", "X000X", QUIET),
    ("two runs ill", "XX", QUIET),
    ("three runs ill", "XXX", {FAILING: "ALARM 12, OK 20"}),
    ("flapping", "X0" * 10, {FAILING: "ALARM 14, OK 34"}),
    ("flapping in pairs", "XX00" * 5, {FAILING: "ALARM 14, OK 33"}),
    ("flapping in threes", "XXX000" * 3, {FAILING: "ALARM 12, OK 32"}),
    ("three of ten ill", "X0000X000X", {FAILING: "ALARM 19, OK 20"}),
    ("three of eleven ill", "X0000X0000X", QUIET),
    ("disconnect failed", "D" * 20, QUIET),
    ("schedule disabled", "-" * 20, {"SilentCanaryAlarm": "ALARM 14, OK 30"}),
    ("three runs missing", "-" * 3, QUIET),
    ("every other run missing", "-0" * 10, QUIET),
    ("throttled", "T" * 20, {"SilentCanaryAlarm": "ALARM 14, OK 30"}),
    ("throttled now and then", "T0" * 10, QUIET),
    # One broken setting is told once.
    ("function fails", "!" * 20, {"CanaryErrorsAlarm": TWENTY_ERRORS}),
    ("nothing to run", "N" * 20, {"SilentCanaryAlarm": "ALARM 12, OK 30"}),
    ("one error", "!", QUIET),
    ("two errors", "!000!", {"CanaryErrorsAlarm": "ALARM 14, OK 18"}),
    ("two errors in ten", "!00000000!", QUIET),
    ("bad settings of one target", "B" * 3, {"CanaryErrorsAlarm": "ALARM 11, OK 19"}),
    ("13 days left", "3" * 20, {"CertificateAlarm": "ALARM 12"}),
    ("14 days left", "4" * 20, QUIET),
    ("15 days left", "5" * 20, QUIET),
    ("13 days left at one of three addresses", "300" * 6, {"CertificateAlarm": "ALARM 16"}),
    ("13 days left twice", "303", QUIET),
    ("expired", "E" * 20, {"CertificateAlarm": "ALARM 12", FAILING: TWENTY_BAD}),
    ("slow", "S" * 20, {SLOW: TWENTY_SLOW}),
    ("as slow as allowed", "s" * 20, QUIET),
    ("slow now and then", "S0000S0000S", QUIET),
    ("three of five slow", "S0S0S", {SLOW: "ALARM 14, OK 18"}),
    # That nothing is heard of a target any more does not mean recovery: silence is told first.
    (
        "ill, then silent, then healthy",
        "X" * 10 + "-" * 10,
        {FAILING: "ALARM 12, OK 27", "SilentCanaryAlarm": "ALARM 24, OK 30"},
    ),
    (
        "ill, then silent, then ill",
        "X" * 5 + "-" * 10 + "X" * 5,
        {FAILING: "ALARM 12, OK 22, ALARM 27, OK 37", "SilentCanaryAlarm": "ALARM 19, OK 25"},
    ),
    ("slow, then ill", "S" * 10 + "X" * 10, {SLOW: "ALARM 12, OK 29", FAILING: "ALARM 22, OK 37"}),
    (
        "13 days left, then silent",
        "3" * 10 + "-" * 10,
        {"CertificateAlarm": "ALARM 12", "SilentCanaryAlarm": "ALARM 24, OK 30"},
    ),
    (
        "function fails, then is throttled",
        "!" * 10 + "T" * 10,
        {"CanaryErrorsAlarm": "ALARM 11, OK 30", "SilentCanaryAlarm": "ALARM 24, OK 30"},
    ),
)

# The same for three targets: the letters of `a`, those of `b`; `c` is healthy.
HEALTHY = "0" * 20
MANY_TARGETS: Sequence[tuple[str, str, str, Mapping[str, str]]] = (
    ("healthy", HEALTHY, HEALTHY, QUIET),
    ("one ill", "X" * 20, HEALTHY, {f"{OF_TARGETS}/a": TWENTY_BAD}),
    (
        "one ill, then a second",
        "X" * 20,
        "0" * 10 + "X" * 10,
        {f"{OF_TARGETS}/a": TWENTY_BAD, f"{OF_TARGETS}/b": "ALARM 22, OK 37"},
    ),
    (
        "one ill after the other",
        "X" * 10 + "0" * 10,
        "0" * 10 + "X" * 10,
        {f"{OF_TARGETS}/a": "ALARM 12, OK 27", f"{OF_TARGETS}/b": "ALARM 22, OK 37"},
    ),
    ("blips of two targets", "X0X00" + "0" * 15, "0X0X0" + "0" * 15, QUIET),
    ("one misconfigured", "B" * 20, HEALTHY, {"CanaryErrorsAlarm": TWENTY_ERRORS}),
    ("one not named", " " * 20, HEALTHY, QUIET),
    (
        "one with 13 days left, one slow",
        "3" * 20,
        "S" * 20,
        {"CertificateAlarm": "ALARM 12", "SlowConnectAlarm/b": TWENTY_SLOW},
    ),
)
