"""The phase detector: record headers in, phases out, however TCP cuts the stream."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect_canary.model.phases import Phase
from connect_canary.network.errors import DialError
from connect_canary.network.phase_detector import PhaseDetector
from connect_canary.network.tls_records import is_tls
from connect_canary.network.trace import Trace

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLOSE_NOTIFY, HANDSHAKE_FAILURE = b"\x01\x00", b"\x02\x28"
LIMIT = 1 << 20

Record = tuple[int, int | bytes]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side sends at a stretch, and where things stand afterwards."""

    records: Sequence[Record]
    phase: Phase
    from_client: bool = True
    client_closed: bool = False
    ended: bool = False


@dataclass(slots=True)
class Watched:
    """A detector in the TLS phase, and what it has called for."""

    trace: Trace = field(default_factory=Trace)
    stopped: list[str] = field(default_factory=list)
    ended: int = 0
    detector: PhaseDetector = field(init=False)

    def __post_init__(self) -> None:
        """Start in the TLS phase."""
        self.detector = PhaseDetector(self.trace, stop=self._stop, closing=self._end)
        self.trace.start_phase(Phase.TLS)

    def _stop(self, error: DialError) -> None:
        self.stopped.append(error.error_name)

    def _end(self) -> None:
        self.ended += 1

    def send(self, chunks: Iterable[bytes], *, from_client: bool) -> None:
        """Let `chunks` pass."""
        for chunk in chunks:
            (self.detector.feed_client if from_client else self.detector.feed_server)(chunk)

    def state(self) -> tuple[Phase | None, bool, bool]:
        """Return the phase, whether the client has ended, and whether the endpoint is reported as closed."""
        return self.trace.phase, self.trace.client_closed, self.ended > 0


def record(kind: int, body: int | bytes) -> bytes:
    """Return a record (RFC 8446, section 5.1) with this body, or one of so many bytes."""
    content = body if isinstance(body, bytes) else b"\x2e" * body
    return bytes([kind, 3, 3]) + len(content).to_bytes(2) + content


def client(phase: Phase, *records: Record, client_closed: bool = False, ended: bool = False) -> Turn:
    """Return what the client sends."""
    return Turn(records, phase, client_closed=client_closed, ended=ended)


def server(phase: Phase, *records: Record, client_closed: bool = False, ended: bool = False) -> Turn:
    """Return what the endpoint sends."""
    return Turn(records, phase, from_client=False, client_closed=client_closed, ended=ended)


# Record lengths are those of awscrt 0.36.1 against OpenSSL.
_TLS_1_3 = (
    client(Phase.TLS, (HANDSHAKE, 1528)),
    server(Phase.TLS, (HANDSHAKE, 122), (CCS, 1), (DATA, 36), (DATA, 564), (DATA, 96), (DATA, 69)),
    client(Phase.TLS, (CCS, 1), (DATA, 69)),
    server(Phase.TLS, (DATA, 250), (DATA, 250)),
)
_REQUEST = client(Phase.UPGRADE, (DATA, 199))
_SWITCHED = server(Phase.UPGRADE, (DATA, 176))
_CONNECT = client(Phase.CONNACK, (DATA, 59))
_CONNACK = server(Phase.CONNACK, (DATA, 24))
_DISCONNECTING = Turn((), Phase.DISCONNECT)
_UNTIL_CONNACK = (*_TLS_1_3, _REQUEST, _SWITCHED, _CONNECT, _CONNACK)
_UNTIL_DISCONNECT = (*_UNTIL_CONNACK, _DISCONNECTING)

CONVERSATIONS: dict[str, tuple[Turn, ...]] = {
    "TLS 1.3": (
        *_UNTIL_DISCONNECT,
        client(Phase.DISCONNECT, (DATA, 27), (DATA, 25), (DATA, 19), client_closed=True),
        server(Phase.DISCONNECT, (DATA, 19), client_closed=True, ended=True),
    ),
    "TLS 1.3, Finished and request at once, tickets after them": (
        *_TLS_1_3[:2],
        client(Phase.UPGRADE, (CCS, 1), (DATA, 69), (DATA, 199)),
        server(Phase.UPGRADE, (DATA, 250), (DATA, 250), (DATA, 176)),
        _CONNECT,
    ),
    "TLS 1.3, SHA-256": (*_TLS_1_3[:2], client(Phase.TLS, (CCS, 1), (DATA, 53)), _REQUEST, _SWITCHED, _CONNECT),
    "TLS 1.3, HelloRetryRequest": (
        client(Phase.TLS, (HANDSHAKE, 1528)),
        server(Phase.TLS, (HANDSHAKE, 88), (CCS, 1)),
        client(Phase.TLS, (CCS, 1), (HANDSHAKE, 1594)),
        server(Phase.TLS, (HANDSHAKE, 155), (DATA, 36), (DATA, 900), (DATA, 69)),
        client(Phase.TLS, (DATA, 69)),
        _REQUEST,
        _SWITCHED,
        _CONNECT,
    ),
    "TLS 1.3 whose client certificate is asked for": (
        *_TLS_1_3[:2],
        client(Phase.TLS, (CCS, 1), (DATA, 25), (DATA, 69)),
        _REQUEST,
        server(Phase.UPGRADE, (DATA, 19)),
    ),
    "TLS 1.2": (
        client(Phase.TLS, (HANDSHAKE, 1528)),
        server(Phase.TLS, (HANDSHAKE, 65), (HANDSHAKE, 800), (HANDSHAKE, 300), (HANDSHAKE, 4)),
        client(Phase.TLS, (HANDSHAKE, 37), (CCS, 1), (HANDSHAKE, 40)),
        server(Phase.TLS, (HANDSHAKE, 186), (CCS, 1), (HANDSHAKE, 40)),
        client(Phase.UPGRADE, (DATA, 206)),
        server(Phase.UPGRADE, (DATA, 183)),
        client(Phase.CONNACK, (DATA, 66)),
        server(Phase.CONNACK, (DATA, 31)),
        _DISCONNECTING,
        client(Phase.DISCONNECT, (DATA, 34), (ALERT, 26), client_closed=True),
        server(Phase.DISCONNECT, (ALERT, 26), client_closed=True, ended=True),
    ),
    "TLS 1.2, CBC, refused upgrade": (
        client(Phase.TLS, (HANDSHAKE, 1528)),
        server(Phase.TLS, (HANDSHAKE, 65), (HANDSHAKE, 800), (HANDSHAKE, 4)),
        client(Phase.TLS, (HANDSHAKE, 37), (CCS, 1), (HANDSHAKE, 80)),
        server(Phase.TLS, (CCS, 1), (HANDSHAKE, 80)),
        client(Phase.UPGRADE, (DATA, 240)),
        server(Phase.UPGRADE, (DATA, 160)),
        client(Phase.UPGRADE, (ALERT, 64), client_closed=True),
    ),
    "refused upgrade, close_notify": (
        *_TLS_1_3,
        _REQUEST,
        _SWITCHED,
        client(Phase.UPGRADE, (DATA, 19), client_closed=True),
        server(Phase.UPGRADE, (DATA, 19), client_closed=True),
    ),
    "unanswered upgrade that the client gives up": (
        *_TLS_1_3,
        _REQUEST,
        client(Phase.UPGRADE, (DATA, 19), client_closed=True),
    ),
    "request in two records": (
        *_TLS_1_3,
        client(Phase.UPGRADE, (DATA, 8104), (DATA, 1190)),
        _SWITCHED,
        _CONNECT,
        _CONNACK,
        _DISCONNECTING,
        client(Phase.DISCONNECT, (DATA, 27), client_closed=True),
    ),
    "CONNECT in three records, then the endpoint ends": (
        *_TLS_1_3,
        _REQUEST,
        _SWITCHED,
        client(Phase.CONNACK, (DATA, 4121), (DATA, 4121), (DATA, 300)),
        server(Phase.CONNACK, (DATA, 19), ended=True),
    ),
    "CONNECT in two records, accepted, then the endpoint ends": (
        *_TLS_1_3,
        _REQUEST,
        _SWITCHED,
        client(Phase.CONNACK, (DATA, 8104), (DATA, 6908)),
        _CONNACK,
        _DISCONNECTING,
        server(Phase.DISCONNECT, (DATA, 19), ended=True),
    ),
    "unanswered CONNECT that the client gives up": (
        *_TLS_1_3,
        _REQUEST,
        _SWITCHED,
        _CONNECT,
        client(Phase.CONNACK, (DATA, 25), (DATA, 19), client_closed=True),
    ),
    "client ends without DISCONNECT": (*_UNTIL_DISCONNECT, client(Phase.DISCONNECT, (DATA, 19), ended=True)),
    "client ends without DISCONNECT, TLS 1.2": (*_UNTIL_DISCONNECT, client(Phase.DISCONNECT, (ALERT, 26), ended=True)),
    "endpoint refuses in the handshake": (
        client(Phase.TLS, (HANDSHAKE, 1528)),
        server(Phase.TLS, (ALERT, HANDSHAKE_FAILURE)),
    ),
}


def _play(turns: Iterable[Turn], cut: "Cut") -> tuple[Watched, list[tuple[Phase | None, bool, bool]]]:
    """Return the detector after `turns`, each cut into chunks, and how things stood after each."""
    watched, states = Watched(), []
    for turn in turns:
        if not turn.records:
            watched.trace.phase = turn.phase
        stream = b"".join(record(*each) for each in turn.records)
        watched.send(cut(stream), from_client=turn.from_client)
        states.append(watched.state())
    return watched, states


class Cut:
    """A way in which TCP cuts a stream: at these offsets, or after every so many bytes."""

    def __init__(self, *, at: Iterable[int] = (), every: int = 0) -> None:
        """Cut at `at`, and after `every` bytes if that is set."""
        self.at, self.every = tuple(at), every

    def __call__(self, stream: bytes) -> list[bytes]:
        """Return the chunks, none of them empty."""
        offsets = {0, len(stream), *(at for at in self.at if at < len(stream))}
        if self.every:
            offsets.update(range(0, len(stream), self.every))
        return [stream[start:end] for start, end in pairwise(sorted(offsets))]


@pytest.mark.parametrize("every", [0, 1, 4, 5, 6], ids=["whole", "by byte", "by 4", "by 5", "by 6"])
@pytest.mark.parametrize("turns", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_phase_after_each_turn(turns: Sequence[Turn], every: int) -> None:
    """Phase, end of the client and end of the endpoint are read off record headers alone."""
    watched, states = _play(turns, Cut(every=every))
    assert states == [(turn.phase, turn.client_closed, turn.ended) for turn in turns]
    assert watched.stopped == []


@settings(max_examples=60)
@given(st.sampled_from(sorted(CONVERSATIONS)), st.lists(st.integers(1, 2000), max_size=40))
def test_any_cuts_give_the_same_phases(name: str, offsets: list[int]) -> None:
    """Where TCP cuts the stream changes nothing: not the phases, not an alert, not who ended."""
    whole, states = _play(CONVERSATIONS[name], Cut())
    pieces, states_of_pieces = _play(CONVERSATIONS[name], Cut(at=offsets))
    assert states_of_pieces == states
    assert (pieces.trace.alert, pieces.ended, list(pieces.trace.started_at)) == (
        whole.trace.alert,
        whole.ended,
        list(whole.trace.started_at),
    )


@pytest.mark.parametrize(("length", "phase"), [(68, Phase.TLS), (69, Phase.TLS), (70, Phase.UPGRADE)])
def test_shortest_request(length: int, phase: Phase) -> None:
    """A Finished of SHA-384 has 69 bytes; a longer record is the upgrade request."""
    assert _play([*_TLS_1_3[:2], client(phase, (DATA, length))], Cut())[1][-1] == (phase, False, False)


@pytest.mark.parametrize(("length", "phase"), [(36, Phase.UPGRADE), (37, Phase.CONNACK), (38, Phase.CONNACK)])
def test_shortest_connect(length: int, phase: Phase) -> None:
    """What is shorter than 37 bytes is the client's end."""
    turns = [*_TLS_1_3, _REQUEST, _SWITCHED, client(phase, (DATA, length))]
    assert _play(turns, Cut())[1][-1] == (phase, phase is Phase.UPGRADE, False)


@pytest.mark.parametrize("kind", [CCS, ALERT, HANDSHAKE])
@pytest.mark.parametrize("length", [37, 70, 1000])
def test_only_application_data_begins_a_phase(kind: int, length: int) -> None:
    """Records of other types never count as request or CONNECT, whatever their length."""
    assert _play([*_TLS_1_3, client(Phase.TLS, (kind, length))], Cut())[1][-1][0] is Phase.TLS
    turns = [*_TLS_1_3, _REQUEST, _SWITCHED, client(Phase.UPGRADE, (kind, length))]
    assert _play(turns, Cut())[1][-1][0] is Phase.UPGRADE


def test_request_is_no_connect_before_it_is_answered() -> None:
    """Without a record from the endpoint there is no next phase."""
    turns = [*_TLS_1_3, _REQUEST, client(Phase.UPGRADE, (DATA, 199))]
    assert _play(turns, Cut())[1][-1] == (Phase.UPGRADE, False, False)


@pytest.mark.parametrize(
    ("sent", "ended"),
    [((DATA, 18), False), ((DATA, 19), True), ((DATA, 20), False), ((ALERT, 26), True), ((HANDSHAKE, 19), False)],
)
def test_end_of_the_endpoint(sent: Record, ended: bool) -> None:  # noqa: FBT001 - a case
    """An alert, in clear by its type or sealed by its 19 bytes, ends the connection after the upgrade."""
    assert _play([*_UNTIL_CONNACK, server(Phase.CONNACK, sent)], Cut())[1][-1] == (Phase.CONNACK, False, ended)
    assert _play([*_TLS_1_3, server(Phase.TLS, sent)], Cut())[1][-1] == (Phase.TLS, False, False)


@pytest.mark.parametrize("every", [0, 1, 6])
@pytest.mark.parametrize(("body", "alert"), [(CLOSE_NOTIFY, 0), (HANDSHAKE_FAILURE, 40), (26, None)])
def test_alert_of_the_handshake_is_read(body: int | bytes, alert: int | None, every: int) -> None:
    """Its description is the last byte; an encrypted one is opaque."""
    hello = client(Phase.TLS, (HANDSHAKE, 1528))
    watched, _ = _play([hello, server(Phase.TLS, (HANDSHAKE, 4), (ALERT, body))], Cut(every=every))
    assert watched.trace.alert == alert


def test_first_alert_of_the_handshake_counts() -> None:
    """A close_notify after a fatal alert does not hide it."""
    alerts = server(Phase.TLS, (ALERT, HANDSHAKE_FAILURE), (ALERT, CLOSE_NOTIFY))
    assert _play([alerts], Cut())[0].trace.alert == 40


def test_alert_after_the_handshake_is_none_of_it() -> None:
    """An alert at the end does not explain the handshake."""
    watched, _ = _play([*_UNTIL_CONNACK, server(Phase.CONNACK, (ALERT, CLOSE_NOTIFY))], Cut())
    assert watched.trace.alert is None


@pytest.mark.parametrize("every", [0, 1, 6])
@pytest.mark.parametrize(
    ("turns", "unanswered"),
    [
        ([server(Phase.TLS, (HANDSHAKE, 122), (CCS, 1), (DATA, 900))], True),
        ([server(Phase.TLS, (HANDSHAKE, 122), (ALERT, CLOSE_NOTIFY))], False),
        ([server(Phase.TLS, (HANDSHAKE, 122)), client(Phase.TLS, (ALERT, HANDSHAKE_FAILURE))], True),
        ([server(Phase.TLS, (HANDSHAKE, 122)), client(Phase.TLS, (HANDSHAKE, 75))], False),
        ([server(Phase.TLS, (HANDSHAKE, 122)), client(Phase.UPGRADE, (DATA, 400))], False),
        ([], False),
    ],
    ids=["flight", "alert", "client gives up", "client answers", "request", "nothing"],
)
def test_flight_that_the_client_does_not_answer(turns: Sequence[Turn], *, unanswered: bool, every: int) -> None:
    """Whole records of the endpoint are a flight; the client answers with anything but an alert."""
    hello = client(Phase.TLS, (HANDSHAKE, 1528))
    watched, _ = _play([hello, *turns], Cut(every=every))
    assert (watched.trace.flight_ended is not None) is unanswered


@pytest.mark.parametrize("missing", [1, 100, 904])
def test_flight_that_is_incomplete(missing: int) -> None:
    """A record of which a part is under way is not answered yet."""
    watched = Watched()
    flight = bytes([HANDSHAKE, 3, 3, 0, 2, 0, 0]) + bytes([DATA, 3, 3]) + (900).to_bytes(2) + bytes(900)
    watched.send([flight[:-missing]], from_client=False)
    assert watched.trace.flight_ended is None
    watched.send([flight[-missing:]], from_client=False)
    assert watched.trace.flight_ended is not None


def test_client_has_started_with_its_first_byte() -> None:
    """Before that there is a connection and nothing else."""
    watched = Watched()
    assert not watched.trace.client_started
    watched.send([b"\x16"], from_client=True)
    assert watched.trace.client_started


@settings(max_examples=80)
@given(
    st.integers(0, len(_UNTIL_DISCONNECT)),
    st.lists(st.binary(min_size=1, max_size=200), max_size=8),
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 100)), max_size=8),
)
def test_nothing_from_the_endpoint_moves_a_phase(count: int, garbage: list[bytes], records: list[Record]) -> None:
    """Neither garbage nor any record: phases are the client's, and so is its own end."""
    watched, _ = _play(_UNTIL_DISCONNECT[:count], Cut())
    phases, phase = list(watched.trace.started_at), watched.trace.phase
    watched.send([record(*each) for each in records], from_client=False)
    watched.send(garbage, from_client=False)
    assert (list(watched.trace.started_at), watched.trace.phase) == (phases, phase)
    assert not watched.trace.client_closed


@settings(max_examples=80)
@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=100)), max_size=20))
def test_phases_come_in_order_whatever_passes(chunks: list[tuple[bool, bytes]]) -> None:
    """Any bytes of either side: no error, no phase twice, none before the one before it."""
    watched = Watched()
    for from_client, chunk in chunks:
        watched.send([chunk], from_client=from_client)
    order = [Phase.TLS, Phase.UPGRADE, Phase.CONNACK]
    assert list(watched.trace.started_at) == order[: len(watched.trace.started_at)]


@pytest.mark.parametrize(
    ("first", "is_tls"),
    [
        *((bytes([kind, 3]), 20 <= kind <= 23) for kind in (0, 19, 20, 21, 22, 23, 24, 0x48, 0x80, 255)),
        *((bytes([22, major]), major == 3) for major in (0, 2, 4, 255)),
        (b"HTTP/1.1 400 Bad Request\r\n", False),
        (b"\x16", True),
        (b"\x0a", False),
    ],
)
@pytest.mark.parametrize("every", [0, 1])
def test_endpoint_that_speaks_no_tls_is_stopped(first: bytes, is_tls: bool, every: int) -> None:  # noqa: FBT001
    """The first two bytes decide, together or one by one."""
    watched = Watched()
    watched.send(Cut(every=every)(first + b"\x03" if len(first) == 2 else first), from_client=False)
    assert set(watched.stopped) == (set() if is_tls else {"NotTls"})


def test_bytes_after_the_first_two_are_not_looked_at() -> None:
    """In the middle of a record anything may stand."""
    watched = Watched()
    watched.send([b"\x16\x03", b"HTTP/1.1", b"\x00" * 50], from_client=False)
    assert watched.stopped == []


@pytest.mark.parametrize("chunk", [1 << 20, 65536, 4097])
def test_endless_answer_is_stopped(chunk: int) -> None:
    """One MiB may come before the verdict, and not a byte more."""
    watched = Watched()
    answer = b"".join(record(DATA, 16379) for _ in range(LIMIT // 16384))
    assert len(answer) == LIMIT
    watched.send(Cut(every=chunk)(answer), from_client=False)
    assert watched.stopped == []
    watched.send([b"\x17"], from_client=False)
    assert watched.stopped == ["AnswerTooLong"]


def test_endless_answer_after_the_verdict_is_let_pass() -> None:
    """Then the client is about to leave anyway."""
    watched, _ = _play(_UNTIL_DISCONNECT, Cut())
    watched.send([record(DATA, 16379)] * (2 * LIMIT // 16384), from_client=False)
    assert watched.stopped == []


def test_durations_of_phases() -> None:
    """Each ends where the next one begins, and the last where it is asked."""
    trace = Trace(started_at={Phase.DNS: 1.0, Phase.TCP: 1.5, Phase.TLS: 3.5})
    assert trace.phases_ms(3.75) == {"dns": 500.0, "tcp": 2000.0, "tls": 250.0}
    assert Trace().phases_ms(1.0) == {}


@pytest.mark.parametrize("first", [b"\x16\x03\x01", b"\x15\x03\x03\x00\x02", b"\x17"])
def test_start_of_a_record(first: bytes) -> None:
    """Content type and major version are enough, whatever follows."""
    assert is_tls(first)


@pytest.mark.parametrize(("length", "phase"), [(8086, Phase.CONNACK), (8087, Phase.UPGRADE), (8088, Phase.UPGRADE)])
def test_record_that_is_full_is_followed_by_another(length: int, phase: Phase) -> None:
    """After a full record of the request comes its next one, which is no CONNECT."""
    turns = [*_TLS_1_3, client(Phase.UPGRADE, (DATA, length)), _SWITCHED, client(phase, (DATA, 199))]
    assert _play(turns, Cut())[1][-1] == (phase, False, False)


@pytest.mark.parametrize(
    ("turns", "ended"),
    [
        ([], False),
        ([server(Phase.TLS, (ALERT, HANDSHAKE_FAILURE))], True),
        ([server(Phase.TLS, (ALERT, HANDSHAKE_FAILURE)), server(Phase.TLS, (HANDSHAKE, 90))], False),
        ([*_TLS_1_3], False),
        ([*_TLS_1_3, _REQUEST, server(Phase.UPGRADE, (DATA, 19))], True),
        ([*_TLS_1_3, _REQUEST, server(Phase.UPGRADE, (DATA, 199))], False),
        (_UNTIL_CONNACK, False),
    ],
    ids=["nothing", "alert", "alert and more", "finished", "alert after the request", "answer", "connect"],
)
def test_client_that_gives_up_before_its_connect(turns: Sequence[Turn], *, ended: bool) -> None:
    """It was the endpoint that ended if an alert was the last that it sent."""
    watched, _ = _play(turns, Cut())
    watched.detector.client_closed()
    assert watched.state()[2] is ended


def test_close_notify_after_an_alert_tells_of_the_end() -> None:
    """The client's own close_notify before its CONNECT follows what may be the endpoint's alert."""
    turns = [*_TLS_1_3, _REQUEST, server(Phase.UPGRADE, (DATA, 19)), client(Phase.UPGRADE, (DATA, 19))]
    assert _play(turns, Cut())[1][-1] == (Phase.UPGRADE, True, True)
