"""Random bytes at each layer, reproducible: the n-th client of a listener always gets the same ones."""

from collections.abc import Callable, Mapping
from random import Random

from tests.faulty import steps, wire
from tests.faulty.server_connection import ServerConnection
from tests.faulty.steps import Behaviour

_PREFIX = "fuzz-"
_MAX_BYTES = 400
_CONNACK, _NO_PACKET = bytes([wire.CONNACK << 4]), b"\x00"


def is_fuzz(id_: str) -> bool:
    """Return whether `id_` is `fuzz-<layer>:<seed>`."""
    return id_.startswith(_PREFIX)


def fuzz_behaviour(id_: str) -> Behaviour:
    """Return the behaviour of `fuzz-<layer>:<seed>`; raise KeyError for an unknown layer."""
    layer, _, seed = id_.removeprefix(_PREFIX).partition(":")
    return _LAYERS[layer](seed)


def _random(seed: str, number: int) -> Random:
    return Random(f"{seed}/{number}")  # noqa: S311 - reproducible, not secret


async def _end_connection(connection: ServerConnection, random: Random) -> bool:
    """End the connection in one of the ways that connections end."""
    return await random.choice((steps.silence, steps.close, steps.close_tls, steps.reset))(connection)


def _mutate(whole: bytes, random: Random) -> bytes:
    """Return `whole` with some bytes changed, removed, repeated or inserted; or entirely random bytes."""
    if random.random() < 1 / 4:
        return random.randbytes(random.randrange(_MAX_BYTES))
    data = bytearray(whole)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(data) + 1)
        match random.randrange(4):
            case 0 if at < len(data):
                data[at] = random.randrange(256)
            case 1:
                del data[at : at + random.randint(1, 8)]
            case 2:
                data[at:at] = data[at : at + random.randint(1, 32)]
            case _:
                data[at:at] = random.randbytes(random.randint(1, 16))
    return bytes(data)


def _without_second_connack(data: bytes, level: int) -> bytes:
    """Return `data` without a second CONNACK, where it crashes the SDK.

    awscrt 0.36.1's MQTT 3.1.1 client schedules its ping task a second time and later runs freed memory (SIGSEGV).
    """
    if level == wire.MQTT_5:
        return data
    before, marker, after = data.partition(_CONNACK)
    return before + marker + after.replace(_CONNACK, _NO_PACKET)


def _upgrade(seed: str) -> Behaviour:
    async def respond(connection: ServerConnection) -> bool:
        request = await connection.read_request()
        random = _random(seed, connection.request_log.upgrades)
        accept = wire.accept_key(request.headers.get("sec-websocket-key", ""))
        status = random.choice(("101 Switching Protocols", "403 Forbidden", "200 OK", "503 Service Unavailable"))
        head = (
            f"HTTP/1.1 {status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\nContent-Length: 2\r\n\r\nno"
        )
        await connection.send(_mutate(head.encode(), random))
        return await _end_connection(connection, random)

    return Behaviour(upgrade=respond)


def _frames(seed: str) -> Behaviour:
    async def respond(connection: ServerConnection) -> bool:
        connect = await connection.read_connect()
        random = _random(seed, connection.request_log.connects)
        whole = wire.connack(connect.level, random.choice((0, 0, 5, 135)))
        frames = wire.frame(
            whole,
            opcode=random.choice((wire.BINARY, wire.BINARY, random.randrange(16))),
            fin=random.random() < 2 / 3,
            reserved=random.choice((0, 0, random.randrange(8))),
        ) + wire.frame(
            random.randbytes(random.randrange(130)), opcode=random.choice((wire.PING, wire.CLOSE, wire.PONG))
        )
        await connection.send(_without_second_connack(_mutate(frames, random), connect.level))
        return await _end_connection(connection, random)

    return Behaviour(connack=respond)


def _mqtt(seed: str) -> Behaviour:
    async def respond(connection: ServerConnection) -> bool:
        connect = await connection.read_connect()
        random = _random(seed, connection.request_log.connects)
        whole = wire.connack(connect.level, random.choice((0, 5, 135)), properties=_properties(random))
        data = _without_second_connack(_mutate(whole, random), connect.level)
        cut = random.randrange(len(data) + 1)
        await connection.send(wire.frame(data[:cut]) + wire.frame(data[cut:]))
        return await _end_connection(connection, random)

    return Behaviour(connack=respond)


def _properties(random: Random) -> bytes:
    properties = [
        bytes([wire.REASON_STRING]) + wire.text("no"),
        bytes([wire.USER_PROPERTY]) + wire.text("a") + wire.text("b"),
        random.randbytes(random.randrange(6)),
    ]
    return b"".join(random.sample(properties, random.randrange(len(properties) + 1)))


def _tls(seed: str) -> Behaviour:
    async def respond(connection: ServerConnection) -> bool:
        random = _random(seed, connection.number)
        hello = bytes.fromhex("16030300280200002403036e6f") + random.randbytes(30)
        await steps.receive(connection)
        await connection.send(_mutate(hello, random))
        return await _end_connection(connection, random)

    return Behaviour(accept=respond)


_LAYERS: Mapping[str, Callable[[str], Behaviour]] = {"tls": _tls, "upgrade": _upgrade, "frames": _frames, "mqtt": _mqtt}
LAYERS = tuple(_LAYERS)
