"""The runbook's address comes from where the checkout comes from, so that links in pages lead somewhere."""

import re

import pytest

from infra.build.runbook_url import runbook_url
from tests.template.cloudformation import read

GITHUB = "https://github.com/me/canary/blob/HEAD/docs/runbook.md"


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@github.com:me/canary.git\n", GITHUB),
        ("https://github.com/me/canary", GITHUB),
        ("https://github.com/me/canary.git/", GITHUB),
        ("https://me:TOKEN@github.com/me/canary.git", GITHUB),
        ("ssh://git@github.com:22/me/canary.git", GITHUB),
        ("git@gitlab.com:team/sub/canary.git", "https://gitlab.com/team/sub/canary/-/blob/HEAD/docs/runbook.md"),
        ("https://bitbucket.org/me/canary", "https://bitbucket.org/me/canary/src/HEAD/docs/runbook.md"),
        ("https://git.example.com/me/canary", None),
        ("/srv/git/canary", None),
        ("../canary", None),
        ("", None),
    ],
)
def test_runbook_url(remote: str, address: str | None) -> None:
    """Each form of a remote's address, without its user and password; what is not known has none."""
    assert runbook_url(remote) == address
    pattern = read("template.yaml")["Parameters"]["RunbookUrl"]["AllowedPattern"]
    assert address is None or re.fullmatch(pattern, address)
