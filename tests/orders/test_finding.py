"""Finding and showing orders: every row once, nobody else's ever, and a buyer only with a word in the audit trail."""

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal import db
from portal.errors import NotFound
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import Buyer, OrderFact, OrderItemFact, OrderStatus, ShipmentFact
from portal.marketplaces.registry import marketplace
from portal.orders import buyers, finding, service
from portal.orders.finding import Filters
from portal.orders.routes import ROUTES
from portal.paging import COUNT_CAP
from portal.postgres import Addresses
from portal.tables.people import Role
from portal.vault import BuyerSeal, Vault
from tests.factories import make_account, make_seller
from tests.visiting import HTMX, Person, browsing

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 8, 21, 6, 30, tzinfo=UTC)
SEAL = BuyerSeal(b"k" * 32, "test")


def order(number: int, *, placed_at: datetime | None = None, **told: object) -> OrderFact:
    placed = placed_at or NOON + timedelta(minutes=number)
    fact = OrderFact(
        external_order_id=f"403-{number:07}",
        status=OrderStatus.OPEN,
        raw_status="Unshipped",
        placed_at=placed,
        marketplace_updated_at=placed,
        total_amount=Decimal("499.00"),
        items=(OrderItemFact(external_item_id="1", sku=f"SKU-{number % 3}", title="Kurta", quantity=1, unit_amount=Decimal(499)),),
    )
    return type(fact)(**{**{name: getattr(fact, name) for name in fact.__struct_fields__}, **told})


async def keep(account: AccountRef, *facts: OrderFact, seal: BuyerSeal = SEAL) -> None:
    async with db.transaction(account.seller_id):
        await service.keep(account, service.prepare(account, facts, seal))


async def all_pages(seller_id: UUID, filters: Filters, limit: int) -> list[str]:
    """Following *Older* to the end, then *Newer* back to the start, sees the same rows both ways."""
    there, page = [], await finding.search(seller_id, filters, limit=limit)
    there.append([row.external_order_id for row in page.rows])
    while page.older:
        page = await finding.search(seller_id, filters, page.older, limit=limit)
        there.append([row.external_order_id for row in page.rows])
    back = [there[-1]]
    while page.newer:
        page = await finding.search(seller_id, filters, page.newer, limit=limit)
        back.append([row.external_order_id for row in page.rows])
    assert back[::-1] == there
    return [one for rows in there for one in rows]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(minutes=st.lists(st.integers(0, 6), min_size=1, max_size=12), limit=st.integers(1, 5))
async def test_pages_of_any_size_show_every_order_once(connected: Addresses, minutes: list[int], limit: int) -> None:
    """Also when many orders were placed in the same second."""
    asha = await make_seller()
    account = await make_account(asha)
    facts = [order(number, placed_at=NOON + timedelta(minutes=minute)) for number, minute in enumerate(minutes)]
    await keep(account, *facts)
    seen = await all_pages(asha, Filters(), limit)
    assert sorted(seen) == sorted(fact.external_order_id for fact in facts)
    placed = {fact.external_order_id: fact.placed_at for fact in facts}
    assert [placed[one] for one in seen] == sorted(placed.values(), reverse=True)


async def test_orders_that_arrive_later_do_not_shift_the_next_page(connected: Addresses) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await keep(account, *(order(number) for number in range(4)))
    first = await finding.search(asha, Filters(), limit=2)
    await keep(account, order(9))
    second = await finding.search(asha, Filters(), first.older, limit=2)
    assert [row.external_order_id for row in (*first.rows, *second.rows)] == [f"403-{number:07}" for number in (3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(search="403-0000002"), [2]),
        (Filters(search="403-000000"), [5, 4, 3, 2, 1, 0]),
        (Filters(search="SKU-1"), [4, 1]),
        (Filters(search="AWB77"), [3]),
        (Filters(search="AWB7"), []),
        (Filters(search="%"), []),
        (Filters(status="cancelled"), [5]),
        (Filters(marketplace="AMAZON_IN"), [5, 4, 3, 2, 1, 0]),
        (Filters(marketplace="MEESHO"), []),
        (Filters(placed_from=NOON + timedelta(minutes=2), placed_to=NOON + timedelta(minutes=4)), [3, 2]),
        (Filters(search="SKU-2", status="cancelled"), [5]),
    ],
    ids=str,
)
async def test_filters_narrow(connected: Addresses, filters: Filters, expected: list[int]) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    parcel = ShipmentFact(external_shipment_id="S1", status="shipped", raw_status="Shipped", awb="AWB77")
    await keep(account, *(order(number) for number in (0, 1, 2, 4)), order(3, shipments=(parcel,)), order(5, status=OrderStatus.CANCELLED))
    found = await finding.search(asha, filters)
    assert [row.external_order_id for row in found.rows] == [f"403-{number:07}" for number in expected]
    assert found.total == len(expected)


async def test_an_account_filter_shows_that_account_only(connected: Addresses) -> None:
    asha = await make_seller()
    surat, mumbai = await make_account(asha), await make_account(asha, external="A2ASHA", name="Mumbai store")
    await keep(surat, order(1))
    await keep(mumbai, order(2))
    found = await finding.search(asha, Filters(account_id=mumbai.id))
    assert [row.account_name for row in found.rows] == ["Mumbai store"]


async def test_counts_stop_at_a_thousand(connected: Addresses) -> None:
    """Exact up to the cap; one more says only that there are more."""
    asha = await make_seller()
    account = await make_account(asha)
    await keep(account, *(order(number) for number in range(COUNT_CAP)))
    assert (await finding.search(asha, Filters())).total == COUNT_CAP
    assert not (await finding.search(asha, Filters())).capped
    await keep(account, *(order(COUNT_CAP + number) for number in range(9)))
    assert (await finding.search(asha, Filters())).capped


BEFORE_ALL_DAYS = base64.urlsafe_b64encode(b'["placed","0001-01-01T00:00:00+23:59",1,"older"]').decode()


@pytest.mark.parametrize("word", ["", "x", "!!", "W10", "A" * 2000, "WyJvdGhlciIsIjIwMjYiLDEsIm9sZGVyIl0", BEFORE_ALL_DAYS])
async def test_a_damaged_cursor_starts_at_the_beginning(connected: Addresses, word: str) -> None:
    asha = await make_seller()
    await keep(await make_account(asha), order(1))
    assert len((await finding.search(asha, Filters(), word)).rows) == 1


async def test_chitra_finds_and_opens_nothing_of_ashas(connected: Addresses, keys: Vault) -> None:
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    await keep(await make_account(asha), order(1))
    theirs = (await finding.search(asha, Filters())).rows[0].id
    assert (await finding.search(chitra, Filters(search="403-0000001"))).rows == []
    for stranger in (theirs, 0, -1, 2**70):
        with pytest.raises(NotFound):
            await finding.show(chitra, stranger)
        with pytest.raises(NotFound):
            await finding.show_buyer(chitra, stranger, keys, by="chitra@example.in")


async def with_a_buyer(seller_id: UUID, keys: Vault) -> int:
    account = await make_account(seller_id)
    seal = await buyers.seal_at_work(seller_id, marketplace("AMAZON_IN"), keys)
    await keep(account, order(1, buyer=Buyer(name="Meera Iyer", phone="9800000001", address="12 MG Road")), seal=seal)
    return (await finding.search(seller_id, Filters())).rows[0].id


async def audit_of(seller_id: UUID) -> list[tuple[str, str]]:
    async with db.transaction(seller_id) as held:
        return [(row["actor"], row["action"]) for row in await held.fetch("SELECT * FROM audit_entries")]


async def test_showing_a_buyer_is_written_down(connected: Addresses, keys: Vault) -> None:
    asha = await make_seller()
    order_id = await with_a_buyer(asha, keys)
    assert (await finding.show(asha, order_id)).buyer_known == ("name", "phone", "address")
    assert await audit_of(asha) == []
    seen = await finding.show_buyer(asha, order_id, keys, by="bala@example.in")
    assert (seen.name, seen.phone, seen.email, seen.address) == ("Meera Iyer", "9800000001", "", "12 MG Road")
    assert "Meera" not in repr(seen)
    assert await audit_of(asha) == [("bala@example.in", "buyer.shown")]


async def test_a_buyer_that_does_not_open_leaves_no_entry(connected: Addresses, keys: Vault) -> None:
    """The entry and the opening belong to one transaction."""
    asha = await make_seller()
    order_id = await with_a_buyer(asha, keys)
    async with db.transaction(asha) as held:
        await held.execute("UPDATE orders SET buyer_phone = buyer_name WHERE id = $1", order_id)
    with pytest.raises(Exception, match="altered"):
        await finding.show_buyer(asha, order_id, keys, by="bala@example.in")
    assert await audit_of(asha) == []


async def test_a_phone_shows_by_when_an_order_has_to_go(connected: Addresses, keys: Vault) -> None:
    """A list on a phone drops the cells of the class "less"; the date that penalties hang on is none of them."""
    asha = await make_seller()
    await with_a_buyer(asha, keys)
    async with browsing(Person(asha), [ROUTES], vault=keys) as browser:
        shown = (await browser.get("/orders")).text
    assert '<td role="cell" data-l="Dispatch by">' in shown


async def test_pages_for_each_role(connected: Addresses, keys: Vault) -> None:
    """Money only for those who may see it, the buyer only on request and stored nowhere."""
    asha = await make_seller()
    order_id = await with_a_buyer(asha, keys)
    for role, money, buyer in (
        (Role.OWNER, True, True),
        (Role.ADMIN, True, True),
        (Role.OPERATOR, False, True),
        (Role.FINANCE, True, False),
        (Role.VIEWER, False, False),
    ):
        async with browsing(Person(asha, role), [ROUTES], vault=keys) as browser:
            for path in ("/orders", f"/orders/{order_id}"):
                answer = await browser.get(path)
                assert answer.status_code == 200
                assert ("₹499.00" in answer.text) is money
                assert "Meera" not in answer.text
            shown = await browser.send_form(f"/orders/{order_id}/buyer", headers=HTMX)
            assert shown.status_code == (200 if buyer else 403)
            assert ("Meera Iyer" in shown.text) is buyer
            assert shown.headers["cache-control"] == "no-store"
            assert "<html" not in shown.text


async def test_who_brings_an_order_is_said_in_our_words_and_an_unknown_word_as_it_is(connected: Addresses) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    said = {
        "FBA": "From the marketplace's warehouse",
        "EASY_SHIP": "From you, by the marketplace's courier",
        "DRONE": "DRONE",
        "": "–",
    }
    await keep(account, *(order(number, fulfilment=word) for number, word in enumerate(said)))
    found = {line.external_order_id: line.id for line in (await finding.search(asha, Filters())).rows}
    async with browsing(Person(asha), [ROUTES]) as browser:
        for number, (word, words) in enumerate(said.items()):
            shown = (await browser.get(f"/orders/{found[order(number).external_order_id]}")).text.partition("<dt>Fulfilment</dt>")[2]
            assert words in shown.partition("</dd>")[0], word


async def test_the_list_in_a_browser(connected: Addresses) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    async with browsing(Person(asha), [ROUTES]) as browser:
        assert "No orders yet" in (await browser.get("/orders")).text
        await keep(account, *(order(number) for number in range(60)))
        whole = await browser.get("/orders", params={"status": "open", "from": "2026-08-21", "to": "nonsense", "evil": '"><x'})
        assert whole.text.count('role="rowheader"') == 50
        assert "Remove filter" in whole.text
        assert "60 orders" in whole.text
        assert "evil" not in whole.text.split("<footer")[0], "below stands the page's own address, for who changes the language"
        assert "not synced yet" in whole.text
        part = await browser.get("/orders", params={"search": "nothing like it"}, headers=HTMX)
        assert part.text.strip().startswith('<div id="results">')
        assert "No orders match these filters." in part.text
        assert part.headers["vary"] == "HX-Request"
        assert (await browser.get("/orders/999999")).status_code == 404


async def test_what_a_marketplace_says_is_only_text(connected: Addresses) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await keep(account, order(1, raw_status='<img src=x hx-get="/x">', status=OrderStatus.UNKNOWN))
    async with browsing(Person(asha, name="<b>"), [ROUTES]) as browser:
        text = (await browser.get("/orders")).text
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
