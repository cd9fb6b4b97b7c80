"""A loopback server that responds as SSM, Secrets Manager and IoT do, for botocore over a real socket."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Response = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrived: the operation, its input, and the region that its signature names."""

    operation: str
    body: Mapping[str, Any]
    region: str


@dataclass(kw_only=True)
class FakeAws:
    """The content of the account and the calls it received; a parameter in `encrypted` is a SecureString.

    SSM returns ten parameters of a path at most; a page of two makes several of few.
    """

    url: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    encrypted: set[str] = field(default_factory=set)
    secrets: dict[str, str | bytes] = field(default_factory=dict)
    endpoint: str = ""
    denied: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    page: int = 2

    def respond(self, operation: str, body: Mapping[str, Any], region: str) -> Response:
        """Return status and body of a response."""
        self.requests.append(Request(operation=operation, body=body, region=region))
        name = body.get("Name") or body.get("SecretId") or body.get("Path") or ""
        self.calls.append(f"{operation} {name}".strip())
        if name in self.denied:
            return 400, {"__type": "AccessDeniedException", "message": f"not authorized to perform {operation}"}
        match operation:
            case "GetParameter":
                return self._parameter(name, decrypted=body.get("WithDecryption", False))
            case "GetParametersByPath":
                return self._by_path(name, body)
            case "GetSecretValue":
                return self._secret(name)
        return (200, {"endpointAddress": self.endpoint}) if self.endpoint else (403, {"message": "no IoT here"})

    def _parameter(self, name: str, *, decrypted: bool) -> Response:
        if name not in self.parameters:
            return 400, {"__type": "ParameterNotFound"}
        return 200, {"Parameter": self._as_returned(name, decrypted=decrypted)}

    def _as_returned(self, name: str, *, decrypted: bool) -> Mapping[str, str]:
        """Return a parameter as SSM does: without decryption, a SecureString is ciphertext."""
        value, secure = self.parameters[name], name in self.encrypted
        ciphertext = f"AQICAH{b64encode(value.encode()).decode()}"
        kind = "SecureString" if secure else "String"
        return {"Name": name, "Type": kind, "Value": ciphertext if secure and not decrypted else value}

    def _by_path(self, path: str, body: Mapping[str, Any]) -> Response:
        start, recursive = int(body.get("NextToken", 0)), body["Recursive"]
        matching = [
            self._as_returned(name, decrypted=body.get("WithDecryption", False))
            for name in self.parameters
            if name.startswith(path) and (recursive or "/" not in name.removeprefix(path))
        ]
        page: dict[str, Any] = {"Parameters": matching[start : (end := start + self.page)]}
        return 200, page | ({"NextToken": str(end)} if end < len(matching) else {})

    def _secret(self, name: str) -> Response:
        if name not in self.secrets:
            return 400, {"__type": "ResourceNotFoundException", "message": "can't find the specified secret."}
        secret = self.secrets[name]
        if isinstance(secret, str):
            return 200, {"Name": name, "SecretString": secret}
        return 200, {"Name": name, "SecretBinary": b64encode(secret).decode()}


@contextmanager
def serving(aws: FakeAws) -> Iterator[None]:
    """Serve `aws` on a loopback port of the system's choice."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Serve the JSON protocol of SSM and Secrets Manager."""
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(*aws.respond(self.headers["X-Amz-Target"].rpartition(".")[2], body, self._region()))

        def do_GET(self) -> None:
            """Serve the REST protocol of IoT."""
            self._send(*aws.respond("DescribeEndpoint", {"Name": self._region()}, self._region()))

        def _region(self) -> str:
            return self.headers["Authorization"].split("/")[2]

        def _send(self, status: int, body: Mapping[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        aws.url = f"http://127.0.0.1:{server.server_port}"
        serve = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serve.start()
        try:
            yield
        finally:
            server.shutdown()
            serve.join()
