"""`audit verify` says whether every trail is as it was written, also to whoever runs it by a clock."""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from portal import db
from portal.__main__ import main
from portal.audit import service
from portal.postgres import Addresses
from portal.tables.audit import Action
from tests.factories import make_seller


async def _written(url: str) -> list[UUID]:
    await db.connect(url, max_size=2)
    try:
        sellers = [await make_seller(), await make_seller("Chitra Crafts")]
        for seller in sellers:
            for number in range(3):
                await service.write(seller, Action.PAUSED, str(number))
    finally:
        await db.disconnect()
    return sellers


def test_it_proves_all_trails_and_ends_badly_when_one_was_altered(
    database: Addresses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asha, chitra = asyncio.run(_written(database.web))
    monkeypatch.setenv("PORTAL_DATABASE_URL", database.web)
    monkeypatch.setenv("PORTAL_DATA_DIR", str(tmp_path))
    assert main(["audit", "verify", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["whole"] is True
    assert {(one["seller_id"], one["entries"]) for one in told["trails"]} == {(str(asha), 3), (str(chitra), 3)}

    with psycopg.connect(database.owner, autocommit=True) as held:
        held.execute("DELETE FROM audit_entries WHERE seller_id = %s AND position = 2", [chitra])
    assert main(["audit", "verify"]) == 1
    out = capsys.readouterr().out
    assert "Entry 2 is missing." in out
    assert "1 of 2 trails were altered." in out
    assert main(["audit", "verify", "--seller", str(asha)]) == 0
