"""Many runs in a row in one warm process: nothing leaks, and every run reports the same outcome."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faulty.leak_check import LeakReport, check_leaks

_MEBIBYTE = 1 << 20
RESIDENT_GROWTH = 24 * _MEBIBYTE


@pytest.fixture(scope="module")
def reports() -> Iterator[Mapping[str, Future[LeakReport]]]:
    """Two processes with many runs each, at the same time."""
    with ThreadPoolExecutor(2) as pool:
        yield {
            "upgrade-silent": pool.submit(
                check_leaks, "upgrade-silent", runs=50, deadline_s=1.0, targets_per_version=10
            ),
            "certificate-untrusted": pool.submit(check_leaks, "certificate-untrusted", runs=100, deadline_s=5),
        }


@pytest.mark.parametrize("scenario", ["upgrade-silent", "certificate-untrusted"])
def test_process_leaks_nothing_over_many_runs(reports: Mapping[str, Future[LeakReport]], scenario: str) -> None:
    """After 1,000 attempts without an answer, or 200 with a bad certificate, a process holds what it held when warm."""
    report = reports[scenario].result()
    assert report.held["threads"] <= report.warm["threads"]
    assert report.held["descriptors"] <= report.warm["descriptors"]
    assert report.held["resident_bytes"] - report.warm["resident_bytes"] < RESIDENT_GROWTH
    assert report.healthy_afterwards


def test_many_runs_are_told_apart_to_the_last(reports: Mapping[str, Future[LeakReport]]) -> None:
    """Not one of the runs in a row, frozen in between, is called anything but what it is."""
    assert reports["certificate-untrusted"].result().failures == {"CertificateUntrusted": 200}
    assert reports["upgrade-silent"].result().failures == {"UpgradeTimedOut": 1000}
