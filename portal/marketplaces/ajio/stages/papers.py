"""Stages 6 to 9: purchase orders after the hold, then label, vendor invoice and customer invoice, order by order in lockstep."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from portal.marketplaces.ajio.stages.work import CUSTOMER_LEFT, PartnerWork, Work
from portal.marketplaces.ajio.wire import processing as wire
from portal.marketplaces.ajio.wire import purchases
from portal.marketplaces.ajio.wire.scalars import words
from portal.marketplaces.facts import (
    BatchOrder,
    Decision,
    DocumentFact,
    HeldOrder,
    InvoicesMade,
    MarkedOrder,
    OwnInvoice,
    PassedOrder,
    StageOutcome,
)

USUAL_HOLD = 240.0
OVERDUE = 2
"""After so many times the usual hold a purchase order is not late but missing."""
LABEL, VENDOR, CUSTOMER = "label", "vendor_invoice", "customer_invoice"
OWN = "own_invoice"
"""The mark of an order that has a number of the seller's own series."""


async def purchase_orders(work: Work) -> AsyncIterator[StageOutcome]:
    """Wait out the hold, in which shoppers may cancel, until every order that is left has its purchase order."""
    hold = timedelta(minutes=float(work.settings.get("HOLD_MINUTES", USUAL_HOLD)))
    early: list[datetime] = []
    for chunk in work.chunks():
        known, facts = await work.progress_and_facts(chunk)
        passed, held, gone = [], [], []
        for order in chunk:
            order_id, found = order.external_order_id, known.get(order.external_order_id)
            since = datetime.fromisoformat(order.marks.get("accepted_at") or work.ctx.now.isoformat())
            if found is not None and found.word == "CANCELLED":
                gone.append((order_id, CUSTOMER_LEFT))
            elif found is not None and words(found.po_number):
                passed.append(PassedOrder(external_order_id=order_id, marks={"po_number": words(found.po_number)}))
            elif work.ctx.now - since > hold * OVERDUE:
                reason = "AJIO has issued no purchase order for it, long after the usual hold. Ask AJIO about it."
                held.append(HeldOrder(external_order_id=order_id, code="no_purchase_order", reason=reason))
            else:
                early.append(since + hold)
        yield work.outcome(passed=tuple(passed), held=tuple(held), gone=tuple(gone), orders=facts)
    if early:
        soonest = work.ctx.now + max(hold / 24, timedelta(seconds=2))
        words_ = f"AJIO keeps accepted orders on hold for about {_spoken(hold)}, so that shoppers can cancel. {len(early)} wait."
        yield work.outcome(resume_at=max(min(early), soonest), waiting_for=words_)


def _spoken(hold: timedelta) -> str:
    minutes = round(hold.total_seconds() / 60)
    return f"{minutes // 60} hours" if minutes >= 120 else f"{max(1, minutes)} min"


async def labels(work: PartnerWork) -> AsyncIterator[StageOutcome]:
    """A packing slip with its shipping label for each order."""
    for chunk in work.chunks():
        found = wire.labels(await work.client.labels([order.external_order_id for order in chunk]))
        passed, held, papers = [], [], []
        for order in chunk:
            label = found.get(order.external_order_id)
            if label is None or not words(label.awb) or not label.url:
                held.append(_missing(order, "label_missing", "AJIO gave no label with an AWB for it."))
                continue
            content = await work.client.download(str(label.url), "labels")
            papers.append(DocumentFact(kind=LABEL, external_order_id=order.external_order_id, number=words(label.awb), content=content))
            marks = {"awb": words(label.awb), "carrier": words(label.carrier) or order.marks.get("carrier", ""), LABEL: words(label.awb)}
            passed.append(PassedOrder(external_order_id=order.external_order_id, marks=marks))
        yield work.outcome(passed=tuple(passed), held=tuple(held), documents=tuple(papers))


async def vendor_invoices(work: PartnerWork) -> AsyncIterator[StageOutcome]:
    """The invoice over which AJIO buys the packed pieces: the seller's own where he has settled how it is made out, else one AJIO makes.

    One that exists is fetched, not made again. A number of the seller's is on record before AJIO hears of it.
    """
    for chunk in work.chunks():
        made = wire.invoices(await work.client.vendor_invoices([order.external_order_id for order in chunk]), "vendor invoices")
        own = await _own(work, [order for order in chunk if OWN in order.marks or not _numbered(made.get(order.external_order_id))])
        if own.made:
            yield work.outcome(marked=tuple(MarkedOrder(external_order_id=one, marks={OWN: its.number}) for one, its in own.made.items()))
        passed, held, papers = [], [], []
        for order in chunk:
            order_id, ours = order.external_order_id, own.made.get(order.external_order_id)
            if order_id in own.problems:
                held.append(_missing(order, "vendor_invoice", own.problems[order_id]))
                continue
            found = made.get(order_id)
            if found is None or not found.number:
                body = wire.vendor_invoice_body(order, ours.number if ours else "")
                found = wire.invoice(await work.client.make_vendor_invoice(body), "vendor invoices")
            problem = _vendor_problem(order, found, work.batch.tax_number) or _other_number(found, ours)
            if problem:
                held.append(_missing(order, "vendor_invoice", problem))
                continue
            content = ours.content if ours else await work.client.download(found.address, "vendor invoices")
            papers.append(DocumentFact(kind=VENDOR, external_order_id=order_id, number=found.number, content=content))
            marks = {VENDOR: found.number, "vendor_gstin": words(found.seller_gstin)}
            passed.append(PassedOrder(external_order_id=order_id, marks=marks))
        yield work.outcome(passed=tuple(passed), held=tuple(held), documents=tuple(papers))


async def _own(work: PartnerWork, orders: list[BatchOrder]) -> InvoicesMade:
    """The seller's own invoices of these orders; none where AJIO is to make them."""
    if work.ctx.issue_invoices is None or not orders:
        return InvoicesMade(made={})
    document = await work.client.orders([order.external_order_id for order in orders])
    return await work.ctx.issue_invoices(purchases.asked(document, orders))


def _numbered(found: wire.Invoice | None) -> bool:
    return found is not None and bool(found.number)


def _other_number(found: wire.Invoice, ours: OwnInvoice | None) -> str:
    if ours is None or found.number == ours.number:
        return ""
    return f"AJIO has vendor invoice {found.number} for it, and yours is {ours.number}. Ask AJIO which series it has on file for this POB."


def _vendor_problem(order: BatchOrder, found: wire.Invoice, tax_number: str) -> str:
    if not found.number or not found.address:
        return f"AJIO made no vendor invoice: {words(found.error_message, limit=300) or 'it gave no reason'}."
    if found.pieces != wire.pieces(order):
        return f"Vendor invoice {found.number} has other pieces than were confirmed."
    if tax_number and words(found.seller_gstin) and words(found.seller_gstin) != tax_number:
        return f"Vendor invoice {found.number} carries another GSTIN than yours."
    return ""


async def customer_invoices(work: PartnerWork) -> AsyncIterator[StageOutcome]:
    """The shopper's invoice, checked against the slip and the vendor invoice."""
    for chunk in work.chunks():
        made = wire.invoices(await work.client.customer_invoices([order.external_order_id for order in chunk]), "customer invoices")
        passed, held, papers = [], [], []
        for order in chunk:
            found = made.get(order.external_order_id)
            problem = _customer_problem(order, found, work.batch.tax_number)
            if problem or found is None:
                held.append(_missing(order, "customer_invoice", problem))
                continue
            content = await work.client.download(found.address, "customer invoices")
            papers.append(DocumentFact(kind=CUSTOMER, external_order_id=order.external_order_id, number=found.number, content=content))
            passed.append(PassedOrder(external_order_id=order.external_order_id, marks={CUSTOMER: found.number}))
        yield work.outcome(passed=tuple(passed), held=tuple(held), documents=tuple(papers))


def _customer_problem(order: BatchOrder, found: wire.Invoice | None, tax_number: str) -> str:
    if found is None or not found.number or not found.address:
        return "AJIO has no customer invoice for it."
    if found.pieces != wire.pieces(order):
        return f"Customer invoice {found.number} has other pieces than the slip and the vendor invoice."
    expected = tax_number or order.marks.get("vendor_gstin", "")
    if expected and words(found.seller_gstin) and words(found.seller_gstin) != expected:
        return f"Customer invoice {found.number} carries another GSTIN than yours."
    return ""


def _missing(order: BatchOrder, code: str, reason: str) -> HeldOrder:
    return HeldOrder(external_order_id=order.external_order_id, code=code, reason=reason, decisions=(Decision.RETRY, Decision.DROP))
