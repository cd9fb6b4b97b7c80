"""What an egress proxy responds to CONNECT: taken as the SDK takes it, and quoted safely."""

import asyncio
import contextlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.model.redaction import MAX_TEXT_CHARACTERS
from connect_canary.network.dialer import connect_as_sdk
from connect_canary.network.errors import DialError
from connect_canary.network.http_head import parse_response_head
from connect_canary.network.proxy import Proxy, connect_through_proxy
from connect_canary.network.resolver import resolve

PASSWORD = "planted-proxy-password"
PAIR = b64encode(f"someone:{PASSWORD}".encode()).decode()
AUTHORITY = "iot.example.com:443"
OK = b"HTTP/1.1 200 Connection established\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def _connect(*parts: bytes, ends: bool = False) -> DialError | None:
    """Return how CONNECT fails at a proxy that responds with `parts`, one after another, and then closes if it ends."""
    requests: list[bytes] = []
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        with contextlib.suppress(OSError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01)
            if not ends:
                await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        served.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        proxy = Proxy(host="127.0.0.1", port=port, authorization=f"Basic {PAIR}")
        connected, _ = await connect_as_sdk(await resolve(proxy.host, proxy.port), [])
        try:
            async with asyncio.timeout(10):
                await connect_through_proxy(connected, proxy, AUTHORITY)
        except DialError as error:
            assert connected.fileno() == -1
            return error
        finally:
            connected.close()
            await served.wait()
            assert f"CONNECT {AUTHORITY} HTTP/1.1\r\nHost: {AUTHORITY}\r\n".encode() in requests[0]
    return None


@pytest.mark.parametrize(
    "parts",
    [
        (OK,),
        (b"HTTP/1.0 200 OK\r\n\r\n",),
        (b"HTTP/1.1 200 \r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nVia: 1.1 here\r\n\r\n",),
        (CONTINUE + OK,),
        (CONTINUE, OK),
        (CONTINUE, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK),
        tuple(bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["plain", "1.0", "no-phrase", "headers", "continue-together", "continue", "two-interim", "byte-by-byte"],
)
async def test_success_is_what_the_sdk_takes_for_it(parts: tuple[bytes, ...]) -> None:
    """Interim responses may come before the 200 (awscrt 0.36.1, measured)."""
    assert await _connect(*parts) is None


@pytest.mark.parametrize(
    "response",
    [
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\x01\x02",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
    ],
)
async def test_response_that_the_sdk_does_not_take_is_not_http(response: bytes) -> None:
    """It is told at once, without waiting for an end that may never come (awscrt 0.36.1, measured)."""
    error = await _connect(response)
    assert error is not None
    assert (error.error_name, error.http_status) == ("NotHttp", None)


@pytest.mark.parametrize(("size", "name"), [(16384, "ECONNABORTED"), (16385, "NotHttp")])
async def test_head_that_does_not_end(size: int, name: str) -> None:
    """More than 16 KiB are not HTTP; as much as that may still go on."""
    error = await _connect(b"HTTP/1.1 200 OK\r\nA: ".ljust(size, b"a"), ends=True)
    assert error is not None
    assert error.error_name == name


@pytest.mark.parametrize("parts", [(), (b"HTTP/1.1 200 Connec",), (CONTINUE,)])
async def test_early_end_is_told(parts: tuple[bytes, ...]) -> None:
    """The proxy closes before it has responded."""
    error = await _connect(*parts, ends=True)
    assert error is not None
    assert error.error_name in {"ECONNABORTED", "ECONNRESET"}
    assert "closes the connection after CONNECT" in str(error)


@pytest.mark.parametrize(
    ("response", "status", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", 403, "403 Forbidden"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, "204 No Content"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "101 Switching Protocols"),
        (b"HTTP/1.1 502 \r\n\r\n", 502, "502"),
        (
            b'HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: Basic realm="x"\r\n\r\n',
            407,
            '407 No (Proxy-Authenticate: Negotiate, Basic realm="x")',
        ),
        (
            b"HTTP/1.1 503 No\r\nServer: squid\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\nDate: x\r\nVia: 1.1 gate\r\n\r\n",
            503,
            "503 No (X-Squid-Error: ERR_DNS_FAIL 0; Via: 1.1 gate; Server: squid)",
        ),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nProxy-Status: gate; error=connection_refused\r\n\r\n",
            502,
            "502 Bad Gateway (Proxy-Status: gate; error=connection_refused)",
        ),
    ],
)
async def test_refusal_is_told_in_the_proxys_own_words(response: bytes, status: int, words: str) -> None:
    """Status line, RFC 9209, squid's own header, and who it is."""
    error = await _connect(response)
    assert error is not None
    assert error.http_status == status
    assert str(error).endswith(f"responds to CONNECT with {words}")


async def test_refusal_shows_no_control_characters_and_no_password() -> None:
    """The words are foreign: printable, bounded, and without what was sent to the proxy."""
    echo = f"\x1b[31m\x07{PAIR}\u202e\x85{PASSWORD}{PAIR.lower()}".encode() + b"\xff" + b"y" * 5000
    error = await _connect(b"HTTP/1.1 403 \x1b]0;title\x07no\r\nX-Squid-Error: " + echo + b"\r\n\r\n")
    message = str(error)
    assert message.isprintable()
    assert len(message) < MAX_TEXT_CHARACTERS + 100
    assert "403" in message
    assert "***" in message
    assert PASSWORD not in message
    assert PAIR.lower() not in message.lower()


@given(st.binary(), st.binary())
def test_any_bytes_are_a_head_or_none(line: bytes, rest: bytes) -> None:
    """Nothing that a proxy sends raises."""
    for head in (line, b"HTTP/1.1 403 " + line, b"HTTP/1.1 403 no\r\n" + line + b"\r\n" + rest):
        parsed = parse_response_head(head)
        assert parsed is None or parsed.status == 403


@pytest.mark.parametrize("authorization", [None, "Basic", "Basic !!!", "Basic /w==", "Bearer abc"])
def test_authorization_of_any_kind_has_secrets(authorization: str | None) -> None:
    """What cannot be decoded is masked as it was sent."""
    secrets = Proxy(host="proxy.test", port=3128, authorization=authorization).secrets
    assert (authorization or "").partition(" ")[2] in secrets
