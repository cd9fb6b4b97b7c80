"""Bare SDK and canary side by side in every scenario: `python -m tests.faulty.compare [--write FILE] [ID ...]`.

Each side gets the same endpoint, the same credentials and the same CA. The bare SDK has its builders' defaults and
some time to answer; the canary has a deadline. Prints a Markdown table.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.faulty.cases import SECRETS, Case, cases_of, observe
from tests.faulty.egress import EGRESS
from tests.faulty.process import ROOT, FaultyServer
from tests.faulty.scenarios import BY_ID, Promptness

BARE_S = 35.0
DEADLINE_S = 5.0
_ENDS_WITHIN_S = 60
_UNKNOWN_MS = float("inf")
_SETTLED_S = 12.0
_HEAD = """# Faults: what the bare SDK says, and what the canary says

Written by `python -m tests.faulty.compare --write docs/faults.md`, over real TLS, WebSocket and MQTT on loopback. The
scenarios are those of `tests/faulty/scenarios.py`, which the tests hold the canary against. Where both MQTT versions
are told the same, the row shows the slower one. In parentheses stands the owner, for a client with AWS credentials."""

Message = tuple[str, float | None]


def observe_bare_sdk(server: FaultyServer, cases: Sequence[Case], seconds: float) -> dict[Case, Message]:
    """Return the bare SDK's message for each case and after how many milliseconds it came; None for no message."""
    request = {
        "seconds": seconds,
        "cases": [
            {
                "id": case.scenario,
                "version": case.version,
                "host": BY_ID[case.scenario].host,
                "port": server.port(case.scenario),
                "ca_file": server.ca_file,
                "proxy": _proxy(server, case),
            }
            for case in cases
        ],
    }
    run = subprocess.run(
        [sys.executable, "-m", "tests.faulty.bare_sdk"],
        cwd=ROOT,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=seconds + _ENDS_WITHIN_S,
        check=True,
    )
    results = [json.loads(line) for line in run.stdout.splitlines()]
    return {case: (_bare_message(result), result["after_ms"]) for case, result in zip(cases, results, strict=True)}


def _proxy(server: FaultyServer, case: Case) -> Mapping[str, object] | None:
    scenario = BY_ID[case.scenario]
    if not scenario.proxy:
        return None
    return {
        "host_name": scenario.proxy_host,
        "port": server.port(scenario.proxy),
        "auth_username": "someone",
        "auth_password": SECRETS["proxy_password"],
    }


def _bare_message(result: Mapping[str, Any]) -> str:
    if result["message"] == "connected":
        return "connected"
    return f"`{result['message']}`" if result["message"] else "nothing"


def observe_canary(server: FaultyServer, cases: Sequence[Case]) -> dict[Case, Message]:
    """Return the canary's message for each case and after how many milliseconds it came."""
    prompt = [case for case in cases if case.expected.when is Promptness.AT_ONCE]
    waiting_cases = [case for case in cases if case.expected.when is Promptness.DEADLINE]
    outcomes, _ = observe(server, prompt, deadline_s=DEADLINE_S, concurrent=1)
    late, _ = observe(server, waiting_cases, deadline_s=DEADLINE_S)
    return {case: _canary_message(outcome) for case, outcome in (outcomes | late).items()}


def _canary_message(outcome: Mapping[str, Any]) -> Message:
    if outcome["healthy"]:
        return "healthy", outcome["connect_ms"]
    return f"**{outcome['failure']}** ({outcome['owner']}): {outcome['reason']}", outcome["elapsed_ms"]


def table(by_bare: Mapping[Case, Message], by_canary: Mapping[Case, Message], ids: Sequence[str]) -> str:
    """Return the table, one row a scenario, and two where the results differ by MQTT version."""
    lines = [
        "| The endpoint ... | MQTT | the bare SDK says | after | the canary says | after |",
        "|---|---|---|--:|---|--:|",
    ]
    for scenario in (BY_ID[id_] for id_ in ids):
        cases = cases_of([scenario.id])
        messages = {(by_bare[case][0], _failure_name(by_canary[case])) for case in cases}
        if len(cases) > 1 and len(messages) == 1:
            slower = [max((side[case] for case in cases), key=_after_ms) for side in (by_bare, by_canary)]
            lines.append(_row(scenario.title, "both", *slower))
        else:
            lines += [_row(scenario.title, case.version, by_bare[case], by_canary[case]) for case in cases]
    return "\n".join(lines)


def _failure_name(message: Message) -> str:
    return message[0].partition(":")[0]


def _after_ms(message: Message) -> float:
    return _UNKNOWN_MS if message[1] is None else message[1]


def _row(title: str, version: str, sdk: Message, ours: Message) -> str:
    cells = (title, version, sdk[0], _time(sdk), ours[0].replace("|", "\\|"), _time(ours))
    return f"| {' | '.join(cells)} |"


def _time(message: Message) -> str:
    after = message[1]
    if after is None:
        return f"> {BARE_S:.0f} s"
    return f"{after / 1000:.1f} s" if after >= 1000 else f"{after:.0f} ms"


def summary(by_bare: Mapping[Case, Message], by_canary: Mapping[Case, Message]) -> str:
    """Return one paragraph on the whole."""
    silent = sum(after is None for _, after in by_bare.values())
    slow = sum(after is not None and after > 1000 for words, after in by_bare.values() if words != "connected")
    ours = [after or 0.0 for words, after in by_canary.values() if words != "healthy"]
    scenarios = len({case.scenario for case in by_bare})
    quick = sum(after < 1000 for after in ours)
    return (
        f"{scenarios} scenarios, {len(by_bare)} cases with both MQTT versions. The bare SDK says nothing within "
        f"{BARE_S:.0f} s in {silent} of them and takes more than a second to fail in {slow}. The canary names each of "
        f"its {len(ours)} failures, {quick} within a second, and the others soon after a slow answer, or at its "
        f"deadline, here {DEADLINE_S:.0f} s."
    )


def main() -> None:
    """Measure both sides and print, or write, the document."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.compare", description=__doc__)
    parser.add_argument("--write", metavar="FILE", type=Path, help="Markdown file to write instead of printing")
    parser.add_argument("--seconds", type=float, default=BARE_S, help="time for the bare SDK (default: %(default)s)")
    parser.add_argument("ids", nargs="*", default=list(BY_ID), help="scenarios to print (default: all)")
    arguments = parser.parse_args()
    cases = cases_of(arguments.ids)
    # The SDK's last answers come long after its first, so the canary goes second, on endpoints of its own.
    with ThreadPoolExecutor(1) as pool, FaultyServer(*BY_ID, *EGRESS) as one, FaultyServer(*BY_ID, *EGRESS) as other:
        waiting = pool.submit(observe_bare_sdk, one, cases, arguments.seconds)
        time.sleep(_SETTLED_S)
        by_canary = observe_canary(other, cases)
        by_bare = waiting.result()
    document = f"{_HEAD}\n\n{summary(by_bare, by_canary)}\n\n{table(by_bare, by_canary, arguments.ids)}\n"
    if arguments.write:
        arguments.write.write_text(document)
    else:
        sys.stdout.write(document)


if __name__ == "__main__":
    main()
