"""Settings from environment variables, over the defaults."""

from collections.abc import Callable, Mapping

from connect_canary.config.problems import did_you_mean, display_name, problem_message
from connect_canary.config.settings import BY_KEY, PREFIX, SETTINGS
from connect_canary.config.values import Value, is_encodable, strip_value

# How somebody writes a setting or a wish, by its key.
NameFormat = Callable[[str], str]


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, Value], list[str]]:
    """Return the settings that `environ` gives, and a sentence for each CANARY_ variable that gives none."""
    values: dict[str, Value] = {}
    problems: list[str] = []
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        setting = BY_KEY.get(variable.removeprefix(PREFIX).lower())
        if setting is None or setting.variable != variable:
            near = did_you_mean(variable, [known.variable for known in SETTINGS])
            problems.append(f"{display_name(variable)} is not a setting; {near}")
            continue
        value = Value(text=strip_value(setting, environ[variable]), origin=variable)
        if not is_encodable(value.text):
            problems.append(problem_message(setting, value, "allowed: text in UTF-8"))
        elif value.text:
            values[setting.key] = value
    return values, problems


def environment_name(key: str) -> str:
    """Return how a setting, or a wish of the event, is written where the canary is deployed."""
    return BY_KEY[key].variable if key in BY_KEY else f"event.{key}"


def with_defaults(
    values: Mapping[str, Value], spell: NameFormat = environment_name, **fallbacks: str
) -> dict[str, Value]:
    """Return `values` over the settings' defaults; `fallbacks` are defaults that only the surroundings know.

    What nobody has set has its name as `spell` writes it for an origin.
    """
    defaults = {s.key: Value(text=fallbacks.get(s.key) or s.default, origin=spell(s.key)) for s in SETTINGS}
    return {**defaults, **values}
