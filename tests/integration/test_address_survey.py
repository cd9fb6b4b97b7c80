"""The survey of the addresses that the SDK would not dial: bounded in time, in addresses and in descriptors."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from connect_canary.model.addresses import AddressResult
from connect_canary.model.failures import Failure
from connect_canary.network.address_survey import MAX_SURVEYED, AddressSurvey
from connect_canary.network.resolver import AddressInfo

_FILLERS = 8


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    """Whatever is entered here is closed in the end."""
    with contextlib.ExitStack() as stack:
        yield stack


def _bound(sockets: contextlib.ExitStack, host: str) -> socket.socket:
    bound = sockets.enter_context(socket.socket())
    bound.bind((host, 0))
    return bound


def _silent(sockets: contextlib.ExitStack, host: str) -> AddressInfo:
    """Return the address of a listener whose queue is full: the system drops every further SYN."""
    listener = _bound(sockets, host)
    listener.listen(0)
    for _ in range(_FILLERS):
        filler = sockets.enter_context(socket.socket())
        filler.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        with contextlib.suppress(BlockingIOError):
            filler.connect(listener.getsockname())
    return _address(listener)


def _address(bound: socket.socket) -> AddressInfo:
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", bound.getsockname())


async def test_what_each_address_does(sockets: contextlib.ExitStack) -> None:
    """They are dialled in parallel, and told in the order of their records."""
    accepting = _bound(sockets, "127.0.0.3")
    accepting.listen()
    survey = AddressSurvey()
    survey.start([_silent(sockets, "127.0.0.2"), _address(accepting), _address(_bound(sockets, "127.0.0.4"))])
    assert await survey.finish(10) == [
        AddressResult(address="127.0.0.2", used=False, failure=Failure.TCP_TIMED_OUT),
        AddressResult(address="127.0.0.3", used=False),
        AddressResult(address="127.0.0.4", used=False, failure=Failure.TCP_REFUSED),
    ]


async def test_what_is_not_known_in_time_has_no_failure(sockets: contextlib.ExitStack) -> None:
    """An address is not blamed for the time that was left."""
    survey = AddressSurvey()
    survey.start([_silent(sockets, "127.0.0.2")])
    assert await survey.finish(0) == [AddressResult(address="127.0.0.2", used=False)]


async def test_survey_that_was_not_started_has_no_results() -> None:
    """A dial that succeeds at once needs none."""
    assert await AddressSurvey().finish(10) == []


async def test_surveys_of_many_attempts_share_their_descriptors(sockets: contextlib.ExitStack) -> None:
    """A hundred targets whose name has many dead addresses must not take the descriptors of each other's attempts."""
    silent = [_silent(sockets, "127.0.0.2") for _ in range(2)] * 10
    surveys = [AddressSurvey() for _ in range(MAX_SURVEYED)]
    for survey in surveys:
        survey.start(silent)
    results = [await survey.finish(0) for survey in surveys]
    assert sum(len(found) for found in results) == MAX_SURVEYED
    later = AddressSurvey()
    later.start(silent[:1])
    assert len(await later.finish(0)) == 1
