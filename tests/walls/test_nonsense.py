"""Nonsense at every address, in every field: an answer in words each time, never a failure of ours, and no memory that stays."""

import random
import re
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import pytest
from hypothesis import find, settings
from hypothesis import strategies as st
from litestar import Litestar

from portal.app import TOP
from portal.vault import Vault
from portal.web.security import BODY_LIMIT
from tests.browsing import opened
from tests.factories import make_user
from tests.walls.conftest import Sides
from tests.walls.filling import Filled
from tests.walls.walking import FORM, PARAMETERS, Route, Walker, routes

pytestmark = pytest.mark.anyio

NASTY = (
    *(
        "",
        " ",
        "0",
        "-1",
        "9" * 30,
        "1e309",
        "NaN",
        "null",
        "true",
        "[]",
        "{}",
        "\x00",
        "\ud7ff",
        "\u202e",
        "\U0001f4a9",
        "%00",
        "%ff",
        "../../etc/passwd",
    ),
    *("<script>", "'; DROP TABLE orders; --", "{{7*7}}", "${7*7}", "=cmd|' /C calc'!A0", "//evil.example", "javascript:1", "a" * 5_000),
    *("00000000-0000-0000-0000-000000000000", "2026-02-30", "0000-00-00", "99999-01-01", "2026-11-22T00:00:00+99:99", "\r\nX-Evil: 1"),
)
TEMPLATES = TOP / "templates"
GROWTH_MB = 150
"""What the process may hold more than before; a leak of a request's size in thousands of requests is larger."""


@pytest.fixture
async def app(sides: Sides, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(sides.addresses.web, keys) as app:
        yield app


def words(dice: random.Random) -> str:
    """A nasty value, a few of them in a row, or any letters at all."""
    if dice.random() < 0.6:
        return dice.choice(NASTY)
    if dice.random() < 0.5:
        return dice.choice(NASTY) + dice.choice(NASTY)
    return "".join(
        chr(dice.choice((dice.randrange(1, 0x80), dice.randrange(0x80, 0xD800), dice.randrange(0xE000, 0x10FFFF))))
        for _ in range(dice.randrange(20))
    )


class Nonsense(Walker):
    """Asks with fields of which some are believable and the others are not."""

    async def throw(self, route: Route, filled: Filled, dice: random.Random) -> tuple[int, str]:
        await self.arrive()
        names = fields()
        ids = {name: str(filled.keys[table]) for name, table in PARAMETERS.items()}
        believable: Mapping[str, Any] = {**ids, **{name.removesuffix("_id"): value for name, value in ids.items()}, **FORM}
        typed = {
            name: words(dice) if dice.random() < 0.5 else believable.get(name, "")
            for name in dice.sample(names, dice.randrange(MOST_FIELDS))
        }
        address = route.address(filled)
        if "{" in route.path and dice.random() < 0.3:
            address = address.rpartition("/")[0] + "/" + quote(words(dice), safe="")[:300]
        if route.method == "GET":
            answer = await self.http.get(address, params={name: value[:500] for name, value in typed.items()})
        else:
            files = dict.fromkeys(("file", "brought"), file_of(dice)) if takes_files(route) else None
            answer = await self.http.post(address, data={**typed, "_csrf_token": self.csrf}, files=files)
        return answer.status_code, answer.text


def takes_files(route: Route) -> bool:
    return bool(route.handler.resolve_request_max_body_size() > BODY_LIMIT)  # type: ignore[attr-defined]


BEGINNINGS = (b"", b"PK\x03\x04", b"%PDF-1.4\n", b"\xef\xbb\xbf", b"SKU,HSN,GST rate\n", b"order-id\tamount\n", b"\xff\xfe", b"\x00" * 600)


def file_of(dice: random.Random) -> tuple[str, bytes]:
    """A file's name and bytes: its beginning may promise a kind that the rest is not of."""
    name = dice.choice(("a.csv", "a.xlsx", "a.pdf", "a.tsv", "a", "..", words(dice)[:80] or "x"))
    rest = dice.randbytes(dice.randrange(3_000)) if dice.random() < 0.5 else words(dice).encode()
    return name, dice.choice(BEGINNINGS) + rest


@pytest.mark.parametrize(("rounds", "seed"), [(1, 1), pytest.param(20, 2, marks=pytest.mark.soak)], ids=["sample", "full"])
async def test_nonsense_never_breaks_anything(sides: Sides, app: Litestar, rounds: int, seed: int) -> None:
    # What lies planted there is no ciphertext, and to say so is a failure of ours, rightly.
    await sides.owner.execute("DELETE FROM buyer_data_keys")
    dice, process = random.Random(seed), psutil.Process()
    walker = Nonsense(app, sides.asha.seller_id, await make_user(sides.asha.seller_id))
    broken, before = [], process.memory_info().rss
    for _ in range(rounds):
        for route in routes(app):
            if route.path in SLOW_ON_PURPOSE:
                continue
            status, text = await walker.throw(route, sides.asha, dice)
            if (status >= 500 and route.path != "/readyz") or "Traceback" in text:
                broken.append((str(route), status))
    assert broken == []
    assert (process.memory_info().rss - before) / 1e6 < GROWTH_MB


async def test_a_letter_that_no_text_can_hold_is_refused_in_words(sides: Sides, app: Litestar) -> None:
    """Where a field or an address goes straight into a question to the database."""
    walker = Walker(app, sides.asha.seller_id, await make_user(sides.asha.seller_id))
    await walker.arrive()
    account, batch = sides.asha.keys["marketplace_accounts"], sides.asha.keys["batches"]
    answers = [
        await walker.http.post(f"/accounts/{account}/problems/unmute", data={"code": "a\0b", "_csrf_token": walker.csrf}),
        await walker.http.get(f"/batches/{batch}/orders/%00"),
        await walker.http.get("/orders", params={"search": "\0"}),
    ]
    assert [answer.status_code for answer in answers[:2]] == [400, 400]
    assert "We cannot read this request" in answers[0].text
    assert answers[2].status_code in (200, 400)


SLOW_ON_PURPOSE = {"/sign-up", "/settings/security/password", "/reset-password/{reset_id}", "/invitations/{invitation_id}"}
"""Where a believable password is hashed: the forms below go there instead."""

MOST_FIELDS = 40
"""In one request."""

READ_FIELD = re.compile(r'\.get(?:all)?\("([\w-]+)"|\bhidden=\{"([\w-]+)"')
FORM_FIELD = re.compile(r'(?:\bname=|\b(?:field|select|choices|tick|kept_secret)\()"([\w-]+)"')
SAMPLE = {"/sign-in", "/sign-in/code", "/sign-up", "/forgot-password", "/settings/security/password", "/connect", "/payouts/uploads"}


@cache
def fields() -> list[str]:
    """Every name that a field has in any template or that any route asks for, and those of the walk. A new form brings its own."""
    templates = "\n".join(path.read_text() for path in TEMPLATES.rglob("*.html"))
    code = "\n".join(path.read_text() for path in (TOP / "portal").rglob("*.py") if "routes" in str(path.relative_to(TOP)))
    read = {name for found in READ_FIELD.findall(templates + code) for name in found if name}
    return sorted({*FORM, *PARAMETERS, *FORM_FIELD.findall(templates), *read})


def test_the_fields_of_younger_forms_are_among_them() -> None:
    """Those of held orders are written by loops and hidden; those of a list stand in its address."""
    assert {"decision", "sure", "offers", "until", "hsn", "place_of_supply", "legal_name", "kind", "search", "check", "then"} <= {*fields()}


def invented(count: int) -> list[dict[str, str]]:
    """Forms as hypothesis invents them, smallest first."""
    found: list[dict[str, str]] = []
    form = st.dictionaries(st.sampled_from(fields()), st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=8)

    def gather(one: dict[str, str]) -> bool:
        found.append(one)
        return len(found) >= count

    find(form, gather, settings=settings(database=None, derandomize=True, max_examples=2 * count + 10, deadline=None))
    return found[:count]


@pytest.mark.parametrize(("count", "paths"), [(8, SAMPLE), pytest.param(100, None, marks=pytest.mark.soak)], ids=["sample", "full"])
async def test_any_text_in_any_field_of_a_form_is_answered(sides: Sides, app: Litestar, count: int, paths: set[str] | None) -> None:
    """At every address that takes a form, by its owner and with her own ids."""
    await sides.owner.execute("DELETE FROM buyer_data_keys")
    walker = Walker(app, sides.asha.seller_id, await make_user(sides.asha.seller_id))
    broken = []
    for route in routes(app):
        if route.method == "POST" and (paths is None or route.path in paths):
            for one in invented(count):
                await walker.arrive()
                files = dict.fromkeys(("file", "brought"), ("a.csv", "\n".join(one.values()).encode())) if takes_files(route) else None
                answer = await walker.http.post(route.address(sides.asha), data={**one, "_csrf_token": walker.csrf}, files=files)
                if answer.status_code >= 500 or "Traceback" in answer.text:
                    broken.append((str(route), answer.status_code, one))
                    break
    assert broken == []
