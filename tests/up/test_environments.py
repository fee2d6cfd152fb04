"""Who gets what, without starting anything."""

from pathlib import Path

import pytest

from portal import settings, vault
from portal.__main__ import main
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import CODES
from portal.marketplaces.sandbox import Shop
from portal.postgres import Addresses
from portal.up.child import in_words
from portal.up.environments import Environments
from portal.vault import Place

LOGINS = Addresses("postgresql://owner", "postgresql://web", "postgresql://worker")


def no_sandbox_app(_: Shop) -> None:
    raise AssertionError("only the sandbox process builds one")


PLACE = Marketplace(
    code="BAZAAR",
    name="Bazaar",
    slug="bazaar",
    source="",
    sandbox=no_sandbox_app,  # type: ignore[arg-type] # never called
    sandbox_settings=lambda base: {"PORTAL_BAZAAR_URL": base, "PORTAL_BAZAAR_TOKEN_URL": f"{base}/pass"},
)


def environments(sandbox_base: str | None = "http://127.0.0.1:8100", **given: str) -> Environments:
    return Environments(given={"PATH": "/bin", **given}, data_dir=Path("/data"), places=(PLACE,), sandbox_base=sandbox_base)


def test_the_sandbox_is_the_default_and_the_operator_wins() -> None:
    worker = environments().worker(LOGINS)
    assert worker["PORTAL_BAZAAR_URL"] == "http://127.0.0.1:8100/bazaar"
    assert float(worker["PORTAL_BAZAAR_RATE"]) > 100
    assert worker["PORTAL_ALLOW_PRIVATE_MARKETPLACES"] == worker["PORTAL_DEMO"] == "true"
    own = environments(PORTAL_BAZAAR_URL="https://bazaar.example", PORTAL_BAZAAR_RATE="1", PORTAL_ALLOW_PRIVATE_MARKETPLACES="false")
    chosen = own.worker(LOGINS)
    assert chosen["PORTAL_BAZAAR_URL"] == "https://bazaar.example"
    assert chosen["PORTAL_BAZAAR_RATE"] == "1"
    assert chosen["PORTAL_ALLOW_PRIVATE_MARKETPLACES"] == "false"


def test_the_real_marketplaces_get_no_setting_of_ours() -> None:
    for process in (environments(None).web(LOGINS), environments(None).worker(LOGINS)):
        assert not any(name.startswith("PORTAL_BAZAAR_") for name in process)
        assert not process.keys() & {"PORTAL_DEMO", "PORTAL_ALLOW_PRIVATE_MARKETPLACES", "PORTAL_ALLOW_GENERATED_KEYS"}


def test_secrets_go_where_they_are_used() -> None:
    secrets = {
        "PORTAL_BAZAAR_CLIENT_SECRET": "application's",
        "PORTAL_SMTP_URL": "smtp://user:password@mail.example",
        "HTTPS_PROXY": "http://user:password@proxy.example",
    }
    made = environments(**secrets, PORTAL_BAZAAR_APP_ID="public", PORTAL_DATABASE_URL="postgresql://owner", AWS_SECRET_ACCESS_KEY="other")
    web, worker = made.web(LOGINS), made.worker(LOGINS)
    assert web["PORTAL_BAZAAR_APP_ID"] == worker["PORTAL_BAZAAR_APP_ID"] == "public"
    assert web.keys() & secrets.keys() == set()
    assert worker.keys() >= secrets.keys()
    assert (web["PORTAL_DATABASE_URL"], worker["PORTAL_DATABASE_URL"]) == (LOGINS.web, LOGINS.worker)
    for process in (web, worker, made.owner(LOGINS), made.sandbox(), made.bare()):
        assert "AWS_SECRET_ACCESS_KEY" not in process
    assert "owner" not in str(web) + str(worker) + str(made.sandbox())


def test_the_web_knows_that_there_is_a_mail_server_and_not_which() -> None:
    made = environments(PORTAL_SMTP_URL="smtp://user:hidden@mail.example", PORTAL_MAIL_FROM="portal@example.in")
    web, worker = made.web(LOGINS), made.worker(LOGINS)
    assert settings.read(web).mails_go_out
    assert "hidden" not in str(web)
    assert (worker["PORTAL_SMTP_URL"], worker["PORTAL_MAIL_FROM"]) == ("smtp://user:hidden@mail.example", "portal@example.in")
    assert not settings.read(environments().web(LOGINS)).mails_go_out


def test_no_secret_in_a_repr() -> None:
    assert "hidden" not in repr(environments(PORTAL_SMTP_URL="smtp://user:hidden@mail.example"))
    assert "postgresql" not in repr(LOGINS)


def test_rings_are_the_operators_or_ours_never_mixed(tmp_path: Path) -> None:
    made = Environments(given={}, data_dir=tmp_path, places=(), sandbox_base=None)
    before = made.keys_missing
    (tmp_path / "keys").mkdir()
    for path in made.keys.values():
        Path(path).write_text("")
    assert (before, made.keys_missing) == (True, False)
    own = Environments(given={"PORTAL_SEAL_KEYS": "/etc/seal"}, data_dir=tmp_path / "empty", places=(), sandbox_base=None)
    assert not own.keys_missing
    assert own.web(LOGINS)["PORTAL_SEAL_KEYS"] == "/etc/seal"
    assert own.worker(LOGINS)["PORTAL_OPEN_KEYS"] == ""


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"event": "slow", "level": "warning", "timestamp": "now", "seconds": 3}', "warning: slow seconds=3"),
        ('{"event": "broken", "level": "error"}', "error: broken"),
        ('{"event": "fine", "level": "info"}', ""),
        ("plain words", ""),
        ("7", ""),
        ("", ""),
    ],
)
def test_only_warnings_reach_the_terminal(line: str, sentence: str) -> None:
    assert in_words(line) == sentence


def test_a_marketplace_that_came_later_gets_a_ring_and_the_others_keep_theirs(tmp_path: Path) -> None:
    """`keys add` opens what was sealed before, and seals for the newcomer."""
    assert main(["keys", "generate", "--into", str(tmp_path)]) == 0
    place = Place("t", "c", "a")
    for name in ("seal", "open"):
        file = tmp_path / name
        file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith(CODES[0])))
    before = vault.load(seal_keys=str(tmp_path / "seal"), open_keys=str(tmp_path / "open"))
    sealed = before.seal(CODES[1], place, "kept")
    assert not before.seals(CODES[0])
    assert main(["keys", "add", "--into", str(tmp_path)]) == 0
    after = vault.load(seal_keys=str(tmp_path / "seal"), open_keys=str(tmp_path / "open"))
    assert after.open(CODES[1], place, sealed) == "kept"
    assert after.open(CODES[0], place, after.seal(CODES[0], place, "new")) == "new"
    assert after.fingerprint("x") == before.fingerprint("x")
