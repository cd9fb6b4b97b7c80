"""The colours of pages. No two states differ in colour alone: cells also differ in height, failed ones in a letter."""

from collections.abc import Mapping

from connect_canary.model.frozen import frozen
from connect_canary.model.phases import Phase


@frozen
class Theme:
    """Colours for one background; `letter` is written on `failed`, `letter_on_some` on `some_failed`."""

    text: str
    quiet: str
    line: str
    healthy: str
    some_failed: str
    failed: str
    letter: str
    letter_on_some: str
    card: str
    page: str


LIGHT = Theme(
    text="#16191f",
    quiet="#5f6b7a",
    line="#d5dbdb",
    healthy="#2ea27a",
    some_failed="#e08a00",
    failed="#b3122f",
    letter="#ffffff",
    letter_on_some="#16191f",
    card="#ffffff",
    page="#f4f6f8",
)
DARK = Theme(
    text="#e9ebed",
    quiet="#95a5b8",
    line="#414d5c",
    healthy="#3fb68b",
    some_failed="#f2a63b",
    failed="#f0556f",
    letter="#16191f",
    letter_on_some="#16191f",
    card="#161d27",
    page="#0f141a",
)
# Blue to violet in the phases' order, so that a stack reads from left to right.
PHASE_COLOURS: Mapping[Phase, str] = {
    Phase.CREDENTIALS: "#7f8c9a",
    Phase.PROXY: "#a8763e",
    Phase.DNS: "#9ecae1",
    Phase.TCP: "#5fa3d0",
    Phase.TLS: "#2a73b2",
    Phase.UPGRADE: "#8a6fc1",
    Phase.CONNACK: "#c264a8",
    Phase.DISCONNECT: "#bdbdbd",
}
