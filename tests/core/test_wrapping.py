"""Private keys that AWS KMS keeps: the file alone opens nothing, and KMS gives a key back for its own ring and id only."""

import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from portal import vault
from portal.__main__ import main
from portal.errors import Misconfigured
from portal.keyring import files
from portal.keyring.files import RingFiles
from portal.vault import Place, wrapping
from portal.vault.rings import lines_of

REGION = "ap-south-1"
CODE = "AMAZON_IN"
HERE = Place("amazon_account_details", "refresh_token", str(uuid4()))


@pytest.fixture(scope="module")
def kms() -> Iterator[str]:
    """The address of a KMS on this machine."""
    one = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    one.start()
    host, port = one.get_host_and_port()
    yield f"http://{host}:{port}"
    one.stop()


@pytest.fixture
def kms_key(kms: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in (("ENDPOINT_URL_KMS", kms), ("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(f"AWS_{name}", value)
    return str(boto3.client("kms", region_name=REGION).create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert main(["keys", "generate", "--into", str(tmp_path / "keys")]) == 0
    return tmp_path / "keys"


@pytest.fixture
def ring_files(folder: Path) -> RingFiles:
    return RingFiles(folder / "seal", (folder / "open", folder / "buyer-open"))


def settings(folder: Path) -> dict[str, str]:
    return {"seal_keys": str(folder / "seal"), "open_keys": str(folder / "open"), "buyer_open_keys": str(folder / "buyer-open")}


def keys_in(path: Path) -> dict[str, str]:
    return {line.ring: line.key for line in lines_of(path.read_text(), "a test")}


def test_wrapped_rings_open_what_the_plain_ones_sealed(
    folder: Path, kms_key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = vault.load(**settings(folder))
    sealed, plain = before.seal(CODE, HERE, "Atzr|one"), {**keys_in(folder / "open"), **keys_in(folder / "buyer-open")}
    for name, value in settings(folder).items():
        monkeypatch.setenv(f"PORTAL_{name.upper()}", value)
    assert main(["keys", "wrap", "--kms-key", kms_key]) == 0

    told = (folder / "open").read_text() + (folder / "buyer-open").read_text() + capsys.readouterr().out
    assert not [key for key in plain.values() if key in told]
    assert stat.S_IMODE((folder / "open").stat().st_mode) == 0o600
    after = vault.load(**settings(folder))
    assert after.open(CODE, HERE, sealed) == "Atzr|one"
    assert after.newest == before.newest
    assert files.wrap(folder / "open", kms_key) == 0, "what is wrapped stays as it is"


def test_a_rotation_keeps_wrapped_rings_wrapped(folder: Path, ring_files: RingFiles, kms_key: str) -> None:
    files.wrap(folder / "open", kms_key)
    running = vault.load(**settings(folder))
    sealed = running.seal(CODE, HERE, "Atzr|one")
    new = files.add_keys(ring_files)
    lines = list(lines_of((folder / "open").read_text(), "a test"))
    assert all(wrapping.is_wrapped(line.key) for line in lines)
    assert len(lines) == 2 * len({line.ring for line in lines})
    assert running.open(CODE, HERE, sealed) == "Atzr|one"
    newer = running.seal(CODE, HERE, "Atzr|two")
    assert vault.key_of(newer) == new[CODE]
    assert vault.load(**settings(folder)).open(CODE, HERE, newer) == "Atzr|two"


def test_a_wrapped_key_cannot_stand_in_for_another(folder: Path, kms_key: str) -> None:
    """Neither under another ring nor under another id: KMS has both in the encryption context."""
    files.wrap(folder / "open", kms_key)
    first, second, *_ = (folder / "open").read_text().splitlines()
    ring, key_id, _ = first.split()
    for line in (f"{ring} {key_id} {second.split()[2]}", f"{ring} 00000000 {first.split()[2]}"):
        (folder / "open").write_text(f"{line}\n")
        with pytest.raises(Misconfigured, match="refuses to decrypt"):
            vault.load(**settings(folder))


def test_without_kms_nothing_starts_and_nothing_is_told(folder: Path, kms_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files.wrap(folder / "open", kms_key)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(Misconfigured) as refused:
        vault.load(**settings(folder))
    assert "does not answer" in refused.value.seller_message
    assert "127.0.0.1" not in f"{refused.value} {refused.value.hint}"


def test_a_kms_key_is_named_by_its_arn(folder: Path, kms_key: str) -> None:
    before = (folder / "open").read_text()
    with pytest.raises(Misconfigured, match="ARN"):
        files.wrap(folder / "open", kms_key.rpartition("/")[2])
    assert (folder / "open").read_text() == before
