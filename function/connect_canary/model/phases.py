"""The phases of an attempt, in the order in which an attempt passes through them."""

from enum import StrEnum


class Phase(StrEnum):
    """Where an attempt ended, in the order in which an attempt goes through them."""

    CREDENTIALS = "credentials"
    PROXY = "proxy"
    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    UPGRADE = "upgrade"
    CONNACK = "connack"
    DISCONNECT = "disconnect"
