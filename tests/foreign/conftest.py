"""What every test of foreign servers needs: certificates, and the handler in a process of its own."""

from collections.abc import Iterator

import pytest

from tests.faulty.cases import ENVIRON
from tests.faulty.pki import Pki
from tests.faulty.process import Handler
from tests.faulty.unsupported_chains import write_unsupported_chains
from tests.foreign.canary import Canary


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """A certificate authority to trust, and certificates for localhost, valid and not."""
    pki = Pki(tmp_path_factory.mktemp("pki"))
    write_unsupported_chains(pki)
    return pki


@pytest.fixture(scope="session")
def canary(pki: Pki) -> Iterator[Canary]:
    """The real handler in a warm process, which trusts the certificate authority."""
    with Handler(**ENVIRON) as handler:
        yield Canary(handler=handler, ca_file=str(pki.ca_file))
