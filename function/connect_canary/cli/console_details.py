"""What the console report shows beside the usual with --verbose."""

from collections.abc import Iterator

from connect_canary.cli.console_tables import count_noun
from connect_canary.config.planned_target import PlannedTarget
from connect_canary.model.addresses import AddressResult
from connect_canary.model.outcome import Outcome
from connect_canary.model.tcp_info import TcpInfo


def more_evidence(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield what is known of an outcome beside its evidence, as labels and texts."""
    if outcome.addresses:
        yield "addresses", "; ".join(map(_address, outcome.addresses))
    if outcome.network is not None:
        yield "network", _network(outcome.network)
    if outcome.http_status is not None:
        yield "http status", str(outcome.http_status)
    if outcome.connack_code is not None:
        yield "connack code", str(outcome.connack_code)
    if outcome.error_name is not None and outcome.healthy:
        yield "error", outcome.error_name
    if outcome.clock_skew_s is not None:
        yield "clock skew", f"{outcome.clock_skew_s:.1f} s"
    if outcome.confirmed is not None:
        yield "confirmed", "by a second attempt" if outcome.confirmed else "not by a second attempt"
    yield "elapsed", f"{outcome.elapsed_ms:.1f} ms"


def planned_details(planned: PlannedTarget) -> Iterator[tuple[str, str]]:
    """Yield how a target is reached and which references its settings were read from."""
    if planned.proxy is not None:
        yield "proxy", f"{planned.proxy.host}:{planned.proxy.port}"
    if planned.document.is_reference:
        yield "targets", f"read from {planned.document.text}"
    for key, value in planned.values.items():
        if value.is_reference:
            yield key, f"read from {value.text}"


def _address(result: AddressResult) -> str:
    use = "used" if result.used else "not used"
    return f"{result.address} ({use}{'' if result.failure is None else f', {result.failure}'})"


def _network(info: TcpInfo) -> str:
    sent_again, in_flight = count_noun(info.retransmits, "retransmit"), count_noun(info.unacknowledged, "segment")
    return f"round trip {info.rtt_ms:.1f} ms, {sent_again}, {in_flight} unacknowledged"
