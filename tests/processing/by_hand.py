"""AJIO's pipeline over a captured session: the same eleven stages, with a seller who carries files between the portal and the panel."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx

from portal.marketplaces.ajio import MARKETPLACE
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.errands import Brought
from portal.processing import errands
from tests.processing.floor import Floor, Pipeline
from tests.processing.pipelines.ajio import PIPELINE as OVER_THE_API
from tests.processing.pipelines.ajio import taken_once

SHEETS = {"confirm": "confirmation", "labels": "packing", "close_manifest": "manifests"}
PAPERS = {"labels": "labels", "vendor_invoices": "vendor-invoices", "customer_invoices": "customer-invoices"}


async def open_errand(works: Floor) -> Any:
    """The errand that waits for the seller, with its stage; None where none does."""
    rows = await works.rows(
        """SELECT e.*, s.stage FROM batch_errands e JOIN stage_runs s ON s.batch_id = e.batch_id AND s.position = e.position
           WHERE e.state = 'open'"""
    )
    return rows[0] if rows else None


def panel(works: Floor) -> httpx.AsyncClient:
    """The seller's own browser, signed in to the panel."""
    return httpx.AsyncClient(base_url=works.settings.of("AJIO")["PORTAL_URL"], cookies={"vms_session": works.world.panel_cookie})


async def uploaded(works: Floor, stage: str, content: bytes) -> httpx.Response:
    """What the panel answers to a sheet."""
    async with panel(works) as browser:
        return await browser.post(f"/vmsui/orders/{SHEETS[stage]}", files={"sheet": ("sheet.xlsx", content)})


async def downloaded(works: Floor, stage: str) -> bytes:
    """What the panel prints of the orders that wait at this stage."""
    position = [one.code for one in MARKETPLACE.stages].index(stage)
    waiting = await works.rows("SELECT external_order_id FROM batch_orders WHERE state = 'in' AND passed = $1", position)
    named = ",".join(row["external_order_id"] for row in waiting)
    async with panel(works) as browser:
        answer = await browser.get(f"/vmsui/orders/{PAPERS[stage]}.pdf", params={"orders": named})
    assert answer.status_code == 200, answer.text
    return answer.content


async def fetched(works: Floor, errand: Any) -> Brought:
    """Do in the panel what the errand asks for; what comes of it."""
    content = b""
    if errand["file_key"]:
        answer = await uploaded(works, errand["stage"], await works.files.read(errand["file_key"], sha256=errand["file_sha256"]))
        assert answer.status_code == 200, answer.text
        content = answer.content
    if errand["stage"] in PAPERS:
        content = await downloaded(works, errand["stage"])
    return Brought(file_name="result.xlsx" if errand["stage"] == "confirm" else "papers.pdf", content=content)


async def bring(works: Floor, errand: Any, brought: Brought) -> None:
    batch_id: UUID = errand["batch_id"]
    await errands.bring(works.seller, batch_id, errand["id"], brought, files=works.files, jobs=works.jobs, by="Asha")


async def hands(works: Floor) -> bool:
    """The seller has been on the errand that waits, if one does."""
    errand = await open_errand(works)
    if errand is None:
        return False
    await bring(works, errand, await fetched(works, errand))
    return True


async def agrees(works: Floor, held: Mapping[str, str]) -> None:
    """The books agree, and each of our manifests is one of the marketplace's."""
    ours = await taken_once(works, held)
    assert sorted(map(sorted, ours.values())) == sorted(map(sorted, works.world.desk.manifests.values()))


def _pob(values: Mapping[str, str]) -> str:
    return str(json.loads(values["seller_context"])["pobs"][0]["id"])


PIPELINE: Pipeline = replace(
    OVER_THE_API,
    place=replace(MARKETPLACE, sandbox_keys=sandbox_panel_keys),
    shop_id=_pob,
    agrees=agrees,
    lost=("order_report",),
    hands=hands,
)
