"""Settings from environment variables, over the defaults."""

from collections.abc import Callable, Mapping

from connect_canary.config.problems import did_you_mean, display_name, problem_message
from connect_canary.config.settings import BY_KEY, PREFIX, SETTINGS
from connect_canary.config.values import Value, is_encodable, new_value

# How the user writes a setting, or a member of the event, given its key.
NameFormat = Callable[[str], str]


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, Value], list[str]]:
    """Return the settings in `environ`, and a sentence for each CANARY_ variable that is none or cannot be used."""
    values: dict[str, Value] = {}
    problems: list[str] = []
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        setting = BY_KEY.get(variable.removeprefix(PREFIX).lower())
        if setting is None or setting.variable != variable:
            suggestion = did_you_mean(variable, [known.variable for known in SETTINGS])
            problems.append(f"{display_name(variable)} is not a setting; {suggestion}")
            continue
        value = new_value(setting, environ[variable], variable)
        if not is_encodable(environ[variable]):
            problems.append(problem_message(value, "allowed: text in UTF-8"))
        elif value.is_set:
            values[setting.key] = value
    return values, problems


def environment_name(key: str) -> str:
    """Return the variable of a setting, or how a member of the event is written."""
    return BY_KEY[key].variable if key in BY_KEY else f"event.{key}"


def with_defaults(
    values: Mapping[str, Value], format_name: NameFormat = environment_name, **fallbacks: str
) -> dict[str, Value]:
    """Return `values` over the defaults of all settings; `fallbacks` are defaults that depend on the environment.

    A setting that is not in `values` gets `format_name(key)` as its origin.
    """
    defaults = {s.key: Value(text=fallbacks.get(s.key) or s.default, origin=format_name(s.key)) for s in SETTINGS}
    return {**defaults, **values}
