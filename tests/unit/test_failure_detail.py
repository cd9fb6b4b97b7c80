"""What a reason says beside the failure's name: of the phase in which the attempt failed, and of no other."""

from concurrent.futures import Future

import pytest

from connect_canary.model.certificate import CertificateCheck
from connect_canary.model.failures import Failure
from connect_canary.model.phases import Phase
from connect_canary.probe.attempt_state import AttemptState
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.failure_detail import failure_detail
from tests.unit.factories import target_of


@pytest.mark.parametrize(
    ("phase", "detail"),
    [(phase, "certificate has expired" if phase is Phase.TLS else "asked again") for phase in Phase],
)
def test_certificate_explains_a_failure_of_tls_alone(phase: Phase, detail: str) -> None:
    """Once the SDK has accepted the certificate, what OpenSSL says of it is not why the endpoint refuses."""
    auth = ConnectAuth(sign=lambda _: Future())
    state = AttemptState(target=target_of(), client_id="test-1", timeout_s=10, auth=auth)
    state.trace.start_phase(phase)
    state.certificate_check = CertificateCheck(failure=Failure.CERTIFICATE_EXPIRED, reason="certificate has expired")
    state.diagnosis.message = "asked again"
    assert failure_detail(state) == detail
