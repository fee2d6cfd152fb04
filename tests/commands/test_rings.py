"""A process that needs a key ring does not start without one, and says what to do."""

from pathlib import Path

import pytest

from portal.__main__ import main
from portal.commands.session import with_rings
from portal.errors import Misconfigured
from portal.settings import Settings

WEB = ("seal_keys", "buyer_open_keys")


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    assert main(["keys", "generate", "--into", str(tmp_path / "keys")]) == 0
    return tmp_path


def test_no_ring_at_all(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        with_rings(Settings(data_dir=tmp_path), *WEB)
    assert "PORTAL_BUYER_OPEN_KEYS" in refused.value.seller_message
    assert "keys generate" in refused.value.hint


def test_generated_rings_are_refused_where_nobody_said_so(generated: Path) -> None:
    with pytest.raises(Misconfigured, match="this is no demo"):
        with_rings(Settings(data_dir=generated), *WEB)


@pytest.mark.parametrize(("demo", "allowed"), [(True, False), (False, True)], ids=["demo", "allowed"])
def test_generated_rings_serve_a_demo_and_whoever_asks_for_them(generated: Path, demo: bool, allowed: bool) -> None:
    chosen = with_rings(Settings(data_dir=generated, demo=demo, allow_generated_keys=allowed), *WEB)
    assert chosen.seal_keys == str(generated / "keys" / "seal")
    assert chosen.open_keys == "", "the web is given no ring that opens a credential"


def test_rings_that_are_set_stay_as_they_are(generated: Path) -> None:
    chosen = Settings(data_dir=generated, seal_keys="RING a b", buyer_open_keys="RING c d")
    assert with_rings(chosen, *WEB) == chosen
