"""When an attempt is diagnosed: beside it while its upgrade waits, else after it was refused."""

import asyncio

from connect_canary.model.diagnosis import Diagnosis
from connect_canary.model.mqtt import PROTOCOLS
from connect_canary.model.phases import Phase
from connect_canary.probe.attempt_state import MIN_REMAINING_S, UPGRADE_REFUSED, AttemptState
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.client_ids import CLIENT_ID_INTERVAL_S, new_client_id
from connect_canary.probe.clients.client import ConnectFailedError

# A refusal that takes nine seconds is still explained before the default deadline of ten.
SLOW_UPGRADE_S = 0.5
# The errors with which the SDK hides a CONNACK code that MQTT 5 does not list, and a CONNACK of MQTT 3.1.1.
_CONNECT_REFUSED = "AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED"
_UNREADABLE_CONNACK = "AWS_ERROR_MQTT5_DECODE_PROTOCOL_ERROR"


class AttemptDiagnosis:
    """Diagnoses one attempt, before its deadline.

    Asking for the status of a refusal takes as long as the refusal took. So once the attempt's upgrade has waited for
    half a second, the same is asked beside it, without a CONNECT: no client id is used twice.
    """

    def __init__(self, state: AttemptState, auth: ConnectAuth) -> None:
        """Follow the phases of the attempt from now on."""
        self._state, self._auth = state, auth
        self._timer: asyncio.TimerHandle | None = None
        self._beside: asyncio.Task[Diagnosis] | None = None
        state.trace.on_phase = self._on_phase

    async def result(self) -> Diagnosis:
        """Return the response to an equal connection once the attempt has ended, an empty one if none is needed."""
        self._stop_timer()
        try:
            if not _is_needed(self._state):
                return Diagnosis()
            beside = await self._beside if self._beside is not None else Diagnosis()
            if beside.http_status is not None or self._state.remaining_s < MIN_REMAINING_S:
                return beside
            return await self._ask_afterwards()
        finally:
            self._cancel()

    def _cancel(self) -> None:
        self._stop_timer()
        if self._beside is not None:
            self._beside.cancel()
            self._beside = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _on_phase(self, phase: Phase) -> None:
        self._cancel()
        if phase is Phase.UPGRADE:
            self._timer = asyncio.get_running_loop().call_later(SLOW_UPGRADE_S, self._ask_beside)

    def _ask_beside(self) -> None:
        if not self._state.verdict_known.is_set() and self._state.remaining_s >= MIN_REMAINING_S:
            self._beside = asyncio.create_task(self._ask(client_id=None))

    async def _ask_afterwards(self) -> Diagnosis:
        state = self._state
        client_id = new_client_id(state.target) if state.phase is Phase.CONNACK else None
        if client_id == state.client_id:
            if state.remaining_s < CLIENT_ID_INTERVAL_S + MIN_REMAINING_S:
                return Diagnosis()
            await asyncio.sleep(CLIENT_ID_INTERVAL_S)
        return await self._ask(client_id=client_id)

    async def _ask(self, *, client_id: str | None) -> Diagnosis:
        # Imported late: only a failure or a slow upgrade needs it and the SDK's WebSocket client.
        from connect_canary.probe.diagnosis import diagnose  # noqa: PLC0415

        state = self._state
        return await diagnose(
            state.target, self._auth, client_id=client_id, proxy=state.proxy, timeout_s=state.remaining_s
        )


def _is_needed(state: AttemptState) -> bool:
    """Return whether a diagnosis can reveal an HTTP status or CONNACK code that the SDK hid."""
    if not isinstance(state.error, ConnectFailedError) or state.remaining_s < MIN_REMAINING_S:
        return False
    error = state.error
    if state.phase is Phase.UPGRADE:
        return error.error_name == UPGRADE_REFUSED
    if state.phase is not Phase.CONNACK:
        return False
    return (
        PROTOCOLS[state.target.mqtt_version].sdk_hides_connack_code
        or (error.error_name == _CONNECT_REFUSED and error.connack_code is None)
        or error.error_name == _UNREADABLE_CONNACK
    )
