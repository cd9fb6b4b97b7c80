"""What the local AWS keeps to itself: root's secret, the secrets of functions, its files and its ports."""

import hashlib
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from infra.local.client.local_aws import AccessKey, LocalAws
from tests.local.deployed import DeployedCanary

LISTENING = "0A"


def processes(aws: LocalAws) -> list[Path]:
    """Return the directories in /proc of the server and of what it started: its functions."""
    mark = f"STATE_DIR={aws.server.state}".encode()
    return [path for path in Path("/proc").glob("[0-9]*") if mark in _read(path / "environ").split(b"\0")]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        # The process is another user's, or has ended.
        return b""


def test_secret_of_root(aws: LocalAws, canary: DeployedCanary) -> None:
    """Root's secret is another one in each run, and in no process's environment and in no file."""
    canary.invoke({"dry_run": True})
    secret = aws.server.root_secret.encode()
    assert len(secret) == 40
    found = processes(aws)
    # The server and at least one function.
    assert len(found) >= 2
    assert [path for path in found if secret in _read(path / "environ") or secret in _read(path / "cmdline")] == []
    files = [path for path in aws.server.state.rglob("*") if path.is_file()]
    assert [path for path in files if secret in _read(path)] == []
    with LocalAws.start() as other:
        assert other.server.root_secret.encode() != secret
        root = AccessKey(access_key_id=other.server.root_key_id, secret_access_key=aws.server.root_secret)
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            other.client("sts", root).get_caller_identity()


def test_secret_of_a_function(aws: LocalAws, canary: DeployedCanary) -> None:
    """Whoever knows the names of a function and of its role cannot act as the role: MiniStack derives its secrets."""
    canary.invoke({"dry_run": True})
    name = canary.function
    settings = aws.client("lambda").get_function_configuration(FunctionName=name)
    digest = hashlib.sha256(f"{settings['FunctionArn']}:{settings['Role']}".encode()).hexdigest()
    guessed = AccessKey(
        access_key_id=f"ASIA{digest[:16].upper()}",
        secret_access_key=hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
        session_token=hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
    )
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        aws.client("sts", guessed).get_caller_identity()


def test_files(aws: LocalAws, canary: DeployedCanary) -> None:
    """No other user may read or change a file of the server or of its functions."""
    canary.invoke({"dry_run": True})
    paths = [aws.server.state, *aws.server.state.rglob("*")]
    assert len(paths) > 100
    readable = [path for path in paths if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert readable == []


def listening(aws: LocalAws) -> Iterator[tuple[str, int]]:
    """Yield the address and the port of each socket that the server or a function listens on."""
    sockets = {str(link.readlink()) for process in processes(aws) for link in _links(process / "fd")}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == LISTENING and f"socket:[{inode}]" in sockets:
                yield _address(local.partition(":")[0]), int(local.partition(":")[2], 16)


def _links(directory: Path) -> Iterator[Path]:
    yield from (link for link in directory.iterdir() if link.is_symlink())


def _address(text: str) -> str:
    words = [struct.pack("=I", int(text[start : start + 8], 16)) for start in range(0, len(text), 8)]
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, b"".join(words))


def test_ports(aws: LocalAws, canary: DeployedCanary) -> None:
    """It listens on loopback only, and on its two ports only."""
    canary.invoke({"dry_run": True})
    ports = {int(address.rpartition(":")[2]) for address in (aws.server.api_url, aws.iot_endpoint)}
    assert set(listening(aws)) == {("127.0.0.1", port) for port in ports}
