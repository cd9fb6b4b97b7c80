"""Hints: who owns a failure, what to check, and where the runbook says more."""

from collections.abc import Mapping

from connect_canary.model.failures import Failure

RUNBOOK = "docs/runbook.md"
_HINTS: Mapping[Failure, str] = {
    Failure.CREDENTIALS_UNAVAILABLE: "canary's owner: the credential chain found no credentials; check role or profile",
    Failure.DNS_FAILED: "network team: the endpoint's name does not resolve from here; check spelling, VPC DNS, zone",
    Failure.TCP_REFUSED: "network team: nothing listens on that port; check port, firewall, custom domain",
    Failure.TCP_TIMED_OUT: "network team: packets get lost; check NAT, security group, network ACL, routes",
    Failure.TCP_FAILED: "network team: no connection can be opened from here; check routes and egress proxy",
    Failure.CERTIFICATE_EXPIRED: "endpoint's owner: renew the server certificate (and check this host's clock)",
    Failure.CERTIFICATE_UNTRUSTED: "endpoint's owner: the chain leads to no trusted CA; check chain and ca_file",
    Failure.CERTIFICATE_NAME_MISMATCH: "endpoint's owner: the certificate is for another name; check the domain",
    Failure.TLS_TIMED_OUT: "network team: TCP works, TLS does not answer; check middleboxes and MTU",
    Failure.TLS_FAILED: "endpoint's owner: the TLS handshake breaks off; check security policy and middleboxes",
    Failure.UPGRADE_FORBIDDEN: "IAM team: signature, credentials or clock are wrong; check keys, token, signing region",
    Failure.UPGRADE_REJECTED: "endpoint's owner: HTTP answers, but not as AWS IoT does; check the host and its proxies",
    Failure.UPGRADE_TIMED_OUT: "AWS or endpoint's owner: TLS works, HTTP does not answer; check AWS Health",
    Failure.UPGRADE_FAILED: "endpoint's owner: the answer is no WebSocket handshake; check proxies before the endpoint",
    Failure.NOT_AUTHORIZED: "IAM team: iot:Connect on this client id is denied; check role, policy or authorizer",
    Failure.BAD_CREDENTIALS: "authorizer's owner: user name or password was refused; check secret and authorizer log",
    Failure.CLIENT_ID_REJECTED: "canary's owner: the client id is not accepted; check prefix, length, characters",
    Failure.SERVER_UNAVAILABLE: "AWS: the broker is unavailable or busy; check AWS Health and account quotas",
    Failure.CONNECT_REFUSED: "endpoint's owner: the broker refused CONNECT; look the CONNACK code up in the runbook",
    Failure.CONNACK_TIMED_OUT: "AWS or authorizer's owner: CONNECT gets no answer; check AWS Health, authorizer",
    Failure.CONNECTION_HUNG_UP: "IAM team first: closing after CONNECT is how a denial looks; check policy, authorizer",
    Failure.PROTOCOL_VIOLATED: "endpoint's owner: the answer to CONNECT is no valid CONNACK; check what listens there",
    Failure.DISCONNECT_FAILED: "AWS or network team: connect works, but the connection broke before its clean end",
    Failure.DEADLINE_EXCEEDED: "canary's owner: time ran out before the attempt began; check timeout and target count",
    Failure.UNEXPECTED_ACCEPT: "security team: a client that must be refused was let in; check policy and authorizer",
    Failure.UNCLASSIFIED: "canary's maintainers: a gap in our table; report error_name and phase",
}


def hint(failure: Failure) -> str:
    """Return one line: who owns the failure, what to look at, and where the runbook has more."""
    return f"{_HINTS[failure]} ({RUNBOOK}#{failure.lower()})"
