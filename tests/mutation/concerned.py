"""The test files of tests/local that a mutant of the local AWS is shown: a table, as coverage would name nearly all.

Every test of tests/local runs the start of the server, the deployment and the schedule's background work, which says
nothing about what it would notice. Modules without a file here are held by unit tests alone. The drill's tests take
longer than a mutant is given.
"""

from collections.abc import Iterable, Mapping
from typing import Final

_FOLDER: Final = "tests/local/"
_CONCERNED: Final[Mapping[str, tuple[str, ...]]] = {
    "infra/local/client/certificate.py": (),
    "infra/local/client/local_aws.py": (
        *("local_aws_client", "local_aws", "authorizer_api", "first_packet", "deployment"),
        *("custom_authorizers", "refusals"),
    ),
    "infra/local/client/process.py": ("local_aws", "deployment", "private"),
    "infra/local/client/stacks.py": ("local_aws", "deployment"),
    "infra/local/client/topic_queue.py": (),
    "infra/local/demo/break_command.py": (),
    "infra/local/demo/breaks.py": (),
    "infra/local/demo/demo.py": (),
    "infra/local/demo/demo_targets.py": ("authentication", "refusals"),
    "infra/local/demo/deployment.py": (),
    "infra/local/demo/display.py": (),
    "infra/local/demo/drill.py": (),
    "infra/local/demo/drill_report.py": (),
    "infra/local/demo/operator_env.py": (),
    "infra/local/demo/pages.py": (),
    "infra/local/demo/report.py": (),
    "infra/local/demo/run.py": (),
    "infra/local/demo/run_log.py": (),
    "infra/local/demo/running.py": ("run",),
    "infra/local/demo/screen.py": (),
    "infra/local/demo/stage.py": (),
    "infra/local/demo/stranger.py": (),
    "infra/local/demo/view.py": (),
    "infra/local/demo/watch.py": (),
    "infra/local/server/accepted_connack.py": ("connack",),
    "infra/local/server/action_suppression.py": (),
    "infra/local/server/alarm_actions.py": (),
    "infra/local/server/alarm_evaluator.py": (),
    "infra/local/server/alarm_history.py": (),
    "infra/local/server/alarm_memory.py": (),
    "infra/local/server/alarm_messages.py": (),
    "infra/local/server/alarm_metrics.py": (),
    "infra/local/server/alarm_rules.py": (),
    "infra/local/server/alarm_settings.py": (),
    "infra/local/server/asgi.py": ("closed",),
    "infra/local/server/authorizer_response.py": ("custom_authorizers",),
    "infra/local/server/authorizers.py": ("authorizer_api", "custom_authorizers"),
    "infra/local/server/certificates.py": ("local_aws", "first_packet"),
    "infra/local/server/cloudformation_types.py": ("local_aws", "authentication"),
    "infra/local/server/cloudwatch_api.py": (),
    "infra/local/server/custom_auth.py": ("custom_authorizers",),
    "infra/local/server/describe_endpoint.py": ("local_aws",),
    "infra/local/server/device_gateway.py": ("first_packet", "signed_upgrade", "custom_authorizers", "connack"),
    "infra/local/server/embedded_metrics.py": (),
    "infra/local/server/function_credentials.py": ("private",),
    "infra/local/server/grouped_alarms.py": (),
    "infra/local/server/invoke_permission.py": ("custom_authorizers",),
    "infra/local/server/lambda_metrics.py": (),
    "infra/local/server/running_executions.py": (),
    "infra/local/server/log_filter.py": (),
    "infra/local/server/log_patterns.py": (),
    "infra/local/server/main.py": ("local_aws", "first_packet", "private", "sam"),
    "infra/local/server/metric_math.py": (),
    "infra/local/server/metrics_insights.py": (),
    "infra/local/server/ministack_patches.py": ("local_aws",),
    "infra/local/server/mqtt.py": ("first_packet", "connack"),
    "infra/local/server/mute_rule_api.py": (),
    "infra/local/server/mute_rules.py": (),
    "infra/local/server/request_authentication.py": ("closed", "uploads"),
    "infra/local/server/request_rules.py": ("closed",),
    "infra/local/server/request_signature.py": ("closed", "uploads"),
    "infra/local/server/schedule_speed.py": (),
    "infra/local/server/service_calls.py": ("local_aws",),
    "infra/local/server/sns_delivery.py": (),
    "infra/local/server/token_signatures.py": (),
    "infra/local/server/warm_up.py": (),
}


def only_concerned(path: str, tests: Iterable[str]) -> list[str]:
    """Leave out the tests of the local AWS that are not about a file; one that is not in the table has them all."""
    files = concerned_tests(path)
    if files is None:
        return list(tests)
    return [test for test in tests if not test.startswith(_FOLDER) or test.partition("::")[0] in files]


def concerned_tests(path: str) -> list[str] | None:
    """Return the test files of the local AWS that are about a file, None for one that is not in the table."""
    names = _CONCERNED.get(path)
    return None if names is None else [f"{_FOLDER}test_{name}.py" for name in names]


def all_tests() -> tuple[str, ...]:
    """Return every test file of the table."""
    return tuple(sorted({f"{_FOLDER}test_{name}.py" for names in _CONCERNED.values() for name in names}))
