"""Only public addresses are called, and the one that was looked at is the one that is called."""

import re
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import httpcore
import httpx
import pytest

import portal
from portal.errors import Misconfigured
from portal.marketplaces.contract import AccountRef, Marketplace
from portal.marketplaces.dialling import dialled
from portal.marketplaces.errors import Unreachable, WireChanged
from portal.marketplaces.http import Outside, Quota
from portal.marketplaces.opening import Doorway
from portal.settings import Settings
from tests.contract.stalls import LIVE

pytestmark = pytest.mark.anyio

PORTAL = Path(portal.__file__).parent
PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1"),
]


class Names:
    """Answers one list of addresses after the other for a name, as somebody does who rebinds it."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0)


@pytest.fixture
def dialled_numbers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address a connection was tried to; none is made."""
    tried: list[str] = []

    async def connect_tcp(_: object, host: str, *__: object) -> httpcore.AsyncNetworkStream:
        tried.append(host)
        raise httpcore.ConnectError("nobody there")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return tried


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_private_address_is_never_called(dialled_numbers: list[str], address: str) -> None:
    """Also when it stands beside a public one."""
    for found in ([address], ["93.184.216.34", address]):
        async with httpx.AsyncClient(
            transport=dialled("Shop", ssl.create_default_context(), allow_private=False, resolve=Names(found))
        ) as client:
            with pytest.raises(Misconfigured, match="private address"):
                await client.get("https://shop.example/")
    assert dialled_numbers == []


async def test_the_address_that_was_looked_at_is_the_one_called(dialled_numbers: list[str]) -> None:
    """A name that is rebound between check and connection changes nothing: it is asked about once."""
    names = Names(["93.184.216.34", "2606:2800:220:1::1"], ["127.0.0.1"])
    async with httpx.AsyncClient(transport=dialled("Shop", ssl.create_default_context(), allow_private=False, resolve=names)) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("https://shop.example/")
        assert (dialled_numbers, names.asked) == (["93.184.216.34", "2606:2800:220:1::1"], 1)
        with pytest.raises(Misconfigured):
            await client.get("https://shop.example/")


async def test_a_name_without_an_address_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object) -> Sequence[str]:
        raise socket.gaierror

    monkeypatch.setattr("portal.marketplaces.dialling.addresses_of", nobody)
    async with Outside().calls("Shop", "c") as calls:
        with pytest.raises(Unreachable):
            await calls.send(calls.request("GET", "https://shop.example/"), Quota("read", 100, 100), attempts=1)


async def test_plain_http_is_for_sandboxes() -> None:
    async with httpx.AsyncClient(transport=dialled("Shop", ssl.create_default_context(), allow_private=False)) as client:
        with pytest.raises(Misconfigured):
            await client.get("http://shop.example/")


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    """Whatever host it names: keys would go along."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"location": "https://evil.example/"})

    async with Outside(transport=httpx.MockTransport(answer)).calls("Shop", "c") as calls:
        assert (await calls.send(calls.request("GET", "https://shop.example/"), Quota("read", 100, 100))).status_code == 302
    assert asked == ["shop.example"]


STRANGERS = [
    *("https://evil.example/", "https://shop.example.evil.example/", "https://notshop.example/", "https://shop.example@evil.example/"),
    *("http://127.0.0.1/", "https://93.184.216.34/", "https://example/"),
]


@pytest.mark.parametrize("address", STRANGERS)
async def test_an_answer_leads_to_nobody_but_the_marketplace(address: str) -> None:
    """Addresses of documents and of next pages come from outside; whatever they say, only the marketplace's own hosts are called."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200)

    outside = Outside(transport=httpx.MockTransport(answer), hosts=("shop.example",))
    async with outside.calls("Shop", "c") as calls:
        for ours in ("https://shop.example/", "https://files.shop.example/"):
            await calls.send(calls.request("GET", ours), Quota("read", 100, 100))
        with pytest.raises(WireChanged):
            await calls.send(calls.request("GET", address), Quota("read", 100, 100))
        with pytest.raises(WireChanged):
            async with calls.stream(calls.request("GET", address), Quota("read", 100, 100)):
                pass
    assert asked == ["shop.example", "files.shop.example"]


@pytest.mark.parametrize("place", LIVE, ids=lambda place: place.code)
def test_every_conversation_knows_who_may_be_called(place: Marketplace) -> None:
    """The folder's own hosts, those of addresses in the operator's settings, and nobody else's."""
    account = AccountRef(id=uuid4(), seller_id=uuid4(), code=place.code, external_account_id="A1", name="Surat store")
    settings = {"API_URL": "https://mirror.example/v1", "DOCUMENT_HOSTS": "files.example, Papers.example", "RATE": "2"}
    outside = Doorway(Settings(marketplaces={place.code: settings}))._outside(place, account)
    assert outside.hosts == (*place.hosts, "mirror.example", "files.example", "papers.example")
    assert Doorway(Settings())._outside(place, account).hosts == place.hosts


def test_nothing_else_makes_a_client() -> None:
    """One place calls out, and the supervisor asks its own processes on this machine."""
    makers = {
        path.stem for path in PORTAL.rglob("*.py") if re.search(r"\b(AsyncClient|httpx\.Client|urlopen|ClientSession)\(", path.read_text())
    }
    assert makers == {"http", "supervisor"}


async def test_the_environments_proxies_are_not_asked(monkeypatch: pytest.MonkeyPatch, dialled_numbers: list[str]) -> None:
    """A proxy would resolve names by itself."""
    monkeypatch.setenv("HTTPS_PROXY", "http://10.0.0.1:3128")

    async def public(*_: object) -> Sequence[str]:
        return ["93.184.216.34"]

    monkeypatch.setattr("portal.marketplaces.dialling.addresses_of", public)
    async with Outside().calls("Shop", "c") as calls:
        with pytest.raises(Unreachable):
            await calls.send(calls.request("GET", "https://shop.example/"), Quota("read", 100, 100), attempts=1)
    assert dialled_numbers == ["93.184.216.34"]
