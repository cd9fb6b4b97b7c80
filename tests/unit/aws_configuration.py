"""A home directory with AWS profiles, and the portal of IAM Identity Center that one of them asks."""

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

MARK = "HiddenMark"
FAIL = "fail"
_CONFIG = """\
[profile dev]
sso_session = company
sso_account_id = 123456789012
sso_role_name = Developer
region = eu-central-1
[sso-session company]
sso_start_url = https://company.example.com/start
sso_region = eu-west-1
sso_registration_scopes = sso:account:access
[profile process]
credential_process = {process}
[profile mumbling]
credential_process = /bin/echo {mark}
[profile missing]
credential_process = /nowhere/at/all
[profile empty]
region = eu-central-1
"""
_CREDENTIALS = """\
[static]
aws_access_key_id = AKIDSTATIC
aws_secret_access_key = static{mark}
"""


@dataclass(kw_only=True)
class AwsHome:
    """A home directory; `bearers` are the tokens with which the portal at `portal` was asked."""

    path: Path
    portal: str
    bearers: list[str] = field(default_factory=list)
    expires_in_s: float = 3600

    def environ(self) -> dict[str, str]:
        """Return the variables that make AWS libraries use it."""
        return {
            "HOME": str(self.path),
            "AWS_ENDPOINT_URL_SSO": self.portal,
            "AWS_ENDPOINT_URL_SSO_OIDC": self.portal,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def sign_in(self, expires: str = "2099-01-01T00:00:00Z") -> None:
        """Leave what `aws sso login` leaves: a token in the cache."""
        cache = self.path / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha1(b"company", usedforsecurity=False).hexdigest()
        token = {"accessToken": f"bearer{MARK}", "expiresAt": expires, "region": "eu-west-1"}
        (cache / f"{name}.json").write_text(json.dumps(token))

    def let_process_print(self, *key_ids: str, expires: str | None = None) -> None:
        """Have the credential process print one key id after another, the last one for ever; FAIL ends it instead."""
        (self.path / "key-ids").write_text("\n".join(key_ids))
        (self.path / "expires").write_text(json.dumps(expires))


_PROCESS = f"""\
import json, pathlib, sys
home = pathlib.Path(__file__).parent
first, *rest = (home / "key-ids").read_text().split()
(home / "key-ids").write_text("\\n".join(rest or [first]))
if first == "{FAIL}":
    sys.exit("the session has ended")
keys = {{"Version": 1, "AccessKeyId": first, "SecretAccessKey": "process{MARK}", "SessionToken": "token{MARK}"}}
expires = json.loads((home / "expires").read_text())
print(json.dumps(keys | ({{"Expiration": expires}} if expires else {{}})))
"""


@contextmanager
def aws_home(path: Path) -> Iterator[AwsHome]:
    """Yield a home directory below `path`, its portal listening on loopback."""
    home = AwsHome(path=path, portal="")

    class Portal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            home.bearers.append(self.headers["x-amz-sso_bearer_token"])
            keys = {"accessKeyId": "AKIDSSO", "secretAccessKey": f"sso{MARK}", "sessionToken": f"token{MARK}"}
            expiration = int((time.time() + home.expires_in_s) * 1000)
            body = json.dumps({"roleCredentials": keys | {"expiration": expiration}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        home.portal = f"http://127.0.0.1:{server.server_address[1]}"
        aws = path / ".aws"
        aws.mkdir(parents=True)
        (path / "process.py").write_text(_PROCESS)
        process = shlex.join([sys.executable, str(path / "process.py")])
        (aws / "config").write_text(_CONFIG.format(process=process, mark=MARK))
        (aws / "credentials").write_text(_CREDENTIALS.format(mark=MARK))
        try:
            yield home
        finally:
            server.shutdown()
            thread.join()
