"""Wrong key rings are noticed when a process starts, with the way out."""

from pathlib import Path

import pytest

from portal.errors import Misconfigured
from portal.keyring import canaries, files
from portal.keyring.files import RingFiles
from portal.marketplaces.registry import CODES
from portal.postgres import Addresses
from portal.vault import BUYERS, generate, load
from tests.commands.test_backup import types
from tests.keyring.conftest import vault_of, web_of, worker_of
from tests.workers import worker, worker_settings
from tests.workshop import seen

pytestmark = pytest.mark.anyio


async def test_every_ring_has_its_canary_and_no_more(connected: Addresses, folder: Path) -> None:
    for _ in range(2):
        await canaries.plant(worker_of(folder))
    rows = await seen(connected, "SELECT ring FROM key_canaries ORDER BY ring")
    assert [row["ring"] for row in rows] == sorted([*CODES, BUYERS])
    await canaries.check(vault_of(folder), [*CODES, BUYERS])


async def test_other_rings_are_told_from_the_right_ones(connected: Addresses, folder: Path) -> None:
    await canaries.plant(worker_of(folder))
    public, private = generate([*CODES, BUYERS])
    other = load(seal_keys=public, open_keys=private)
    with pytest.raises(Misconfigured) as refused:
        await canaries.check(other, ["AJIO"])
    assert f"AJIO {worker_of(folder).newest['AJIO']}" in refused.value.seller_message
    assert "PORTAL_OPEN_KEYS" in refused.value.hint
    await canaries.check(web_of(folder), [BUYERS])
    with pytest.raises(Misconfigured):
        await canaries.check(web_of(folder), ["AJIO"])


async def test_a_canary_of_another_key_is_no_canary(connected: Addresses, folder: Path) -> None:
    """A row that was moved or altered does not count as opened."""
    await canaries.plant(worker_of(folder))
    await seen(connected, "UPDATE key_canaries SET sealed = (SELECT sealed FROM key_canaries WHERE ring = 'MEESHO') WHERE ring = 'AJIO'")
    with pytest.raises(Misconfigured, match="AJIO"):
        await canaries.check(worker_of(folder), CODES)


async def test_neither_worker_nor_web_starts_with_other_rings(connected: Addresses, folder: Path) -> None:
    await canaries.plant(worker_of(folder))
    public, private = generate(CODES)
    with pytest.raises(AssertionError, match="do not fit this database"):
        async with worker(worker_settings(connected, (public, private), "http://127.0.0.1:9")):
            pass
    buyers_public, buyers_private = generate([BUYERS])
    chosen = {"PORTAL_DATABASE_URL": connected.web, "PORTAL_SEAL_KEYS": buyers_public, "PORTAL_BUYER_OPEN_KEYS": buyers_private}
    status, said = await types(chosen, "web")
    assert (status, f"{BUYERS} {web_of(folder).newest[BUYERS]}" in said) == (2, True)


async def test_after_a_rotation_a_worker_needs_the_new_key(connected: Addresses, folder: Path, ring_files: RingFiles) -> None:
    """Whoever was given the older files alone would fail at the first sync; it hears of it at once."""
    older = (folder / "seal").read_text(), (folder / "open").read_text()
    files.add_keys(ring_files)
    await canaries.plant(worker_of(folder))
    with pytest.raises(Misconfigured):
        await canaries.check(load(seal_keys=older[0], open_keys=older[1]), CODES)
    await canaries.check(worker_of(folder), CODES)


@pytest.mark.parametrize("name", ["seal", "open"])
async def test_a_ring_file_that_others_can_read_starts_nothing(connected: Addresses, folder: Path, name: str) -> None:
    (folder / name).chmod(0o644)
    with pytest.raises(AssertionError, match="chmod 600"):
        async with worker(worker_settings(connected, (str(folder / "seal"), str(folder / "open")), "http://127.0.0.1:9")):
            pass


async def test_generated_rings_start_nothing_outside_the_demo(connected: Addresses, folder: Path) -> None:
    chosen = worker_settings(connected, ("", ""), "http://127.0.0.1:9") | {"PORTAL_DATA_DIR": str(folder.parent)}
    with pytest.raises(AssertionError, match="this is no demo"):
        async with worker(chosen):
            pass
    async with worker(chosen | {"PORTAL_ALLOW_GENERATED_KEYS": "true"}):
        pass


async def test_a_key_that_is_lost_can_be_given_up(connected: Addresses, folder: Path) -> None:
    """By an operator who says which; then the portal starts, and what the key sealed stays closed."""
    await canaries.plant(worker_of(folder))
    lost = worker_of(folder).newest["AJIO"]
    public, private = generate(["AJIO"])
    other = load(seal_keys=public, open_keys=private)
    status, said = await types({"PORTAL_DATABASE_URL": connected.worker}, "keys", "give-up", lost)
    assert status == 0, said
    await canaries.check(other, ["AJIO"])
    with pytest.raises(Misconfigured):
        await canaries.check(other, ["MEESHO"])
