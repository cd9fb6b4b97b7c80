"""What several unit tests share."""

import functools
import importlib
from collections.abc import Iterator

import pytest

from tests.unit.fake_aws import FakeAws, serving


@pytest.fixture(autouse=True, scope="session")
def _nowhere() -> Iterator[None]:
    """Keep accidental AWS calls of any test on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def _parsed_once() -> Iterator[None]:
    """Parse each of botocore's descriptions of AWS once, not for each test's own client: nine tenths of its making."""
    session = importlib.import_module("botocore.session")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_loader", functools.cache(session.create_loader))
        yield


@pytest.fixture
def aws(_parsed_once: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    """An empty AWS account on loopback, and a process with empty caches."""
    # The first import takes a second or more on a busy machine; no test's own time limit pays for it.
    importlib.import_module("aws_lambda_powertools.utilities.parameters")
    account = FakeAws()
    with serving(account):
        for service in ("SSM", "SECRETS_MANAGER", "IOT"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", account.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDUNIT")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "no-secret-anywhere")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        yield account
