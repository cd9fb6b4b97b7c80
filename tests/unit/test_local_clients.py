"""Clients of the local AWS do not see the caller's own AWS configuration."""

from pathlib import Path

import pytest

from infra.local.client.local_aws import AccessKey, client_of

KEY = AccessKey(access_key_id="AKIDLOCAL", secret_access_key="secret", session_token="token")


def test_callers_files_and_profile_have_no_effect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files that cannot be read, a profile that does not exist, and a proxy change nothing."""
    broken = tmp_path / "broken"
    broken.write_text("no [section\n")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(broken))
    monkeypatch.setenv("AWS_PROFILE", "missing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = client_of("sqs", KEY, "http://127.0.0.1:1")
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    assert client.meta.region_name == "eu-west-1"
    assert client.meta.config.proxies == {}
    assert client.meta.config.retries["total_max_attempts"] == 2
    signer = client._request_signer._credentials
    assert (signer.access_key, signer.secret_key, signer.token) == ("AKIDLOCAL", "secret", "token")
