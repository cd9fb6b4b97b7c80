"""The table of scenarios: what the endpoint does, and the outcome that the canary must report."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

from connect_canary.model.failures import Failure
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.owners import Owner
from connect_canary.model.phases import Phase
from tests.faulty import specifications, steps, wire
from tests.faulty.steps import Behaviour, sequence


class Promptness(StrEnum):
    """How soon the canary must report."""

    AT_ONCE = "at once"
    DEADLINE = "deadline"


class Listener(StrEnum):
    """What listens on a scenario's port."""

    SERVING = "serving"
    CLOSED = "closed"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The outcome that the canary must report; a healthy one has no failure.

    Its reason contains `reason` in any case, because the specifications differ on capital letters, and `message`.
    `hint` is a part of its hint, `owner` its owner if AWS credentials authenticate the client.
    `certificate` is the kind of certificate that the canary must have read. `entered_phase` is the phase that a client
    may have entered when the response to an earlier one fails it. `diagnosis_s` is the diagnosis's minimum.
    """

    phase: Phase | None = None
    failure: Failure | None = None
    when: Promptness = Promptness.AT_ONCE
    reason: str = ""
    message: str = ""
    http_status: int | None = None
    connack_code: int | None = None
    request_id: str | None = None
    certificate: str = ""
    entered_phase: Phase | None = None
    diagnosis_s: float = 0.0
    owner: Owner | None = None
    hint: str = ""

    @property
    def times_out(self) -> bool:
        """Whether the attempt lasts until its deadline."""
        return self.failure in _TIMED_OUT


HEALTHY = Expected()
_TIMED_OUT = {
    Failure.TCP_TIMED_OUT,
    Failure.TLS_TIMED_OUT,
    Failure.TLS_UNSUPPORTED,
    Failure.UPGRADE_TIMED_OUT,
    Failure.CONNACK_TIMED_OUT,
}
# How long an endpoint pauses where it is slow: longer than everything else in a connect on loopback takes.
PAUSE_S = 0.4
# How long a custom authorizer, or a gateway that waits for one, can take to refuse.
_LATE_S: Mapping[int, float] = {401: 1.2, 403: 3.2, 429: 1.2, 504: 3.2}
# The shortest 101 has more bytes than this; a CONNACK in its frame has at least six, and no pause before the first.
_DRIP_HEAD_S, _DRIPPED_HEAD_BYTES = 0.002, 100
_DRIP_CONNACK_S, _DRIPPED_CONNACK_BYTES = 0.02, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way in which an endpoint behaves; `expected_311` only where MQTT 3.1.1 differs.

    `pauses_s` are the slow phases, and how many seconds each takes at least. `proxy` is the listener of the egress
    proxy before it, empty for none.
    """

    id: str
    title: str
    expected: Expected
    expected_311: Expected | None = None
    versions: tuple[MqttVersion, ...] = tuple(MqttVersion)
    behaviour: Behaviour = field(default_factory=Behaviour)
    listener: Listener = Listener.SERVING
    host: str = "localhost"
    pauses_s: Mapping[Phase, float] = field(default_factory=dict)
    proxy: str = ""
    proxy_host: str = "127.0.0.1"

    def expects(self, version: MqttVersion) -> Expected:
        """Return the expected outcome in one MQTT version."""
        return self.expected_311 or self.expected if version is MqttVersion.V3_1_1 else self.expected


def _proxy_fails(id_: str, title: str, proxy: str, failure: Failure, reason: str, **others: Any) -> Scenario:
    owner = Owner.CANARY if failure is Failure.PROXY_AUTH_REQUIRED else Owner.PROXY
    known: dict[str, Any] = {"phase": Phase.PROXY, "failure": failure, "reason": reason, "owner": owner}
    return Scenario(
        id=f"proxy-{id_}",
        title=f"is behind an egress proxy that {title}",
        proxy=proxy,
        expected=Expected(**known | others),
    )


def _proxies() -> list[Scenario]:
    refused, unreachable = Failure.PROXY_REFUSED, Failure.PROXY_UNREACHABLE
    squid = "403 Forbidden (X-Squid-Error: ERR_ACCESS_DENIED 0; Via: 1.1 gate (squid/6.6); Server: squid/6.6)"
    status = "503 Service Unavailable (Proxy-Status: gate; error=connection_timeout)"
    wants = 'Proxy-Authenticate: Basic realm="x"'
    unresolvable = _proxy_fails(
        "name-unknown", "has a name that does not resolve", "port-closed", unreachable, "proxy.invalid does not resolve"
    )
    return [
        replace(unresolvable, proxy_host="proxy.invalid"),
        _proxy_fails("port-closed", "does not listen on its port", "port-closed", unreachable, "refused"),
        _proxy_fails(
            "tcp-silent", "never answers TCP", "tcp-silent", unreachable, "is not reached", when=Promptness.DEADLINE
        ),
        _proxy_fails(
            "silent",
            "accepts the connection and never answers CONNECT",
            "egress-silent",
            unreachable,
            "accepts the connection, but does not respond to CONNECT",
            when=Promptness.DEADLINE,
        ),
        _proxy_fails(
            "407", "answers 407", "egress-407", Failure.PROXY_AUTH_REQUIRED, "407", message=wants, http_status=407
        ),
        _proxy_fails("403", "answers 403 as squid does", "egress-403", refused, "403", message=squid, http_status=403),
        _proxy_fails("502", "answers 502 without a word", "egress-502", refused, "502 Bad Gateway", http_status=502),
        _proxy_fails("503", "answers 503 (RFC 9209)", "egress-503", refused, "503", message=status, http_status=503),
        _proxy_fails(
            "echo",
            "answers 403 with control characters and the password that it was sent",
            "egress-echo",
            refused,
            "403",
            message="***",
            http_status=403,
        ),
        _proxy_fails("not-http", "answers, but not with HTTP", "egress-garbage", refused, "not with HTTP"),
        _proxy_fails("lower-case", "answers in lower case", "egress-lower-case", refused, "not with HTTP"),
        _proxy_fails("close", "closes instead of answering", "egress-close", refused, "closes the connection"),
        _proxy_fails("reset", "resets instead of answering", "egress-reset", refused, "closes the connection"),
        *(
            Scenario(
                id=f"proxy-{name}",
                title=f"is healthy, behind an egress proxy{how}",
                proxy=proxy,
                expected=HEALTHY,
                pauses_s=pauses_s,
            )
            for name, how, proxy, pauses_s in (
                ("healthy", "", "egress-healthy", {}),
                ("continue", " that sends 100 Continue before its response", "egress-continue", {}),
                ("slow", " that responds slowly", "egress-slow", {Phase.PROXY: PAUSE_S}),
            )
        ),
    ]


_CLOSED, _RESET = "the endpoint closed the connection", "the endpoint reset the connection"
# The reason for each end of a connection. Right after accepting, it depends on what the client has seen and sent.
_END_REASONS: Mapping[str, str] = {
    "tcp-close": "the connection",
    "tcp-reset": "reset",
    "tls-close": _CLOSED,
    "tls-reset": _RESET,
    "tls-close-midway": _CLOSED,
    "upgrade-close": _CLOSED,
    "upgrade-close-tls": _CLOSED,
    "upgrade-close-midway": _CLOSED,
    "upgrade-reset": _RESET,
    "connack-close": _CLOSED,
    "connack-close-tls": _CLOSED,
    "connack-reset": _RESET,
    "connack-websocket-close": _CLOSED,
    # The canary asks once more, as closing is how a denial looks there, and then sees why.
    "connack-websocket-close-311": "the endpoint closed the WebSocket with code 1008",
    "lost-close": _CLOSED,
    "lost-close-tls": _CLOSED,
}


def _ended_with(expected: Expected, id_: str) -> Expected:
    """Return `expected` with the reason for how the scenario ends the connection."""
    return replace(expected, reason=_END_REASONS.get(id_, expected.reason))


def _tcp_and_dns() -> list[Scenario]:
    return [
        Scenario(
            id="name-unknown",
            title="has a name that does not resolve",
            host="endpoint.invalid",
            listener=Listener.CLOSED,
            expected=Expected(phase=Phase.DNS, failure=Failure.DNS_FAILED, reason="does not resolve"),
        ),
        Scenario(
            id="port-closed",
            title="does not listen on its port",
            listener=Listener.CLOSED,
            expected=Expected(phase=Phase.TCP, failure=Failure.TCP_REFUSED, reason="refused"),
        ),
        Scenario(
            id="tcp-silent",
            title="never answers TCP",
            listener=Listener.FULL,
            expected=Expected(phase=Phase.TCP, failure=Failure.TCP_TIMED_OUT, when=Promptness.DEADLINE),
        ),
    ]


_TLS_FAILED = Expected(phase=Phase.TLS, failure=Failure.TLS_FAILED)
_TLS_TIMED_OUT = Expected(phase=Phase.TLS, failure=Failure.TLS_TIMED_OUT, when=Promptness.DEADLINE)


def _tls() -> list[Scenario]:
    failed: Mapping[str, tuple[str, Behaviour]] = {
        "tcp-close": ("accepts and closes", Behaviour(accept=steps.close)),
        "tcp-reset": ("accepts and resets", Behaviour(accept=steps.reset)),
        "tls-close": ("closes after the ClientHello", Behaviour(accept=sequence(steps.receive, steps.close))),
        "tls-reset": ("resets after the ClientHello", Behaviour(accept=sequence(steps.receive, steps.reset))),
        "tls-close-midway": (
            "closes in the middle of its first TLS flight",
            Behaviour(handshake=sequence(steps.tls_handshake(allow=100), steps.close)),
        ),
        "tls-http": (
            "speaks plain HTTP instead of TLS, and keeps the connection",
            Behaviour(accept=sequence(steps.receive, steps.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), steps.silence)),
        ),
        "tls-banner": (
            "speaks first, and no TLS (an SSH server)",
            Behaviour(accept=sequence(steps.send(b"SSH-2.0-OpenSSH_9.6\r\n"), steps.silence)),
        ),
        "tls-garbage": (
            "answers the ClientHello with garbage",
            Behaviour(accept=sequence(steps.receive, steps.send(bytes(range(7, 256))), steps.silence)),
        ),
        "tls-alert": ("answers the ClientHello with a TLS alert", Behaviour(accept=steps.alert(40))),
        "tls-unrecognized-name": (
            "does not know the name it is asked for (TLS alert 112)",
            Behaviour(accept=steps.alert(112)),
        ),
        "tls-no-version": ("offers no TLS version that the client knows", Behaviour(accept=steps.alert(70))),
        "tls-no-cipher": (
            "offers no cipher that the client knows",
            Behaviour(handshake=steps.tls_handshake(newest=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES256-CCM")),
        ),
        "tls-client-certificate-1.2": (
            "demands a client certificate (TLS 1.2)",
            Behaviour(handshake=steps.tls_handshake(newest=ssl.TLSVersion.TLSv1_2, wants_client_certificate=True)),
        ),
    }
    bad_record = bytes([22, 3, 3, 0, 40]) + bytes(range(100, 140))
    timed_out: Mapping[str, tuple[str, Behaviour]] = {
        "tls-silent": ("accepts TCP and says nothing", Behaviour(accept=steps.silence)),
        "tls-stops": (
            "stops in the middle of its first TLS flight",
            Behaviour(handshake=sequence(steps.tls_handshake(allow=100), steps.silence)),
        ),
    }
    return [
        *(
            Scenario(id=id_, title=title, behaviour=behaviour, expected=_ended_with(_TLS_FAILED, id_))
            for id_, (title, behaviour) in failed.items()
        ),
        *(
            Scenario(id=id_, title=title, behaviour=behaviour, expected=_TLS_TIMED_OUT)
            for id_, (title, behaviour) in timed_out.items()
        ),
        Scenario(
            id="tls-bad-record",
            title="answers the ClientHello with a TLS record full of garbage",
            behaviour=Behaviour(accept=sequence(steps.receive, steps.send(bad_record), steps.silence)),
            expected=replace(_TLS_FAILED, when=Promptness.DEADLINE),
        ),
        Scenario(
            id="tls-client-certificate-1.3",
            title="demands a client certificate (TLS 1.3)",
            behaviour=Behaviour(handshake=steps.tls_handshake(wants_client_certificate=True)),
            expected=replace(_TLS_FAILED, entered_phase=Phase.UPGRADE),
        ),
    ]


def _certificates() -> list[Scenario]:
    kinds: Mapping[str, tuple[str, Failure, str]] = {
        "expired": ("shows an expired certificate", Failure.CERTIFICATE_EXPIRED, "expired"),
        "not-yet-valid": ("shows a certificate that is not valid yet", Failure.CERTIFICATE_EXPIRED, "not"),
        "untrusted": ("shows a certificate from an unknown authority", Failure.CERTIFICATE_UNTRUSTED, ""),
        "self-signed": ("shows a self-signed certificate", Failure.CERTIFICATE_UNTRUSTED, ""),
        "no-intermediate": ("shows a chain without its intermediate", Failure.CERTIFICATE_UNTRUSTED, ""),
        "wrong-purpose": ("shows a certificate that is for clients only", Failure.CERTIFICATE_UNTRUSTED, ""),
        "wrong-name": ("shows a certificate for another name", Failure.CERTIFICATE_NAME_MISMATCH, "elsewhere.invalid"),
        "expired-elsewhere": ("shows an expired certificate for another name", Failure.CERTIFICATE_NAME_MISMATCH, ""),
    }
    return [
        Scenario(
            id=f"certificate-{kind}",
            title=title,
            behaviour=Behaviour(handshake=steps.tls_handshake(kind)),
            expected=Expected(phase=Phase.TLS, failure=failure, reason=reason, certificate=kind),
        )
        for kind, (title, failure, reason) in kinds.items()
    ]


_TLS_UNSUPPORTED = Expected(
    phase=Phase.TLS,
    failure=Failure.TLS_UNSUPPORTED,
    when=Promptness.DEADLINE,
    message="the SDK's TLS does not answer it",
    owner=Owner.ENDPOINT,
    hint="at most 7 certificates",
)
_WEAK = "DEFAULT@SECLEVEL=0"


def _unsupported() -> list[Scenario]:
    """Return what the SDK's TLS refuses in silence; OpenSSL, with which the certificate is checked, accepts it."""
    chains: Mapping[str, tuple[str, str]] = {
        "too-long-chain": ("shows a chain with eight intermediates", ""),
        "needless-certificates": ("shows 27 certificates, most of them needless", ""),
        "md5": ("shows a certificate that is signed with MD5", _WEAK),
    }
    versions = {"": None, "-1.2": ssl.TLSVersion.TLSv1_2}
    return [
        Scenario(
            id=f"tls-{kind}{suffix}",
            title=f"{title}{' (TLS 1.2)' if newest else ''}",
            behaviour=Behaviour(handshake=steps.tls_handshake(kind, ciphers=ciphers, newest=newest)),
            expected=_TLS_UNSUPPORTED,
        )
        for kind, (title, ciphers) in chains.items()
        for suffix, newest in versions.items()
    ]


_UPGRADE_FAILED = Expected(phase=Phase.UPGRADE, failure=Failure.UPGRADE_FAILED)
_UPGRADE_TIMED_OUT = Expected(phase=Phase.UPGRADE, failure=Failure.UPGRADE_TIMED_OUT, when=Promptness.DEADLINE)
_STATUSES = {
    200: "200 OK",
    302: "302 Found",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    426: "426 Upgrade Required",
    429: "429 Too Many Requests",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
    504: "504 Gateway Timeout",
}
_PAGE = (
    b"<!DOCTYPE html><html><head><title>503 Service Temporarily Unavailable</title></head>"
    b"<body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>"
)
_MESSAGE = b'{"message":"the faulty endpoint says no","traceId":"5b1d7f0a"}'
_BAD_BODY = b"bell \x07, escape \x1b[31mred\x1b[0m, nul \x00, new\r\nline, not UTF-8 \xff\xfe, "


def _refused_status(status: int) -> Expected:
    return Expected(
        phase=Phase.UPGRADE,
        failure=Failure(specifications.failure_of_status(status)),
        reason=f"HTTP {status}",
        http_status=status,
        request_id=steps.REQUEST_ID,
    )


def _refused_upgrades() -> list[Scenario]:
    location = {"Location": "https://localhost/elsewhere"}
    plain = [
        Scenario(
            id=f"http-{status}",
            title=f"answers the upgrade with HTTP {status}",
            behaviour=Behaviour(upgrade=steps.refuse(line, headers=location if status == 302 else None, body=_MESSAGE)),
            expected=replace(_refused_status(status), message=f"{steps.ERROR_TYPE}: the faulty endpoint says no"),
        )
        for status, line in _STATUSES.items()
    ]
    return [
        *plain,
        Scenario(
            id="http-403-bad-body",
            title="answers HTTP 403 with control characters and the client's own request in the body",
            behaviour=Behaviour(upgrade=steps.refuse(_STATUSES[403], body=_BAD_BODY, echo=True)),
            expected=_refused_status(403),
        ),
        Scenario(
            id="http-403-huge-body",
            title="answers HTTP 403 with a body of 300 kB",
            behaviour=Behaviour(upgrade=steps.refuse(_STATUSES[403], body=b"no " * 100_000)),
            expected=_refused_status(403),
        ),
        Scenario(
            id="http-403-stalled-body",
            title="answers HTTP 403 and never sends the body that it promises",
            behaviour=Behaviour(upgrade=steps.refuse(_STATUSES[403], headers={"content-length": "5000"}, body=b"no")),
            expected=_UPGRADE_TIMED_OUT,
        ),
        *(
            Scenario(
                id=f"http-403-clock-{way}",
                title=f"answers HTTP 403 with a Date header 20 minutes {words} the client's clock",
                behaviour=Behaviour(upgrade=steps.refuse(_STATUSES[403], body=_MESSAGE, clock_ahead_s=ahead_s)),
                expected=replace(_refused_status(403), owner=Owner.CANARY, hint="your clock is 20 minutes off"),
            )
            for way, words, ahead_s in (("ahead", "ahead of", 1200.0), ("behind", "behind", -1200.0))
        ),
        Scenario(
            id="http-503-page",
            title="answers HTTP 503 with a page in HTML",
            behaviour=Behaviour(
                upgrade=steps.refuse(
                    _STATUSES[503],
                    headers={"content-type": "text/html", "server": "nginx/1.24.0", "x-amzn-ErrorType": ""},
                    body=_PAGE,
                )
            ),
            expected=replace(
                _refused_status(503), message="(503 Service Temporarily Unavailable; Server: nginx/1.24.0)"
            ),
        ),
    ]


def _upgrades() -> list[Scenario]:
    wrong = {"Sec-WebSocket-Accept": wire.accept_key("some other key")}
    half = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso"
    failed: Mapping[str, tuple[str, steps.Step]] = {
        "upgrade-garbage": (
            "answers the upgrade with garbage instead of HTTP",
            sequence(steps.receive_request, steps.send(bytes(range(1, 256)) + b"\r\n\r\n"), steps.silence),
        ),
        "upgrade-header-flood": (
            "answers with a header that never ends, some megabytes a second",
            steps.endless_header(0.001, line_bytes=4000),
        ),
        "upgrade-no-subprotocol": (
            "switches protocols without naming mqtt",
            steps.switch_protocols(leave_out="Sec-WebSocket-Protocol"),
        ),
        "upgrade-wrong-subprotocol": (
            "switches to another subprotocol",
            steps.switch_protocols(replace={"Sec-WebSocket-Protocol": "soap"}),
        ),
        "upgrade-wrong-accept": ("answers with a wrong accept key", steps.switch_protocols(replace=wrong)),
        "upgrade-no-accept": (
            "answers without an accept key",
            steps.switch_protocols(leave_out="Sec-WebSocket-Accept"),
        ),
        "upgrade-no-upgrade-header": (
            "answers 101 without an Upgrade header",
            steps.switch_protocols(leave_out="Upgrade"),
        ),
        "upgrade-close": ("closes instead of answering the upgrade", sequence(steps.receive_request, steps.close)),
        "upgrade-close-tls": (
            "ends TLS in order instead of answering the upgrade",
            sequence(steps.receive_request, steps.close_tls),
        ),
        "upgrade-reset": ("resets instead of answering the upgrade", sequence(steps.receive_request, steps.reset)),
        "upgrade-close-midway": (
            "closes in the middle of its answer to the upgrade",
            sequence(steps.receive_request, steps.send(half), steps.close),
        ),
    }
    timed_out: Mapping[str, tuple[str, steps.Step]] = {
        "upgrade-silent": ("says nothing after the TLS handshake", steps.silence),
        "upgrade-stops": (
            "stops in the middle of its answer to the upgrade",
            sequence(steps.receive_request, steps.send(half), steps.silence),
        ),
        "upgrade-header-drip": ("answers with a header that never ends, line by line", steps.endless_header(0.2)),
    }
    return [
        *(
            Scenario(id=id_, title=title, behaviour=Behaviour(upgrade=step), expected=_ended_with(_UPGRADE_FAILED, id_))
            for id_, (title, step) in failed.items()
        ),
        *(
            Scenario(id=id_, title=title, behaviour=Behaviour(upgrade=step), expected=_UPGRADE_TIMED_OUT)
            for id_, (title, step) in timed_out.items()
        ),
    ]


_NO_MQTT_5 = "the endpoint speaks no MQTT 5: try mqtt_version 3.1.1"
_CODE_HINTS = {1: "the endpoint speaks no MQTT 3.1.1: try mqtt_version 5", 132: _NO_MQTT_5}
_CODE_5_BY_311 = {1: 132, 2: 133, 3: 136, 4: 134, 5: 135, 6: 139, 255: 255}


def _refused_connect(code: int) -> Expected:
    meaning, failure = specifications.CONNACK.get(code, specifications.UNKNOWN_CODE)
    reason = f"CONNACK {code} {meaning}"
    hint = _CODE_HINTS.get(code, "")
    return Expected(phase=Phase.CONNACK, failure=Failure(failure), connack_code=code, reason=reason, hint=hint)


def _codes() -> list[Scenario]:
    """Return a scenario for each code of MQTT 3.1.1 paired with its counterpart in 5, and for each other code of 5."""
    pairs = [
        Scenario(
            id=f"connack-{old}-{new}",
            title=f"refuses CONNECT with code {old} (3.1.1) or {new} (5)",
            behaviour=Behaviour(connack=steps.send_connack(old, new)),
            expected=_refused_connect(new),
            expected_311=_refused_connect(old),
        )
        for old, new in _CODE_5_BY_311.items()
    ]
    others = [code for code in specifications.CONNACK_5 if code not in _CODE_5_BY_311.values()]
    return [
        *pairs,
        *(
            Scenario(
                id=f"connack-{code}",
                title=f"refuses CONNECT with code {code} and a reason string",
                behaviour=Behaviour(
                    connack=steps.send_connack(code_5=code, reason_string="the faulty endpoint says no")
                ),
                expected=replace(_refused_connect(code), message="the faulty endpoint says no"),
                versions=(MqttVersion.V5,),
            )
            for code in others
        ),
    ]


_CONNECTION_CLOSED = Expected(phase=Phase.CONNACK, failure=Failure.CONNECTION_HUNG_UP)
_NO_CONNACK = Expected(phase=Phase.CONNACK, failure=Failure.CONNACK_TIMED_OUT, when=Promptness.DEADLINE)
_VIOLATED = Expected(phase=Phase.CONNACK, failure=Failure.PROTOCOL_VIOLATED)

_OVERSIZED_BYTES, _SENT_BYTES = 200_000_000, 4_000_000


def _framed(make: Callable[[int], bytes]) -> Callable[[int], bytes]:
    return lambda level: wire.frame(make(level))


def _oversized(level: int) -> bytes:
    body = wire.connack(level)[2:4] + wire.variable(_OVERSIZED_BYTES) + bytes(_SENT_BYTES)
    return wire.frame(wire.packet(wire.CONNACK, body, length=_OVERSIZED_BYTES), length=_OVERSIZED_BYTES)


def _no_properties(level: int) -> bytes:
    return wire.variable(0) if level == wire.MQTT_5 else b""


def _other_level(level: int) -> int:
    return wire.MQTT_311 if level == wire.MQTT_5 else wire.MQTT_5


def _missing_connacks() -> list[Scenario]:
    ends: Mapping[str, tuple[str, Expected, steps.Step]] = {
        "connack-silent": ("says nothing after CONNECT", _NO_CONNACK, steps.silence),
        "connack-close": ("closes TCP after CONNECT", _CONNECTION_CLOSED, steps.close),
        "connack-close-tls": ("ends TLS in order after CONNECT", _CONNECTION_CLOSED, steps.close_tls),
        "connack-reset": ("resets TCP after CONNECT", _CONNECTION_CLOSED, steps.reset),
        "connack-websocket-close": (
            "closes the WebSocket, then TCP, after CONNECT",
            _CONNECTION_CLOSED,
            sequence(steps.close_frame(1008, "policy"), steps.close_tls),
        ),
        "connack-websocket-close-only": (
            "closes the WebSocket after CONNECT and keeps TCP",
            _NO_CONNACK,
            sequence(steps.close_frame(1000), steps.silence),
        ),
    }
    return [
        Scenario(
            id=id_,
            title=title,
            expected=_ended_with(expected, id_),
            expected_311=_ended_with(expected, f"{id_}-311") if f"{id_}-311" in _END_REASONS else None,
            behaviour=Behaviour(connack=sequence(steps.receive_connect, step)),
        )
        for id_, (title, expected, step) in ends.items()
    ]


def _old_brokers() -> list[Scenario]:
    """Return brokers that respond to MQTT 5 as MQTT 3.1.1 has it, such as aedes before its version 1."""
    refused = replace(_refused_connect(1), message="the CONNACK is one of MQTT 3.1.1", hint=_NO_MQTT_5)
    codes = {"1": (1, refused), "5": (5, replace(_refused_connect(5), hint="IAM policy"))}
    return [
        Scenario(
            id=f"connack-311-{name}",
            title=f"responds to MQTT 5 with a CONNACK of MQTT 3.1.1 and code {code}, and closes",
            behaviour=Behaviour(
                connack=sequence(steps.respond_to_connect(partial(_connack_311, code)), steps.close_tls)
            ),
            expected=expected,
            versions=(MqttVersion.V5,),
        )
        for name, (code, expected) in codes.items()
    ]


def _connack_311(code: int, _level: int) -> bytes:
    return wire.frame(wire.connack(wire.MQTT_311, code))


# The verdict is the SDK's: it lets these pass, or waits on.
_PASSES = {"websocket-masked", "websocket-reserved"}
_PASSES_311 = {"mqtt-acknowledge-flags", "mqtt-other-version"}
_IGNORED = {"websocket-text", "websocket-long-ping"}
_IGNORED_311 = {"mqtt-pingresp-first"}


def _violated(id_: str, passes: set[str], ignored: set[str]) -> Expected:
    if id_ in passes:
        return HEALTHY
    if id_ == "mqtt-other-version":
        return replace(_VIOLATED, message="the CONNACK is one of MQTT 3.1.1", hint=_NO_MQTT_5)
    return _NO_CONNACK if id_ in ignored else _VIOLATED


def _violations() -> list[Scenario]:
    answers: Mapping[str, tuple[str, Callable[[int], bytes]]] = {
        "mqtt-garbage": ("answers CONNECT with garbage in a frame", _framed(lambda _: bytes(range(240, 256)) * 4)),
        "mqtt-flags": (
            "sends a CONNACK with reserved header flags set",
            _framed(lambda level: wire.packet(wire.CONNACK, wire.connack(level)[2:], flags=0x0F)),
        ),
        "mqtt-empty-connack": ("sends a CONNACK without a body", _framed(lambda _: wire.packet(wire.CONNACK))),
        "mqtt-endless-length": (
            "sends a CONNACK whose length has five bytes",
            _framed(lambda _: bytes([wire.CONNACK << 4, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0])),
        ),
        "mqtt-acknowledge-flags": (
            "sends a CONNACK with reserved acknowledge flags set",
            _framed(lambda level: wire.connack(level, flags=0xFE)),
        ),
        "mqtt-other-version": (
            "sends the CONNACK of the other MQTT version",
            _framed(lambda level: wire.connack(_other_level(level))),
        ),
        "mqtt-publish-first": (
            "sends a PUBLISH instead of the CONNACK",
            _framed(lambda level: wire.packet(wire.PUBLISH, wire.text("a/b") + _no_properties(level) + b"x")),
        ),
        "mqtt-pingresp-first": (
            "sends a PINGRESP instead of the CONNACK",
            _framed(lambda _: wire.packet(wire.PINGRESP)),
        ),
        "mqtt-suback-first": (
            "sends a SUBACK instead of the CONNACK",
            _framed(lambda level: wire.packet(wire.SUBACK, b"\0\1" + _no_properties(level) + b"\0")),
        ),
        "mqtt-disconnect-first": (
            "sends a DISCONNECT instead of the CONNACK",
            _framed(lambda level: wire.packet(wire.DISCONNECT, b"\x87\0" if level == wire.MQTT_5 else b"")),
        ),
        "mqtt-oversized": (
            "sends a CONNACK of 200 MB",
            _oversized,
        ),
        "websocket-masked": (
            "masks its frames, which no server may",
            lambda level: wire.frame(wire.connack(level), mask=b"\1\2\3\4"),
        ),
        "websocket-reserved": (
            "sets reserved bits in its frames",
            lambda level: wire.frame(wire.connack(level), reserved=0x7),
        ),
        "websocket-opcode": (
            "uses an opcode that does not exist",
            lambda level: wire.frame(wire.connack(level), opcode=0x3),
        ),
        "websocket-text": (
            "sends the CONNACK in a text frame",
            lambda level: wire.frame(wire.connack(level), opcode=wire.TEXT),
        ),
        "websocket-continuation-first": (
            "begins with a continuation frame",
            lambda level: wire.frame(wire.connack(level), opcode=wire.CONTINUATION),
        ),
        "websocket-long-ping": (
            "sends a ping longer than a ping may be",
            lambda _: wire.frame(b"p" * 500, opcode=wire.PING),
        ),
        "websocket-huge": (
            "announces a frame of 2^63 bytes",
            lambda level: wire.frame(wire.connack(level), length=1 << 63),
        ),
        "websocket-no-frame": ("sends garbage instead of a frame", lambda _: bytes(range(255, 127, -1))),
    }
    return [
        Scenario(
            id=id_,
            title=title,
            expected=_violated(id_, _PASSES, _IGNORED),
            expected_311=_violated(id_, _PASSES | _PASSES_311, _IGNORED | _IGNORED_311),
            behaviour=Behaviour(connack=steps.respond_to_connect(make)),
        )
        for id_, (title, make) in answers.items()
    ]


def _user_property(size: int) -> bytes:
    return bytes([wire.USER_PROPERTY]) + wire.text("k") + wire.text("v" * size)


def _fragmented(level: int) -> bytes:
    whole = wire.connack(level)
    first = wire.frame(whole[:1], fin=False)
    middle = [wire.frame(whole[i : i + 1], opcode=wire.CONTINUATION, fin=False) for i in range(1, len(whole) - 1)]
    return b"".join([first, *middle, wire.frame(whole[-1:], opcode=wire.CONTINUATION)])


def _split(level: int) -> bytes:
    return b"".join(wire.frame(bytes([byte])) for byte in wire.connack(level))


def _ping_first(level: int) -> bytes:
    return wire.frame(b"p", opcode=wire.PING) + wire.frame(wire.connack(level))


def _healthy() -> list[Scenario]:
    answers: Mapping[str, tuple[str, Behaviour]] = {
        "healthy": ("is healthy", Behaviour()),
        "healthy-tls-1.2": (
            "is healthy, with TLS 1.2",
            Behaviour(handshake=steps.tls_handshake(newest=ssl.TLSVersion.TLSv1_2)),
        ),
        "healthy-tls-1.1": (
            "is healthy, with TLS 1.1 at most, which the SDK accepts",
            Behaviour(handshake=steps.tls_handshake(newest=ssl.TLSVersion.TLSv1_1, ciphers="DEFAULT@SECLEVEL=0")),
        ),
        "healthy-other-curve": (
            "is healthy, and asks for another curve (HelloRetryRequest)",
            Behaviour(handshake=steps.tls_handshake(curve="secp384r1")),
        ),
        "healthy-longest-chain": (
            "is healthy, with seven certificates, the most that the SDK takes",
            Behaviour(handshake=steps.tls_handshake("longest-chain")),
        ),
        "split-connack": (
            "sends the CONNACK in a frame a byte",
            Behaviour(connack=steps.respond_to_connect(_split)),
        ),
        "fragmented-connack": (
            "sends the CONNACK as one fragmented message",
            Behaviour(connack=steps.respond_to_connect(_fragmented)),
        ),
        "ping-before-connack": (
            "sends a WebSocket ping before the CONNACK",
            Behaviour(connack=steps.respond_to_connect(_ping_first)),
        ),
        "large-connack": (
            "sends a CONNACK of 120 kB (user properties; MQTT 5)",
            Behaviour(
                connack=steps.respond_to_connect(
                    lambda level: wire.frame(wire.connack(level, properties=_user_property(60_000) * 2))
                )
            ),
        ),
        "disconnect-hangs": (
            "takes the DISCONNECT and keeps the connection",
            Behaviour(disconnect=steps.ignore_disconnect),
        ),
    }
    return [
        Scenario(id=id_, title=title, behaviour=behaviour, expected=HEALTHY)
        for id_, (title, behaviour) in answers.items()
    ]


def _slow() -> list[Scenario]:
    disconnect_late = sequence(steps.pause(PAUSE_S), steps.disconnect_cleanly)
    answers: Mapping[str, tuple[str, Mapping[Phase, float], Behaviour]] = {
        "slow-tls": (
            "is slow in the TLS handshake",
            {Phase.TLS: PAUSE_S},
            Behaviour(handshake=steps.tls_handshake(pause_s=PAUSE_S)),
        ),
        "slow-tls-1.2": (
            "is slow in the TLS handshake, with TLS 1.2",
            {Phase.TLS: PAUSE_S},
            Behaviour(handshake=steps.tls_handshake(newest=ssl.TLSVersion.TLSv1_2, pause_s=PAUSE_S)),
        ),
        "slow-upgrade": (
            "is slow to answer the upgrade",
            {Phase.UPGRADE: PAUSE_S},
            Behaviour(upgrade=steps.switch_protocols(pause_s=PAUSE_S)),
        ),
        "drip-upgrade": (
            "answers the upgrade byte by byte",
            {Phase.UPGRADE: _DRIPPED_HEAD_BYTES * _DRIP_HEAD_S},
            Behaviour(upgrade=steps.switch_protocols(every_s=_DRIP_HEAD_S)),
        ),
        "slow-connack": (
            "is slow to answer CONNECT",
            {Phase.CONNACK: PAUSE_S},
            Behaviour(connack=steps.send_connack(pause_s=PAUSE_S)),
        ),
        "drip-connack": (
            "sends the CONNACK byte by byte",
            {Phase.CONNACK: _DRIPPED_CONNACK_BYTES * _DRIP_CONNACK_S},
            Behaviour(connack=steps.send_connack_slowly(_DRIP_CONNACK_S)),
        ),
        "slow-disconnect": ("is slow to close after DISCONNECT", {}, Behaviour(disconnect=disconnect_late)),
        "slow-everywhere": (
            "is slow in every phase",
            {Phase.TLS: PAUSE_S, Phase.UPGRADE: PAUSE_S, Phase.CONNACK: PAUSE_S},
            Behaviour(
                handshake=steps.tls_handshake(pause_s=PAUSE_S),
                upgrade=steps.switch_protocols(pause_s=PAUSE_S),
                connack=steps.send_connack(pause_s=PAUSE_S),
                disconnect=disconnect_late,
            ),
        ),
    }
    return [
        Scenario(id=id_, title=title, behaviour=behaviour, expected=HEALTHY, pauses_s=pauses_s)
        for id_, (title, pauses_s, behaviour) in answers.items()
    ]


def _slow_refusals() -> list[Scenario]:
    return [
        Scenario(
            id="slow-tls-alert",
            title="is slow to answer the ClientHello, with a TLS alert",
            behaviour=Behaviour(accept=steps.alert(40, pause_s=PAUSE_S)),
            expected=_TLS_FAILED,
            pauses_s={Phase.TLS: PAUSE_S},
        ),
        Scenario(
            id="slow-http-403",
            title="is slow to answer the upgrade, with HTTP 403",
            behaviour=Behaviour(upgrade=steps.refuse(_STATUSES[403], pause_s=PAUSE_S)),
            expected=_refused_status(403),
            pauses_s={Phase.UPGRADE: PAUSE_S},
        ),
        *(
            Scenario(
                id=f"late-http-{status}",
                title=f"answers the upgrade with HTTP {status} after {_LATE_S[status]} s",
                behaviour=Behaviour(upgrade=steps.refuse(_STATUSES[status], pause_s=_LATE_S[status])),
                expected=_refused_status(status),
                pauses_s={Phase.UPGRADE: _LATE_S[status]},
            )
            for status in _LATE_S
        ),
        Scenario(
            id="proxy-late-http-403",
            title=f"answers the upgrade with HTTP 403 after {_LATE_S[401]} s, behind an egress proxy",
            proxy="egress-healthy",
            behaviour=Behaviour(upgrade=steps.refuse(_STATUSES[403], pause_s=_LATE_S[401])),
            expected=_refused_status(403),
            pauses_s={Phase.UPGRADE: _LATE_S[401]},
        ),
        Scenario(
            id="slow-connack-5-135",
            title="is slow to refuse CONNECT with code 5 (3.1.1) or 135 (5)",
            behaviour=Behaviour(connack=steps.send_connack(5, 135, pause_s=PAUSE_S)),
            expected=_refused_connect(135),
            expected_311=replace(_refused_connect(5), diagnosis_s=PAUSE_S),
            pauses_s={Phase.CONNACK: PAUSE_S},
        ),
    ]


def _lost() -> list[Scenario]:
    lost = Expected(phase=Phase.DISCONNECT, failure=Failure.DISCONNECT_FAILED)
    ends = {"close": steps.close, "close-tls": steps.close_tls}
    return [
        Scenario(
            id=f"lost-{name}",
            title=f"accepts CONNECT and is gone before DISCONNECT ({name.replace('-', ' ')})",
            behaviour=Behaviour(connack=sequence(steps.cork, steps.send_connack()), disconnect=end),
            expected=_ended_with(lost, f"lost-{name}"),
        )
        for name, end in ends.items()
    ]


SCENARIOS: tuple[Scenario, ...] = (
    *_proxies(),
    *_tcp_and_dns(),
    *_tls(),
    *_unsupported(),
    *_certificates(),
    *_refused_upgrades(),
    *_upgrades(),
    *_codes(),
    *_missing_connacks(),
    *_old_brokers(),
    *_violations(),
    *_lost(),
    *_healthy(),
    *_slow(),
    *_slow_refusals(),
)
BY_ID: Mapping[str, Scenario] = {scenario.id: scenario for scenario in SCENARIOS}
