"""Which tests share a worker of pytest-xdist, and which start first.

A module's tests stay together, because they share its servers; modules that share one local AWS stay together too.
What takes longest begins first, so that the workers end at about the same time; within that, the seed decides.
"""

import os
from collections.abc import Mapping

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_MOST_WORKERS = 8

# How the modules of a group begin; the groups that take longest first. Those wait for schedules and deadlines.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "local-aws": ("tests/local/",),
    "local-sam": ("tests/local/test_sam.py",),
    "local-drill": ("tests/local/test_drill.py",),
    "local-pages": ("tests/local/test_pages.py",),
    "leak-check": ("tests/integration/test_leak_check.py",),
    "local-alarms": ("tests/local/test_alarms.py",),
    "local-grouped-alarms": ("tests/local/test_grouped_alarms.py",),
    "verify-account": ("tests/local/test_verify_account.py",),
    "faulty-endpoint": ("tests/integration/test_faulty_endpoint.py",),
    "local-run": ("tests/local/test_run.py",),
    "slow-refusals": ("tests/integration/test_slow_refusals.py",),
    "command-line": ("tests/integration/test_cli.py",),
    "command-line-credentials": ("tests/integration/test_cli_credentials.py",),
    "network-evidence": ("tests/integration/test_network_evidence.py",),
    "dialing": ("tests/integration/test_dialing.py",),
    "client-id-interval": ("tests/integration/test_client_id_interval.py",),
    "heartbeat": ("tests/integration/test_heartbeat.py",),
    "tls-matrix": ("tests/integration/test_tls_matrix.py",),
    "confirmation": ("tests/integration/test_confirmation.py",),
    "name-resolution": ("tests/integration/test_name_resolution.py",),
    "service-timeouts": ("tests/integration/test_service_timeouts.py",),
    "secrecy": ("tests/unit/test_secrecy.py",),
    "references": ("tests/unit/test_references.py",),
    "artifact": ("tests/artifact/test_artifact.py", "tests/artifact/test_package.py"),
    "python-package": ("tests/artifact/test_python_package.py",),
    "artifact-runs": ("tests/artifact/",),
    "fuzz": ("tests/integration/test_fuzz.py",),
    "handler": ("tests/unit/test_handler.py",),
    "tcp-info": ("tests/unit/test_tcp_info.py",),
    "aws-credentials": ("tests/unit/test_aws_credentials.py",),
    "pager-service": ("tests/unit/test_pager_service.py",),
    "alarm-table": ("tests/template/test_alarm_table.py",),
    "pages": ("tests/template/test_pages.py",),
    "alarm-behaviour": ("tests/template/test_alarm_behaviour.py",),
}


def group_of(nodeid: str) -> str:
    """Return the group whose beginning of the test's module is longest, or the module where no group has one."""
    module = nodeid.partition("::")[0]
    matching = {begins: group for group, all_ in GROUPS.items() for begins in all_ if module.startswith(begins)}
    return matching[max(matching, key=len)] if matching else module


class GroupScheduling(LoadScopeScheduling):
    """Gives each group to one worker, in the order in which the workers have collected them."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers per processor, because tests wait more than they compute."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(2 * processors, _MOST_WORKERS)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return the scheduler of this suite, regardless of --dist."""
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the groups that take longest first, in a worker; without workers the order stays as the seed has it."""
    if hasattr(config, "workerinput"):
        rank = {group: number for number, group in enumerate(GROUPS)}
        items.sort(key=lambda item: rank.get(group_of(item.nodeid), len(rank)))
