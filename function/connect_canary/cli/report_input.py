"""Runs from what `connect --json` printed: one run or many, indented or a line each."""

import json
import re
from collections.abc import Iterator, Sequence

from connect_canary.config.problems import SettingsError
from connect_canary.model.frozen import frozen
from connect_canary.pages.attempt_record import AttemptRecord, RecordError, read_record

_CHARACTER = re.compile(r"\S")


@frozen
class Runs:
    """The canary's name and the attempts of each run, in order."""

    canary: str
    runs: Sequence[Sequence[AttemptRecord]]


def read_runs(text: str, where: str) -> Runs:
    """Return the runs in `text`, which is from `where`; raise SettingsError."""
    canary = ""
    runs: list[list[AttemptRecord]] = []
    for line, document in _documents(text, where):
        try:
            runs.append(_run(document))
        except RecordError as error:
            raise SettingsError([f"{where}, line {line}: this {error}; allowed: what connect --json prints"]) from None
        canary = str(document.get("canary") or canary)
    if not any(runs):
        raise SettingsError([f"{where} holds no result; allowed: what connect --json prints"])
    return Runs(canary=canary, runs=runs)


def _documents(text: str, where: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield each JSON object with the line where it begins."""
    decoder, place, line = json.JSONDecoder(), 0, 1
    while True:
        start = _next_character(text, place)
        line += text.count("\n", place, start)
        if start == len(text):
            return
        try:
            document, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            raise SettingsError(
                [f"{where}, line {line}: this is no JSON; allowed: what connect --json prints"]
            ) from None
        if not isinstance(document, dict):
            raise SettingsError([f"{where}, line {line}: this is no run; allowed: what connect --json prints"])
        yield line, document
        line += text.count("\n", start, place)


def _next_character(text: str, place: int) -> int:
    """Return where the next character is that is no space, or the end."""
    match = _CHARACTER.search(text, place)
    return len(text) if match is None else match.start()


def _run(document: dict[str, object]) -> list[AttemptRecord]:
    targets = document.get("targets")
    if document.get("dry_run"):
        raise RecordError("is a dry run, which connects to nothing")
    if not isinstance(targets, list):
        raise RecordError("has no list 'targets'")
    return [read_record(target) for target in targets]
