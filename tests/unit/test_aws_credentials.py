"""AWS credentials as botocore finds them, from real profiles and a real credential process.

Sessions of SSO are tried in processes of their own: botocore looks up their place when it is imported.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.session
import pytest
from botocore import credentials

from connect_canary.cli.aws_credentials import AwsCredentials, CredentialsError, find_credentials
from tests.unit.aws_configuration import MARK, AwsHome, aws_home

SOON = "2000-01-01T00:00:00Z"  # for botocore, what has expired is about to


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsHome]:
    """A home directory that AWS libraries in this process use."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with aws_home(tmp_path / "home") as made:
        for name, value in made.environ().items():
            monkeypatch.setenv(name, value)
        made.let_process_print("AKIDPROCESS")
        made.sign_in()
        yield made


def _find(profile: str | None, environ: Mapping[str, str] | None = None) -> AwsCredentials:
    found = find_credentials(profile, environ or {})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("profile", "source", "region", "exported"),
    [
        ("process", "profile process (credential_process)", "", ("AKIDPROCESS", f"process{MARK}", f"token{MARK}")),
        ("static", "profile static (credentials file)", "", ("AKIDSTATIC", f"static{MARK}", None)),
    ],
)
@pytest.mark.usefixtures("home")
def test_credentials_of_a_profile(
    profile: str, source: str, region: str, exported: tuple[str, str, str | None]
) -> None:
    """They take the place of whatever the environment had, outdated names for a token and its end too."""
    old = {"AWS_ACCESS_KEY_ID": "OLD", "AWS_SECRET_ACCESS_KEY": "old", "AWS_SESSION_TOKEN": "old"}
    environ = {**old, "AWS_SECURITY_TOKEN": "old", "AWS_CREDENTIAL_EXPIRATION": SOON, "OTHER": "stays"}
    found = _find(profile)
    found.export(environ)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    assert (found.source, found.region) == (source, region)
    assert environ == {"OTHER": "stays"} | {name: text for name, text in zip(names, exported, strict=True) if text}
    assert MARK not in repr(found)


def test_profile_of_the_environment(home: AwsHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_PROFILE goes over the default profile, a profile that is asked for over both and over a key."""
    assert home.path.exists()
    monkeypatch.setenv("AWS_PROFILE", "static")
    assert _find(None, {"AWS_PROFILE": "static"}).source == "profile static (credentials file)"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert _find("process").source == "profile process (credential_process)"
    assert _find(None).source == "environment"


class _ContainerRole(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Serve credentials as the agent of ECS does."""
        ends = f"{datetime.now(UTC) + timedelta(hours=6):%FT%TZ}"
        keys = {"AccessKeyId": "AKIDCONTAINER", "SecretAccessKey": "x", "Token": "y", "Expiration": ends}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(keys).encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.mark.usefixtures("home")
def test_credentials_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is said in words, not by botocore's name for it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _ContainerRole) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/role")
        found, environ = _find(None), dict[str, str]()
        found.export(environ)
        server.shutdown()
    assert (found.source, environ["AWS_ACCESS_KEY_ID"]) == ("role of the container", "AKIDCONTAINER")


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (credentials.EnvProvider.METHOD, "environment"),
        (credentials.SharedCredentialProvider.METHOD, "profile default (credentials file)"),
        (credentials.ConfigProvider.METHOD, "profile default (configuration file)"),
        (credentials.ProcessProvider.METHOD, "profile default (credential_process)"),
        (credentials.SSOProvider.METHOD, "profile default (sso)"),
        (credentials.LoginProvider.METHOD, "profile default (login)"),
        (credentials.AssumeRoleProvider.METHOD, "profile default (assume-role)"),
        (credentials.AssumeRoleWithWebIdentityProvider.METHOD, "profile default (web identity)"),
        (credentials.ContainerProvider.METHOD, "role of the container"),
        (credentials.InstanceMetadataProvider.METHOD, "role of the instance"),
        ("another", "another"),
    ],
)
@pytest.mark.usefixtures("home")
def test_each_way_of_botocore_has_words(monkeypatch: pytest.MonkeyPatch, method: str, words: str) -> None:
    """The profile is named where the credentials are its own; a way that is new is said in botocore's name."""
    found = credentials.Credentials("AKID", "x", method=method)
    monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda _: found)
    assert _find(None).source == words


def test_expiring_credentials_are_renewed(home: AwsHome) -> None:
    """Before each run they are asked for again; a session of a role may be shorter than the runs."""
    environ: dict[str, str] = {}
    keys: list[str] = []
    # For botocore, what ends within 15 minutes is to be renewed if it can.
    home.let_process_print(
        "AKIDFIRST", "AKIDSECOND", "AKIDTHIRD", expires=f"{datetime.now(UTC) + timedelta(minutes=12):%FT%TZ}"
    )
    found = _find("process")
    for _ in range(2):
        found.export(environ)
        keys.append(environ["AWS_ACCESS_KEY_ID"])
    assert keys == ["AKIDSECOND", "AKIDTHIRD"]


def test_credentials_that_cannot_be_renewed(home: AwsHome) -> None:
    """A process that goes on printing old ones is told of, and no old ones are used."""
    home.let_process_print("AKIDFIRST", expires=SOON)
    environ: dict[str, str] = {}
    with pytest.raises(CredentialsError, match=r"^profile process \(credential_process\) gives .* still expired\.$"):
        _find("process").export(environ)
    assert environ == {}


@pytest.mark.usefixtures("home")
def test_no_credentials_at_all() -> None:
    """There is no default profile; one that is asked for must have some."""
    assert find_credentials(None, {}) is None
    with pytest.raises(CredentialsError, match=r"^--profile is 'empty', which has no credentials$"):
        find_credentials("empty", {})


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [
        (
            "nope",
            "--profile is 'nope', which the AWS configuration does not have; it has dev, empty, missing, mumbling",
        ),
        ("mumbling", "profile mumbling gives no credentials: what it returned cannot be read"),
        ("missing", "profile missing gives no credentials: [Errno 2] No such file or directory: '/nowhere/at/all'"),
    ],
)
def test_profile_that_gives_none(home: AwsHome, profile: str, sentence: str) -> None:
    """The sentence has botocore's words, what to do, and no secret."""
    assert home.path.exists()
    with pytest.raises(CredentialsError) as raised:
        _find(profile).export({})
    assert str(raised.value).startswith(sentence)
    assert MARK not in str(raised.value)


def test_unknown_profile_of_the_environment(home: AwsHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the variable, because there is no flag."""
    assert home.path.exists()
    monkeypatch.setenv("AWS_PROFILE", "nope")
    with pytest.raises(CredentialsError, match=r"^AWS_PROFILE is 'nope', which the AWS configuration does not have"):
        find_credentials(None, {"AWS_PROFILE": "nope"})
