"""Issue a tax invoice: its number and everything that stands on it are kept in one transaction, and never again changed."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID, uuid4

import msgspec
from anyio import to_thread

from portal import clock, db
from portal.audit import service as audit
from portal.documents.parties import STATES, state_code
from portal.documents.tax import Sale
from portal.errors import BadInput, Conflict, NotFound
from portal.invoicing import articles, series
from portal.invoicing import settings as tax_settings
from portal.invoicing.articles import Article
from portal.invoicing.kept import Consumer, Content, Kept, bound_to, of_order, paper_of, printed, theirs
from portal.invoicing.settings import TaxSettings
from portal.marketplaces.contract import AccountRef, Invoicing
from portal.marketplaces.facts import InvoiceAsked, InvoiceLine, InvoicesMade, OrderStatus, OwnInvoice
from portal.marketplaces.registry import marketplace
from portal.tables.audit import Action
from portal.vault import BuyerSeal

SHIPPED = (OrderStatus.SHIPPED, OrderStatus.DELIVERED)


NAMED_FROM = 50_000_00
"""Paise from which an invoice to a consumer has to say his name and address (rule 46(e))."""


class CannotInvoice(Conflict):
    """Something that an invoice has to say is not known; the sentence tells what."""

    code = "cannot_invoice"


async def issue(seller_id: UUID, order_id: int, *, seal: BuyerSeal | None, by: str, place_of_supply: str = "") -> UUID:
    """Issue the invoice of a shipped order to its buyer and answer its id; one that was issued is answered again.

    The place of supply is the state the order went to; `place_of_supply` (a GST code) counts where that is not known. Raises NotFound for a
    stranger's order, CannotInvoice, BadInput for a place that is none.
    """
    async with db.transaction(seller_id) as held:
        order = await held.fetchrow(
            "SELECT o.*, a.marketplace_code FROM orders o JOIN marketplace_accounts a ON a.id = o.marketplace_account_id WHERE o.id = $1",
            order_id,
        )
        if order is None:
            raise NotFound("order")
        if marketplace(order["marketplace_code"]).invoicing is Invoicing.VENDOR:
            raise CannotInvoice("The marketplace buys this order. Your invoice to it is made while the order is processed.")
        account_id, external = order["marketplace_account_id"], order["external_order_id"]
        # Whoever asks for the same order meanwhile waits here, and then finds what was issued.
        settings = await tax_settings.of_account(account_id, lock=True)
        if (known := await of_order(account_id, external)) is not None:
            return known.id
        if settings is None or order["status"] not in SHIPPED:
            raise CannotInvoice("An invoice is made when the order is shipped and the invoice settings of its account are complete.")
        if await theirs(account_id, external):
            raise CannotInvoice("The marketplace has made the invoice of this order in your name. It is among the papers of its batch.")
        place = state_code(order["ship_state"], order["ship_pincode"]) or place_of_supply
        if place not in STATES:
            raise BadInput("We do not know where this order went.", fields={"place_of_supply": "Choose the state it was shipped to."})
        lines = await _lines(order)
        content = Content(
            seller=settings.seller,
            buyer=None,
            place_of_supply=place,
            sales=_sales(lines, settings, await articles.of_skus(account_id, [line.sku for line in lines])),
            order_number=external,
        )
        consumer = _consumer(order, seal)
        if sum(sale.amount for sale in content.sales) >= NAMED_FROM and not (consumer.name and consumer.address):
            raise CannotInvoice("From 50,000 rupees an invoice names its buyer with his address, and nobody has told us both.")
        kept = await _keep(seller_id, account_id, settings, content, by=by, sealed=_sealed(account_id, external, consumer, seal))
        told = f"Invoice {kept.number} of order {external} issued to its buyer"
        await audit.write(seller_id, Action.INVOICE_ISSUED, told, actor=by, account_id=account_id)
        return kept.id


async def issue_to_marketplace(account: AccountRef, asked: Sequence[InvoiceAsked]) -> InvoicesMade:
    """Issue the invoices under which the marketplace buys these orders; one that was issued is answered again.

    Where goods go to somebody else at the buyer's word, the place of supply is the buyer's (section 10(1)(b) of the IGST Act).
    """
    made, problems = dict[str, Kept](), dict[str, str]()
    async with db.transaction(account.seller_id):
        settings = await tax_settings.of_account(account.id, lock=True)
        known = await articles.of_skus(account.id, [line.sku for one in asked for line in one.lines])
        for one in asked:
            try:
                made[one.external_order_id] = await _to_marketplace(account, settings, known, one)
            except (CannotInvoice, series.SeriesFull) as error:
                problems[one.external_order_id] = error.seller_message
    # Layout takes a tenth of a second each, outside the transaction that holds the numbers.
    papers = {order_id: OwnInvoice(number=kept.number, content=await to_thread.run_sync(printed, kept)) for order_id, kept in made.items()}
    return InvoicesMade(made=papers, problems=problems)


async def _to_marketplace(account: AccountRef, settings: TaxSettings | None, known: Mapping[str, Article], one: InvoiceAsked) -> Kept:
    found = await of_order(account.id, one.external_order_id)
    if found is not None:
        return found
    if settings is None or (billed := settings.billed) is None:
        raise CannotInvoice("The invoice settings of this account are not complete.")
    content = Content(
        seller=settings.seller,
        buyer=billed,
        place_of_supply=billed.state,
        sales=_sales(one.lines, settings, known),
        order_number=one.reference or one.external_order_id,
    )
    kept = await _keep(account.seller_id, account.id, settings, content, by="worker", external_order_id=one.external_order_id)
    told = f"Invoice {kept.number} of order {one.external_order_id} issued to {marketplace(account.code).name}"
    await audit.write(account.seller_id, Action.INVOICE_ISSUED, told, actor="worker", account_id=account.id)
    return kept


async def _lines(order: Any) -> tuple[InvoiceLine, ...]:
    """What was sent of an order: what its batch confirmed where it went through one, without lines that were cancelled."""
    held = db.connection()
    rows = await held.fetch(
        "SELECT external_item_id, sku, title, quantity, unit_amount FROM order_items WHERE order_id = $1 AND lower(status) <> 'cancelled' ORDER BY id",
        order["id"],
    )
    packed = await held.fetchval(
        "SELECT confirmed FROM batch_orders WHERE marketplace_account_id = $1 AND external_order_id = $2 AND state = 'done'",
        order["marketplace_account_id"],
        order["external_order_id"],
    )
    confirmed = msgspec.json.decode(packed, type=dict[str, int]) if packed else {}
    return tuple(
        InvoiceLine(sku=row["sku"], title=row["title"], quantity=pieces, unit_amount=row["unit_amount"], tax_included=True)
        for row in rows
        if (pieces := confirmed.get(row["external_item_id"], row["quantity"])) > 0
    )


def _sales(lines: Sequence[InvoiceLine], settings: TaxSettings, known: Mapping[str, Article]) -> tuple[Sale, ...]:
    """Each line with its code and rate: the SKU's own, else what was told with the line, else the account's default. Raises CannotInvoice."""
    if not lines:
        raise CannotInvoice("Nothing of this order is left to invoice.")
    return tuple(_sale(line, settings, known.get(line.sku)) for line in lines)


def _sale(line: InvoiceLine, settings: TaxSettings, article: Article | None) -> Sale:
    hsn = article.hsn if article else line.hsn or settings.default_hsn
    rate = article.rate if article else settings.default_rate
    called = line.sku or line.title or "a line without SKU"
    if not articles.HSN.fullmatch(hsn) or rate is None:
        raise CannotInvoice(
            f"{called} has no HSN code or no rate of GST yet. Enter them on its listing, or a default in the invoice settings."
        )
    if line.unit_amount is None:
        raise CannotInvoice(f"The marketplace has told no price of {called}.")
    paise = int((line.unit_amount * line.quantity * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return Sale(
        description=line.title or line.sku or "Goods",
        hsn=hsn,
        quantity=line.quantity,
        amount=paise,
        rate=rate,
        inclusive=line.tax_included,
        sku=line.sku,
    )


def _consumer(order: Any, seal: BuyerSeal | None) -> Consumer:
    row = f"{order['marketplace_account_id']}/{order['external_order_id']}"
    told = {
        name: seal.open(f"buyer_{name}", row, order[f"buyer_{name}"])
        for name in ("name", "address")
        if seal is not None and order[f"buyer_{name}"] is not None
    }
    return Consumer(**told)


def _sealed(account_id: UUID, external_order_id: str, consumer: Consumer, seal: BuyerSeal | None) -> list[bytes | None]:
    if seal is None:
        return [None, None]
    return seal.seal_row(bound_to(account_id, external_order_id), {"buyer_name": consumer.name, "buyer_address": consumer.address})


async def _keep(
    seller_id: UUID,
    account_id: UUID,
    settings: TaxSettings,
    content: Content,
    *,
    by: str,
    sealed: Sequence[bytes | None] = (None, None),
    external_order_id: str = "",
) -> Kept:
    """Give the invoice its number and put it on record, in the caller's transaction."""
    numbered = await series.next_number(seller_id, gstin=settings.gstin, prefix=settings.prefix)
    name, address = sealed
    kept = Kept(id=uuid4(), number=numbered.text, day=numbered.day, content=content, buyer_name=name, buyer_address=address)
    total = paper_of(kept, Consumer()).total.total
    await db.connection().execute(
        """INSERT INTO tax_invoices (id, seller_id, marketplace_account_id, series_id, serial, number, external_order_id, issued_on, total,
               content, buyer_name, buyer_address, issued_by, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14)""",
        kept.id,
        seller_id,
        account_id,
        numbered.series_id,
        numbered.serial,
        kept.number,
        external_order_id or content.order_number,
        kept.day,
        total,
        msgspec.json.encode(content).decode(),
        kept.buyer_name,
        kept.buyer_address,
        by[:120],
        clock.now(),
    )
    return kept
