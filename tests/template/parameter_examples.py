"""For every parameter that constrains its values: some that are allowed and some that are not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_REFERENCES: Final = ("ssm:/iot-connect-canary/c/value", "secretsmanager:iot-connect-canary/c/secret#key")
_NO_REFERENCES: Final = ("ssm:x", "secretsmanager:x")
_ACCOUNT: Final = "eu-west-1:123456789012"
_ARN: Final = "arn:aws"


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Values that a parameter allows, and values that it refuses; of a list's members, both."""

    allowed: tuple[str, ...]
    refused: tuple[str, ...]


def _choices(*allowed: object, refused: tuple[str, ...] = ()) -> Examples:
    texts = tuple(str(each) for each in allowed)
    return Examples(allowed=texts, refused=("", f"{texts[0]} ", f"{texts[0]},{texts[-1]}", *refused))


def _range(least: int, most: int) -> Examples:
    return Examples(allowed=(str(least), str(most)), refused=(str(least - 1), str(most + 1)))


_SECRET: Final = Examples(
    allowed=("", *_REFERENCES),
    refused=("hunter2", "https://hc-ping.com/5b1d", "base64:aGk=", "ssm:", "ssm: a", " ssm:/a", "a ssm:/a"),
)
_MINUTES: Final = _choices(1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, refused=("0", "7", "0.5", "120", "rate(1 minute)"))
_TOPIC: Final = Examples(
    allowed=("", f"{_ARN}:sns:{_ACCOUNT}:alarms", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:A_l.arms-1"),
    refused=(
        "alarms",
        f"{_ARN}:sqs:{_ACCOUNT}:alarms",
        f"{_ARN}:sns:{_ACCOUNT}:",
        f"{_ARN}:sns:{_ACCOUNT}:*",
        f"{_ARN}:sns:{_ACCOUNT}:a:subscription",
        f"{_ARN}:sns:eu-west-1:12345678901:alarms",
        f"{_ARN}:sns:*:123456789012:alarms",
        f"arn:*:sns:{_ACCOUNT}:alarms",
        f"x{_ARN}:sns:{_ACCOUNT}:alarms",
    ),
)
_MILLISECONDS: Final = Examples(
    allowed=("", "1", "500", "999999"), refused=("0", "050", "1000000", "1.5", "-1", "5e2", "a")
)
_DAYS: Final = Examples(allowed=("", "1", "14", "999"), refused=("0", "014", "1000", "1.5", "-1", "a"))

CANARY: Final[Mapping[str, Examples]] = {
    "Name": Examples(allowed=("", "fleet", "a.B_c-1", "n" * 128), refused=("a b", "a/b", "a:b", "*", "n" * 129)),
    "Endpoint": Examples(
        allowed=("", "host.example", "host_1.example:8443", "h:1", "h:65535", *_REFERENCES),
        refused=(
            *("https://host.example", "host.example/mqtt", "host.example:", "host.example:123456", "host.example:a"),
            *(":443", "a b", "h:1:2", "ssm:", "ssm: x", "vault:x y"),
        ),
    ),
    "AllowedEndpoints": Examples(
        allowed=("", "iot.example.com", "*.example.com", "a.example:8443,*.b.example", "a.example, b.example"),
        refused=("https://a.example", "a.example/mqtt", "a b", "a.example,", "*", "*.", *_REFERENCES),
    ),
    "Targets": Examples(
        allowed=("", *_REFERENCES, "ssm:/a/", '{"targets": [{"name": "a", "authorizer_password": "ssm:/a"}]}'),
        refused=(
            '{"targets": [{"name": "a", "authorizer_password": "hunter2"}]}',
            '{"targets": [{"secret_access_key": "ssm:/a", "session_token"\n:\n"hunter2"}]}',
        ),
    ),
    "SigningRegion": Examples(
        allowed=("", "eu-west-1", "us-gov-east-1", "ap-southeast-10"),
        refused=("EU-west-1", "eu-west", "eu-1", "euwest1", "eu-west-1a", "e-west-1", "*", *_NO_REFERENCES),
    ),
    "MqttVersion": _choices("5", "3.1.1", refused=("3", "4")),
    "Expect": _choices("connect", "refuse"),
    "AuthMode": _choices("sigv4", "sigv4-static", "custom-unsigned", "custom-signed", refused=("custom",)),
    "ClientIdPrefix": Examples(
        allowed=("t", "test-", "a:b/c@d=e_f.G", "ssmx", "p" * 110),
        refused=("", "*", "a b", "a?", "a+", "a#", "a$b", "p" * 111, *_NO_REFERENCES),
    ),
    "ClientId": Examples(
        allowed=("", "test-1", "a:b/c@d=e_f.G", "c" * 128),
        refused=("*", "a b", "test-?", "a+", "a#", "c" * 129, *_NO_REFERENCES),
    ),
    **dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken", "AuthorizerPassword"), _SECRET),
    **dict.fromkeys(("AuthorizerTokenValue", "AuthorizerTokenSignature", "AuthorizerSigningKey"), _SECRET),
    "AuthorizerPlacement": _choices("username", "headers", "query"),
    "EveryMinutes": _MINUTES,
    "ScheduleState": _choices("ENABLED", "DISABLED", refused=("enabled",)),
    "ScheduleInput": Examples(
        allowed=("{}", '{"only": ["prod"]}'), refused=("", "[]", "null", "{", "}", "[{}]", "{} ")
    ),
    "AlarmEmail": Examples(
        allowed=("", "a@example.com", "a.b+c@d"), refused=("a", "a@", "@b", "a@b@c", "a b@c", "a@b c", "a@b,c@d ")
    ),
    "AlarmTopicArn": _TOPIC,
    "PageWebhookUrl": Examples(
        allowed=("", "ssm:/iot-connect-canary/c/webhook", "secretsmanager:iot-connect-canary/c/chat#webhook"),
        refused=(
            *("https://hooks.slack.com/services/T/B/secret", "ssm:webhook", "ssm:", "secretsmanager:"),
            *("secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf", "ssm:/a*", "ssm:/a?"),
        ),
    ),
    "RunbookUrl": Examples(
        allowed=("docs/runbook.md", "https://wiki.example/canary?page=runbook"),
        refused=("", "http://wiki.example", "https://", "javascript:alert(1)", "https://wiki.example/a b"),
    ),
    "RemindEveryMinutes": _range(0, 10080),
    "SettleMinutes": _range(0, 1440),
    "LatencyThresholdMilliseconds": _MILLISECONDS,
    "CertificateDaysThreshold": _DAYS,
    "AvailabilityObjective": Examples(
        allowed=("99.9", "99", "99.999", "10"), refused=("", "100", "99.", "9", "99.9999", "099", "99,9", "x")
    ),
    "DashboardEnabled": _choices("true", "false", refused=("yes",)),
    "HeartbeatUrl": _SECRET,
    "ReadableParameters": Examples(
        allowed=("", f"{_ARN}:ssm:{_ACCOUNT}:parameter/a", "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/a/b"),
        refused=(
            "/a/b",
            f"{_ARN}:ssm:{_ACCOUNT}:document/a",
            f"{_ARN}:ssm:{_ACCOUNT}:parameter/",
            f"{_ARN}:ssm:{_ACCOUNT}:parameter/a b",
            f"{_ARN}:ssm:{_ACCOUNT}:*",
            f"{_ARN}:ssm:*:123456789012:parameter/a",
            f"{_ARN}:ssm:eu-west-1:*:parameter/a",
            f"{_ARN}:ssm:eu-west-1:1234567890123:parameter/a",
            f"arn:*:ssm:{_ACCOUNT}:parameter/a",
            "*",
        ),
    ),
    "ReadableSecrets": Examples(
        allowed=("", f"{_ARN}:secretsmanager:{_ACCOUNT}:secret:a/b-AbCdEf"),
        refused=(
            "name",
            f"{_ARN}:ssm:{_ACCOUNT}:parameter/a",
            f"{_ARN}:secretsmanager:{_ACCOUNT}:secret:",
            f"{_ARN}:secretsmanager:{_ACCOUNT}:secret:a b",
            f"{_ARN}:secretsmanager:{_ACCOUNT}:*",
            f"{_ARN}:secretsmanager:*:123456789012:secret:a",
            f"{_ARN}:secretsmanager:eu-west-1:*:secret:a",
            f"arn:*:secretsmanager:{_ACCOUNT}:secret:a",
            "*",
        ),
    ),
    "KmsKeyArn": Examples(
        allowed=(
            *("", f"{_ARN}:kms:{_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
            f"{_ARN}:kms:{_ACCOUNT}:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        ),
        refused=(
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "*",
            f"{_ARN}:kms:{_ACCOUNT}:key/*",
            f"{_ARN}:kms:{_ACCOUNT}:key/",
            f"{_ARN}:kms:{_ACCOUNT}:key/a/b",
            f"{_ARN}:kms:{_ACCOUNT}:alias/a",
            f"{_ARN}:kms:*:123456789012:key/a",
            f"{_ARN}:kms:eu-west-1:*:key/a",
            f"{_ARN}:kms:eu-west-1:12345678901:key/a",
            f"arn:*:kms:{_ACCOUNT}:key/a",
            f"{_ARN}:s3:{_ACCOUNT}:key/a",
        ),
    ),
    "PermissionsBoundaryArn": Examples(
        allowed=(
            *("", "arn:aws:iam::123456789012:policy/boundary", "arn:aws-cn:iam::123456789012:policy/path/a.b+c=d,e@f"),
            "arn:aws:iam::aws:policy/PowerUserAccess",
        ),
        refused=(
            *("boundary", "*", "arn:aws:iam::123456789012:policy/", "arn:aws:iam::123456789012:role/a"),
            *(
                "arn:aws:iam::123456789012:policy/a*",
                "arn:aws:iam:eu-west-1:123456789012:policy/a",
                "arn:aws:iam:::policy/a",
            ),
        ),
    ),
    "ReservedConcurrency": Examples(allowed=("", "1", "10", "999"), refused=("0", "01", "1000", "-1", "1.5", "all")),
    "SubnetIds": Examples(
        allowed=("", "subnet-01234567", "subnet-0123456789abcdef0"),
        refused=("subnet-", "subnet-0123456", "subnet-0123456789abcdef01", "subnet-0123456G", "sg-01234567", "*"),
    ),
    "SecurityGroupIds": Examples(
        allowed=("", "sg-01234567", "sg-0123456789abcdef0"),
        refused=("sg-", "sg-0123456", "sg-0123456789abcdef01", "sg-0123456G", "subnet-01234567", "*"),
    ),
    "HttpsProxy": Examples(
        allowed=("", "http://proxy.example:3128", "http://proxy.example/", "http://[::1]:3128", *_REFERENCES),
        refused=(
            *("https://proxy.example", "proxy.example:3128", "http://", "http://a b", "socks5://proxy.example"),
            *("http://user:p@proxy.example", "http://user@proxy.example:3128", "http://proxy.example/path", "ssm:"),
            *("http://proxy.example?token", "http://proxy.example#token", "http://proxy.example:123456"),
        ),
    ),
    "Architecture": _choices("arm64", "x86_64", refused=("amd64",)),
    "MemorySize": _range(128, 10240),
    "FunctionTimeoutSeconds": _range(5, 900),
    "ConfirmAfterSeconds": Examples(
        allowed=("", "0", "0.5", "20", "99.9", "299.5", "300", *_REFERENCES),
        refused=("-1", "300.5", "301", "1000", "20s", ".5", "5.", "ssm:"),
    ),
    "TimeoutSeconds": Examples(
        allowed=("1", "2.5", "300", "0.25", *_REFERENCES),
        refused=("", "soon", "1000", "1.", ".5", "-1", "1e1", "10s", "ssm:", "ssm: x"),
    ),
    "MaxConcurrentConnects": Examples(
        allowed=("1", "100", "999", "1000", *_REFERENCES), refused=("", "0", "01", "1001", "1.5", "-1", "ssm:", "all")
    ),
    "LogRetentionDays": _choices(
        *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653), refused=("0", "2", "15")
    ),
}
