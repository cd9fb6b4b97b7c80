"""The address survey: whether the addresses that the SDK would not dial accept connections."""

import asyncio
from collections.abc import Iterable
from weakref import WeakSet

from connect_canary.model.addresses import AddressResult, tcp_failure
from connect_canary.network.dialer import connect_address
from connect_canary.network.errors import DialError
from connect_canary.network.resolver import AddressInfo

# A dial that takes longer than this is surveyed beside, so that the result is there when the dial fails.
SURVEY_DELAY_S = 1.0
_TIMEOUT_S = 1.0
_MAX_ADDRESSES = 8
MAX_SURVEYED = 64  # of all surveys at the same time: each address takes a file descriptor
_LOCAL_ERRORS = {"EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"}  # they say nothing of an address

_dials_of_all: WeakSet[asyncio.Task[AddressResult]] = WeakSet()


class AddressSurvey:
    """Dials addresses in parallel and closes the connections at once."""

    def __init__(self) -> None:
        """Start without addresses."""
        self._dials: dict[asyncio.Task[AddressResult], str] = {}

    def start(self, addresses: Iterable[AddressInfo]) -> None:
        """Dial `addresses`, unless the survey was started before."""
        if not self._dials:
            room = MAX_SURVEYED - sum(not dial.done() for dial in _dials_of_all)
            chosen = list(addresses)[: max(min(room, _MAX_ADDRESSES), 0)]
            self._dials = {asyncio.create_task(_survey(address)): address[4][0] for address in chosen}
            _dials_of_all.update(self._dials)

    async def finish(self, timeout_s: float) -> list[AddressResult]:
        """Return the results after at most `timeout_s`; what is not known by then has no failure."""
        if not self._dials:
            return []
        done, waiting = await asyncio.wait(self._dials, timeout=max(timeout_s, 0))
        for dial in waiting:
            dial.cancel()
        return [
            dial.result() if dial in done else AddressResult(address=address, used=False)
            for dial, address in self._dials.items()
        ]


async def _survey(address: AddressInfo) -> AddressResult:
    failure = None
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            (await connect_address(address)).close()
    except DialError as error:
        failure = None if error.error_name in _LOCAL_ERRORS else tcp_failure(error.error_name)
    except TimeoutError:
        failure = tcp_failure("ETIMEDOUT")
    return AddressResult(address=address[4][0], used=False, failure=failure)
