"""A name server that answers each question with the failure that the name's first label says (RFC 1035, section 4.1.1).

`python -m tests.faulty.name_server ADDRESS` serves port 53 until its standard input ends. `silent` gets no answer.
"""

import socket
import sys
import threading
from collections.abc import Mapping

RESPONSE_CODES: Mapping[str, int] = {"empty": 0, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5}
READY = "READY "
_PORT, _DATAGRAM_BYTES = 53, 4096
_ID_BYTES, _HEADER_BYTES = 2, 12
_RESPONSE_AND_RECURSION = 0x8180


def _answer(query: bytes) -> bytes | None:
    """Return a response without records, None for none."""
    label = query[_HEADER_BYTES + 1 : _HEADER_BYTES + 1 + query[_HEADER_BYTES]].decode()
    if label not in RESPONSE_CODES:
        return None
    flags = _RESPONSE_AND_RECURSION | RESPONSE_CODES[label]
    questions, no_records = query[4:6], bytes(6)
    return query[:_ID_BYTES] + flags.to_bytes(2, "big") + questions + no_records + query[_HEADER_BYTES:]


def _serve(listener: socket.socket) -> None:
    while True:
        query, client = listener.recvfrom(_DATAGRAM_BYTES)
        answer = _answer(query)
        if answer is not None:
            listener.sendto(answer, client)


def main() -> None:
    """Serve until standard input ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((sys.argv[1], _PORT))
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
