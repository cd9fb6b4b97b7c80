"""One seed for the order of tests, for `random` and for Hypothesis, printed with the command that repeats the run."""

from random import SystemRandom

import pytest
from hypothesis import HealthCheck, settings

_SEED_BITS = 32

# No deadline, because the machine may be busy; no database, so the seed alone decides, in CI too.
settings.register_profile(
    "suite", deadline=None, database=None, derandomize=False, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed before pytest-randomly would, and give it to Hypothesis too, unless that has its own."""
    if config.getoption("randomly_seed", None) == "default":
        config.option.randomly_seed = SystemRandom().getrandbits(_SEED_BITS)
    seed = _seed(config)
    if seed is not None and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(seed)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Print the seed before the first test, in case the run does not finish."""
    return _sentence(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the seed after the last test, where failures are read."""
    if sentence := _sentence(config):
        terminalreporter.write_line(sentence)


def _seed(config: pytest.Config) -> int | None:
    seed = config.getoption("randomly_seed", None)
    return seed if isinstance(seed, int) else None


def _sentence(config: pytest.Config) -> str | None:
    seed = _seed(config)
    return None if seed is None else f"Seed {seed}: `make test SEED={seed}` repeats this order and these examples."
