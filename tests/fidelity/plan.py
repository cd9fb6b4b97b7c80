"""The plan: which pairs are made in which order, and where each of their connects finds the endpoint."""

import ipaddress
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.fidelity.clients import BARE_SDK, CANARY
from tests.fidelity.conditions import CONDITIONS, Condition
from tests.fidelity.impairments import Impairment

DOMAIN = "endpoint.test"
SERVER_NETWORK, SERVER_NETWORK_6 = "10.112.0.0/16", "fd00:112::/64"
MIN_PAIRS = 4  # fewer cannot tell "always" from "never": the intervals of 3 of 3 and 0 of 3 overlap
_VERSIONS = ("5", "3.1.1")
_ADDRESSES_A_CONNECT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """One connect of one subject; the name has these addresses, in this order, and nobody else has them."""

    number: int
    subject: str
    version: str
    addresses: Sequence[tuple[str, Impairment]]

    @property
    def host(self) -> str:
        """The name to connect to."""
        return f"c{self.number}.{DOMAIN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A connect of each subject under the same condition, in the order in which they are made."""

    condition: Condition
    connects: tuple[Connect, Connect]


def choose_conditions(words: str, pairs: int | None) -> list[tuple[Condition, int]]:
    """Return the conditions whose name contains `words`, and how many pairs each gets of `pairs` in all."""
    chosen = [condition for condition in CONDITIONS if words.lower() in condition.name.lower()]
    total = sum(condition.pairs for condition in chosen)
    factor = 1.0 if pairs is None else pairs / max(total, 1)
    return [(condition, max(MIN_PAIRS, round(condition.pairs * factor))) for condition in chosen]


def plan_pairs(conditions: Sequence[tuple[Condition, int]], seed: int) -> list[Pair]:
    """Return the pairs in random order, each in random order; MQTT 5 and 3.1.1 take turns in each condition."""
    chance = random.Random(seed)  # noqa: S311 - not for cryptography
    wanted = [
        (condition, _VERSIONS[number % len(_VERSIONS)]) for condition, count in conditions for number in range(count)
    ]
    chance.shuffle(wanted)
    return [
        Pair(condition=condition, connects=_connects(condition, version, 2 * number, chance))
        for number, (condition, version) in enumerate(wanted)
    ]


def _connects(condition: Condition, version: str, first: int, chance: random.Random) -> tuple[Connect, Connect]:
    one, other = chance.sample((CANARY, BARE_SDK), 2)
    # The order of the A records changes from pair to pair, as a name server's does; both of a pair get the same.
    order = chance.sample(condition.addresses, len(condition.addresses))
    return (
        Connect(number=first, subject=one, version=version, addresses=_place(first, order, condition.addresses_6)),
        Connect(
            number=first + 1, subject=other, version=version, addresses=_place(first + 1, order, condition.addresses_6)
        ),
    )


def _place(
    number: int, addresses: Sequence[Impairment], addresses_6: Sequence[Impairment]
) -> list[tuple[str, Impairment]]:
    return list(_numbered(SERVER_NETWORK, number, addresses)) + list(_numbered(SERVER_NETWORK_6, number, addresses_6))


def _numbered(network: str, number: int, impairments: Sequence[Impairment]) -> Iterator[tuple[str, Impairment]]:
    base = ipaddress.ip_network(network)
    for offset, impairment in enumerate(impairments):
        yield str(base[(number + 1) * _ADDRESSES_A_CONNECT + offset]), impairment


def hosts_file(pairs: Sequence[Pair]) -> str:
    """Return the lines of /etc/hosts that give each connect's name its addresses."""
    connects = [connect for pair in pairs for connect in pair.connects]
    return "".join(f"{address} {connect.host}\n" for connect in connects for address, _ in connect.addresses)
