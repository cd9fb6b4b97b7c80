"""The JSON Schema of a targets document, generated from the settings: `python -m infra.targets_schema [--check]`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from connect_canary.config.endpoint_rules import HOST_PATTERN
from connect_canary.config.settings import TARGET_SETTINGS, Setting
from connect_canary.config.sources.schemes import REFERENCE_PATTERN
from connect_canary.config.sources.table import REFERENCE_FORMS
from connect_canary.config.target_validator import MAX_CONFIRM_AFTER_SECONDS, MAX_TIMEOUT_SECONDS, REGION_PATTERN
from connect_canary.config.targets_document import MAX_TARGETS, NAME_PATTERN
from connect_canary.model.mqtt import MAX_CLIENT_ID_BYTES

PUBLISHED = Path(__file__).parents[1] / "docs" / "targets.schema.json"
Schema = dict[str, Any]
_REFERENCE: Schema = {"$ref": "#/definitions/reference"}
_TARGETS: Schema = {"type": "array", "minItems": 1, "maxItems": MAX_TARGETS, "items": {"$ref": "#/definitions/target"}}
_NUMBER = r"^[0-9]*\.?[0-9]+$"
# Settings that accept less than any string or number; an empty string removes an inherited value.
_RULES: dict[str, list[Schema]] = {
    "endpoint": [{"type": "string", "pattern": rf"^({HOST_PATTERN.pattern}(:[0-9]{{1,5}})?)?$"}],
    "signing_region": [{"type": "string", "pattern": rf"^({REGION_PATTERN.pattern})?$"}],
    "timeout_seconds": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_TIMEOUT_SECONDS},
        {"type": "string", "pattern": _NUMBER},
    ],
    "confirm_after_seconds": [
        {"type": "number", "minimum": 0, "maximum": MAX_CONFIRM_AFTER_SECONDS},
        {"type": "string", "pattern": _NUMBER},
    ],
    "client_id": [{"type": ["string", "number"], "maxLength": MAX_CLIENT_ID_BYTES}],
    "client_id_prefix": [{"type": ["string", "number"], "maxLength": MAX_CLIENT_ID_BYTES}],
}


def schema() -> Schema:
    """Return the schema (JSON Schema draft 7, which editors support best)."""
    properties = {setting.key: _property(setting) for setting in TARGET_SETTINGS}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Targets of the IoT connect canary",
        "description": "The value of CANARY_TARGETS. What a target leaves out is taken from the CANARY_ variables.",
        "type": "object",
        "required": ["targets"],
        "additionalProperties": False,
        "properties": {
            "$schema": {"description": "this schema, for editors"},
            "targets": _TARGETS,
        },
        "definitions": {
            "reference": {
                "description": f"read at run time: {REFERENCE_FORMS}",
                "type": "string",
                "pattern": f"^{REFERENCE_PATTERN.pattern}",
            },
            "target": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {"name": _name(), **properties},
            },
        },
    }


def as_text() -> str:
    """Return the text of docs/targets.schema.json."""
    return json.dumps(schema(), indent=2) + "\n"


def _name() -> Schema:
    return {
        "description": "the target's name; metric dimension Target",
        "type": ["string", "number"],
        "pattern": f"^{NAME_PATTERN.pattern}$",
    }


def _property(setting: Setting) -> Schema:
    advice = "; better a reference than the secret itself" if setting.secret else ""
    default = {"default": setting.default} if setting.default else {}
    return {"description": setting.help + advice, **default, "anyOf": [*_rules(setting), _REFERENCE]}


def _rules(setting: Setting) -> list[Schema]:
    if setting.choices:
        # An MQTT version may be written as a JSON number.
        numbers = [int(choice) for choice in setting.choices if choice.isdigit()]
        return [{"enum": [*setting.choices, *numbers]}]
    return _RULES.get(setting.key, [{"type": ["string", "number"]}])


def main() -> int:
    """Print the schema, or compare it with the published one, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.targets_schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with docs/targets.schema.json")
    if not parser.parse_args().check:
        sys.stdout.write(as_text())
        return 0
    if PUBLISHED.is_file() and PUBLISHED.read_text() == as_text():
        return 0
    sys.stderr.write(
        "docs/targets.schema.json is not what the settings say; "
        "run: python -m infra.targets_schema > docs/targets.schema.json\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
