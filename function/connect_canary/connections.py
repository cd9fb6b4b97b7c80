"""The SDK's clients: one per MQTT version, one way to authenticate per mode. Alone makes MQTT clients.

They are made with the arguments of awsiotsdk's builders, but share a TLS context, which the builders make for each client.
"""

import asyncio
import contextlib
import functools
import hashlib
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote, unquote

from awscrt import mqtt, mqtt5
from awscrt.auth import (
    AwsCredentials,
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.aws_iot_metrics import IOT_SDK_METRICS_FEATURE_VERSION, AWSIoTMetrics, IoTMetricsMetadata
from awscrt.crypto import RSA, RSASignatureAlgorithm
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpProxyOptions, HttpRequest
from awscrt.io import ClientTlsContext, TlsContextOptions, is_alpn_available
from awsiot import __version__ as SDK_VERSION  # noqa: N812 - a constant

from connect_canary.settings import AuthMode, MqttVersion, Placement, Secret
from connect_canary.targets import Target, password_bytes

SIGNING_SERVICE = "iotdevicegateway"  # AWS IoT developer guide, "MQTT over WebSockets"
_KEEP_ALIVE_S = 1200
_NEVER_MS = 3_600_000
_ALPN_PORT = 443
_ASKED_FOR = "AWS_ERROR_MQTT5_USER_REQUESTED_STOP"
_AWS_IOT_CORE_DEFAULTS = mqtt5.ExtendedValidationAndFlowControlOptions.AWS_IOT_CORE_DEFAULTS
_SAFE_IN_USERNAME = "@:/,-._~"

Sign = Callable[[HttpRequest], "Future[object]"]


class Refused(Exception):  # noqa: N818 - named for what the target did; it never leaves an attempt
    """The SDK's client did not get its CONNACK."""

    def __init__(self, error: Exception, *, connack_code: int | None = None, reason_string: str | None = None) -> None:
        """Keep the SDK's name for the error and what a CONNACK said."""
        self.error_name = error.name if isinstance(error, AwsCrtError) else type(error).__name__
        self.connack_code = connack_code
        self.reason_string = reason_string
        super().__init__(self.error_name)


class Connection(Protocol):
    """An SDK client in the hands of an attempt."""

    async def connect(self) -> float:
        """Return the moment (`time.perf_counter`) of the CONNACK; raise Refused."""

    async def disconnect(self) -> None:
        """Send DISCONNECT and return when the client has ended; raise Refused when the connection was lost before."""

    async def stopped(self) -> None:
        """Return when the client has ended, after its tunnel was cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a mode puts into the WebSocket upgrade request and into the CONNECT."""

    sign: Sign
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    sdk_metrics: bool = True
    secrets: tuple[str, ...] = field(default=(), repr=False)


async def handshake(target: Target) -> Handshake:
    """Return how `target` authenticates; raise AwsCrtError when the credential chain finds nothing."""
    if target.auth_mode in {AuthMode.SIGV4, AuthMode.SIGV4_STATIC}:
        provider, found = await _credentials(target)
        secrets = (found.access_key_id, found.secret_access_key, found.session_token)
        return Handshake(
            sign=_sigv4(target.signing_region, provider), secrets=tuple(secret for secret in secrets if secret)
        )
    fields = _authorizer_fields(target)
    password = password_bytes(target.authorizer_password)
    username = quote(_once(target.authorizer_username), safe=_SAFE_IN_USERNAME)
    match target.authorizer_placement:
        case Placement.HEADERS:
            sign = _with_headers({_HEADER_NAMES.get(name, name): value for name, value in fields.items()})
        case Placement.QUERY:
            sign = _with_query(_query(fields))
        case Placement.USERNAME:
            sign = _unchanged
            username = f"{username}?{_query(fields)}" if fields else username
    return Handshake(
        sign=sign,
        username=username or None,
        password=password,
        sdk_metrics=False,
        secrets=_authorizer_secrets(target, fields, password),
    )


def open_connection(
    target: Target, client_id: str, how: Handshake, tunnel: tuple[str, int], deadline_ms: int
) -> Connection:
    """Return an SDK client for `target` that connects through `tunnel` when told to."""
    return _CONNECTIONS[target.mqtt_version](target, client_id, how, tunnel, deadline_ms)


def check(target: Target) -> list[tuple[str, str]]:
    """Return the settings that the SDK itself cannot use, each with the rest of the sentence about it."""
    problems: list[tuple[str, str]] = []
    if target.authorizer_signing_key is not None:
        try:
            RSA.new_private_key_from_pem_data(target.authorizer_signing_key.reveal())
        except (ValueError, AwsCrtError):
            problems.append(("authorizer_signing_key", "is '***'; allowed: an RSA private key in PEM without passphrase"))
    if target.ca_file:
        try:
            tls_context(target)
        except OSError as error:
            problems.append(("ca_file", f"is {_shown_ca(target)}, which cannot be read: {error.strerror}"))
        except (ValueError, AwsCrtError):
            problems.append(("ca_file", f"is {_shown_ca(target)}; allowed: a bundle of certificates in PEM"))
    return problems


def trust_store(target: Target) -> bytes | None:
    """Return the PEM bundle to trust instead of the system's; raise OSError when it cannot be read."""
    if not target.ca_file:
        return None
    if "-----BEGIN" in target.ca_file:
        return target.ca_file.encode()
    return Path(target.ca_file).read_bytes()


def _shown_ca(target: Target) -> str:
    return "PEM text" if "-----BEGIN" in target.ca_file else repr(target.ca_file)


# -- how the modes authenticate ------------------------------------------------------------------------------------

_NAME, _SIGNATURE = "x-amz-customauthorizer-name", "x-amz-customauthorizer-signature"
_HEADER_NAMES: Mapping[str, str] = {
    _NAME: "X-Amz-CustomAuthorizer-Name",
    _SIGNATURE: "X-Amz-CustomAuthorizer-Signature",
}


async def _credentials(target: Target) -> tuple[AwsCredentialsProvider, AwsCredentials]:
    """Return the mode's provider and what it provides now; raise AwsCrtError."""
    if target.auth_mode is AuthMode.SIGV4_STATIC:
        provider = AwsCredentialsProvider.new_static(
            cast("Secret", target.access_key_id).reveal(),
            cast("Secret", target.secret_access_key).reveal(),
            target.session_token.reveal() if target.session_token else None,
        )
    else:
        provider = AwsCredentialsProvider.new_environment()
    try:
        return provider, await asyncio.wrap_future(provider.get_credentials())
    except AwsCrtError:
        if target.auth_mode is AuthMode.SIGV4_STATIC:
            raise
        return _default_chain(), await asyncio.wrap_future(_default_chain().get_credentials())


@functools.cache
def _default_chain() -> AwsCredentialsProvider:
    """Return the SDK's default chain, which looks at the environment first and renews what expires.

    Making one takes 15 ms (measured), which Lambda, whose credentials are in the environment, need not wait for.
    """
    return AwsCredentialsProvider.new_default_chain()


def _sigv4(region: str, provider: AwsCredentialsProvider) -> Sign:
    def sign(request: HttpRequest) -> "Future[object]":
        config = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
            credentials_provider=provider,
            region=region,
            service=SIGNING_SERVICE,
            omit_session_token=True,  # AWS IoT wants the token appended after signing
        )
        return cast("Future[object]", aws_sign_request(request, config))

    return sign


def _authorizer_fields(target: Target) -> dict[str, str]:
    """Return what AWS IoT itself reads, each value as it is before any encoding."""
    fields: dict[str, str] = {}
    if target.authorizer_name:
        fields[_NAME] = _once(target.authorizer_name)
    if target.auth_mode is not AuthMode.CUSTOM_SIGNED:
        return fields
    token = _once(cast("Secret", target.authorizer_token_value).reveal())
    fields[_once(target.authorizer_token_key_name)] = token
    if target.authorizer_signing_key is not None:
        fields[_SIGNATURE] = sign_token(target.authorizer_signing_key, token)
    else:
        signature = cast("Secret", target.authorizer_token_signature).reveal()
        fields[_SIGNATURE] = unquote("".join(signature.split()))
    return fields


def _authorizer_secrets(target: Target, fields: Mapping[str, str], password: bytes | None) -> tuple[str, ...]:
    """Return what no answer of the endpoint may be quoted with."""
    secrets = [value for name, value in fields.items() if name != _NAME]
    if password:
        secrets += [password.decode("utf-8", "replace"), b64encode(password).decode()]
    if target.authorizer_signing_key is not None:
        secrets.append(target.authorizer_signing_key.reveal())
    return tuple(secrets)


def sign_token(key: Secret, token: str) -> str:
    """Return the token's signature, SHA256withRSA (PKCS#1 v1.5), base64 (AWS IoT developer guide, custom-auth)."""
    rsa = RSA.new_private_key_from_pem_data(key.reveal())
    return b64encode(rsa.sign(RSASignatureAlgorithm.PKCS1_5_SHA256, hashlib.sha256(token.encode()).digest())).decode()


def _once(value: str) -> str:
    """Return `value` before encoding, whether or not the user has percent-encoded it already."""
    plain = unquote(value)
    return plain if quote(plain, safe="").lower() == value.lower() else value


def _query(fields: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields.items())


def _with_headers(headers: Mapping[str, str]) -> Sign:
    def sign(request: HttpRequest) -> "Future[object]":
        for name, value in headers.items():
            request.headers.set(name, value)
        return _unchanged(request)

    return sign


def _with_query(query: str) -> Sign:
    def sign(request: HttpRequest) -> "Future[object]":
        if query:
            request.path = f"{request.path}?{query}"
        return _unchanged(request)

    return sign


def _unchanged(_request: HttpRequest) -> "Future[object]":
    done: Future[object] = Future()
    done.set_result(None)
    return done


# -- the SDK's two clients -----------------------------------------------------------------------------------------


def _transform(sign: Sign) -> Callable[..., None]:
    """Return the SDK's callback that changes the upgrade request before it is sent."""

    def transform(transform_args: Any, **_: Any) -> None:  # noqa: ANN401 - the SDK gives no type
        try:
            signed = sign(transform_args.http_request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the SDK must hear of it or the client hangs
            transform_args.set_done(error)
        else:
            signed.add_done_callback(lambda done: transform_args.set_done(done.exception()))

    return transform


def tls_context(target: Target) -> ClientTlsContext:
    """Return the SDK's TLS context for `target`; raise AwsCrtError or ValueError when it cannot use the trust store."""
    return _tls_context(trust_store(target), alpn=target.port == _ALPN_PORT and is_alpn_available())


@functools.lru_cache(maxsize=8)
def _tls_context(trust: bytes | None, *, alpn: bool) -> ClientTlsContext:
    """Return a TLS context as the SDK's builders make it.

    One is made for all attempts that trust the same: reading the system's bundle takes 16 ms (measured).
    """
    options = TlsContextOptions()
    if trust is not None:
        options.override_default_trust_store(trust)
    if alpn:
        options.alpn_list = ["http/1.1"]
    return ClientTlsContext(options)


@functools.cache
def _sdk_metrics() -> AWSIoTMetrics:
    """Return what the SDK's builders tell AWS IoT about themselves in the user name."""
    entries = {"IoTSDKVersion": SDK_VERSION, "IoTSDKMetricsVersion": str(IOT_SDK_METRICS_FEATURE_VERSION)}
    return AWSIoTMetrics(metadata_entries=[IoTMetricsMetadata(key=key, value=value) for key, value in entries.items()])


class _Settled:
    """A result that a CRT thread settles and a coroutine awaits; the first one counts."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[float] = self._loop.create_future()

    def settle(self, error: Refused | None = None) -> None:
        """Settle with the moment of this call, or with `error`; safe on any thread and after the loop's end."""
        now = time.perf_counter()

        def settle() -> None:
            if self._future.done():
                return
            if error is None:
                self._future.set_result(now)
            else:
                self._future.set_exception(error)
                self._future.exception()

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(settle)

    def settle_from(self, done: "Future[object]") -> None:
        """Settle as `done` was settled."""
        error = done.exception()
        self.settle(Refused(error) if isinstance(error, Exception) else None)

    def wait(self) -> Awaitable[float]:
        """Wait for the result; a cancelled waiter leaves it to the next one."""
        return asyncio.shield(self._future)


class _Mqtt5Connection:
    """MQTT 5: the client retries until it is told to stop, so the first lifecycle event is the verdict."""

    def __init__(
        self, target: Target, client_id: str, how: Handshake, tunnel: tuple[str, int], deadline_ms: int
    ) -> None:
        # The native client keeps its callbacks alive: none of them may hold this object, which holds the client.
        verdict, stopped, lost = _Settled(), _Settled(), _Lost()
        self._verdict, self._stopped, self._lost = verdict, stopped, lost

        def failed(data: mqtt5.LifecycleConnectFailureData) -> None:
            packet = data.connack_packet
            code, said = (packet.reason_code, packet.reason_string) if packet else (None, None)
            # The SDK has no reason code for a number that the specification does not list.
            verdict.settle(Refused(data.exception, connack_code=None if code is None else int(code), reason_string=said))

        self._client = mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=target.host,
                port=target.port,
                tls_ctx=tls_context(target),
                http_proxy_options=HttpProxyOptions(*tunnel),
                websocket_handshake_transform=_transform(how.sign),
                connect_options=mqtt5.ConnectPacket(
                    client_id=client_id,
                    keep_alive_interval_sec=_KEEP_ALIVE_S,
                    username=how.username,
                    password=how.password,
                ),
                disable_metrics=not how.sdk_metrics,
                metrics=_sdk_metrics() if how.sdk_metrics else None,
                extended_validation_and_flow_control_options=_AWS_IOT_CORE_DEFAULTS,
                ping_timeout_ms=deadline_ms,
                connack_timeout_ms=deadline_ms,
                min_reconnect_delay_ms=_NEVER_MS,
                max_reconnect_delay_ms=_NEVER_MS,
                on_lifecycle_event_connection_success_fn=lambda _: verdict.settle(),
                on_lifecycle_event_connection_failure_fn=failed,
                on_lifecycle_event_disconnection_fn=lambda data: lost.note(data.exception),
                on_lifecycle_event_stopped_fn=lambda _: stopped.settle(),
            )
        )

    async def connect(self) -> float:
        self._client.start()
        return await self._verdict.wait()

    async def disconnect(self) -> None:
        self._client.stop(mqtt5.DisconnectPacket())
        await self._stopped.wait()
        self._lost.check()

    async def stopped(self) -> None:
        self._client.stop()
        await self._stopped.wait()


class _Mqtt311Connection:
    """MQTT 3.1.1: the connect future is the verdict."""

    def __init__(
        self, target: Target, client_id: str, how: Handshake, tunnel: tuple[str, int], deadline_ms: int
    ) -> None:
        self._verdict, self._closed, lost = _Settled(), _Settled(), _Lost()
        self._lost = lost
        self._connection = mqtt.Connection(
            client=mqtt.Client(tls_ctx=tls_context(target)),
            host_name=target.host,
            port=target.port,
            client_id=client_id,
            clean_session=True,
            use_websockets=True,
            proxy_options=HttpProxyOptions(*tunnel),
            websocket_handshake_transform=_transform(how.sign),
            username=how.username,
            password=how.password,
            disable_metrics=not how.sdk_metrics,
            metrics=_sdk_metrics() if how.sdk_metrics else None,
            keep_alive_secs=_KEEP_ALIVE_S,
            ping_timeout_ms=deadline_ms,
            reconnect_min_timeout_secs=_NEVER_MS // 1000,
            reconnect_max_timeout_secs=_NEVER_MS // 1000,
            on_connection_interrupted=lambda error, **_: lost.note(error),
        )

    async def connect(self) -> float:
        self._connection.connect().add_done_callback(self._verdict.settle_from)
        return await self._verdict.wait()

    async def disconnect(self) -> None:
        await self.stopped()
        self._lost.check()

    async def stopped(self) -> None:
        self._connection.disconnect().add_done_callback(self._closed.settle_from)
        await self._closed.wait()


class _Lost:
    """Whether the connection was lost before its DISCONNECT."""

    def __init__(self) -> None:
        self._error: Exception | None = None

    def note(self, error: Exception) -> None:
        """Remember a loss that nobody asked for."""
        if getattr(error, "name", "") != _ASKED_FOR:
            self._error = error

    def check(self) -> None:
        """Raise Refused if the connection was lost."""
        if self._error is not None:
            raise Refused(self._error) from self._error


_Open = Callable[[Target, str, Handshake, tuple[str, int], int], Connection]
_CONNECTIONS: Mapping[MqttVersion, _Open] = {
    MqttVersion.V5: _Mqtt5Connection,
    MqttVersion.V3_1_1: _Mqtt311Connection,
}
