"""Ring files as `keys generate` writes them, and a portal whose processes follow them."""

from pathlib import Path

import pytest

from portal import vault
from portal.__main__ import main
from portal.keyring.files import RingFiles
from portal.vault import Vault


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With `seal`, `open` and `buyer-open`."""
    assert main(["keys", "generate", "--into", str(tmp_path / "keys")]) == 0
    return tmp_path / "keys"


@pytest.fixture
def ring_files(folder: Path) -> RingFiles:
    return RingFiles(folder / "seal", (folder / "open", folder / "buyer-open"))


def vault_of(folder: Path) -> Vault:
    """One that holds everything and follows the files, as an operator's command does."""
    return vault.load(seal_keys=str(folder / "seal"), open_keys=str(folder / "open"), buyer_open_keys=str(folder / "buyer-open"))


def web_of(folder: Path) -> Vault:
    return vault.load(seal_keys=str(folder / "seal"), buyer_open_keys=str(folder / "buyer-open"))


def worker_of(folder: Path) -> Vault:
    return vault.load(seal_keys=str(folder / "seal"), open_keys=str(folder / "open"))
