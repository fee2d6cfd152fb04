"""What goes wrong before anything was done: a sentence, what to do about it, and neither a trace nor a secret."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from portal.__main__ import main
from portal.postgres import Addresses, create_database, drop_database
from tests.workers import Rings

SECRET = "Atzr|do-not-tell-this-one"
KEYS = {
    "selling_partner_id": "A00001SANDBOXIN",
    "lwa_client_id": "amzn1.application-oa2-client.one",
    "lwa_client_secret": "amzn1.oa2-cs.v1.do-not-tell-this-either",
    "refresh_token": SECRET,
}


class Terminal:
    """One command in this very process, which is quicker than one of its own; none of these gets as far as a connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self._monkeypatch.setenv(f"PORTAL_{name}", value)

    def refuses(self, *words: object) -> tuple[str, str]:
        """The error's code and everything said about it."""
        assert main([*map(str, words), "--json"]) == 2
        said = self._capsys.readouterr()
        told = json.loads(said.out)
        assert told.keys() >= {"error", "message"}
        assert told["message"] in said.err
        for word in ("Traceback", SECRET, KEYS["lwa_client_secret"]):
            assert word not in said.out + said.err
        return told["error"], said.err


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Terminal:
    for name in ("DATABASE_URL", "SEAL_KEYS", "OPEN_KEYS"):
        monkeypatch.delenv(f"PORTAL_{name}", raising=False)
    monkeypatch.setenv("PORTAL_DATA_DIR", str(tmp_path / "nothing-here"))
    return Terminal(monkeypatch, capsys)


def connecting(file: object, marketplace: str = "AMAZON_IN") -> tuple[object, ...]:
    return ("connect", "--seller", uuid4(), "--marketplace", marketplace, "--name", "Surat", "--keys", file)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{{{SECRET}", "The key file is not JSON."),
        (json.dumps([SECRET]), "should hold one JSON object"),
        (
            json.dumps({name: value for name, value in KEYS.items() if name != "refresh_token"}),
            "lacks refresh_token. Refresh token: Develop Apps",
        ),
        (json.dumps({**KEYS, "selling_partner_id": ""}), "lacks selling_partner_id. Merchant token: Seller Central"),
        (json.dumps({**KEYS, "refresh_tokn": SECRET}), "has names we do not know: refresh_tokn. Amazon India takes selling_partner_id,"),
        (json.dumps({**KEYS, "method": "magic"}), "names a method that Amazon India does not have. Known: private_app."),
        (json.dumps({**KEYS, "method": "public_app"}), "gives this permission in the browser only"),
    ],
)
def test_a_key_file_that_cannot_be_right_is_refused_before_anything_else(
    terminal: Terminal, tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(text)
    code, said = terminal.refuses(*connecting(file))
    assert code == "bad_input"
    assert sentence in said


def test_a_file_that_is_not_there_or_no_text(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "keys.bin"
    assert "We cannot read" in terminal.refuses(*connecting(file))[1]
    file.write_bytes(b"\xff\xfe\x00")
    assert "not a text file" in terminal.refuses(*connecting(file))[1]


def test_a_marketplace_nobody_knows(terminal: Terminal, tmp_path: Path) -> None:
    code, said = terminal.refuses(*connecting(tmp_path, marketplace="BAZAAR"))
    assert code == "bad_input"
    assert "We know no marketplace BAZAAR. Known: AJIO, AMAZON_IN," in said


COMMANDS: tuple[tuple[object, ...], ...] = (
    ("seller", "add", "--name", "Asha", "--email", "asha@example.in", "--password", "long enough here"),
    ("validate", uuid4()),
    ("sync", uuid4(), "--wait"),
    ("runs", "--account", uuid4()),
    ("cancel", uuid4()),
    ("retry", uuid4()),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: str(words[0]))
def test_without_a_portal_every_command_says_how_to_start_one(terminal: Terminal, words: tuple[object, ...]) -> None:
    code, said = terminal.refuses(*words)
    assert code == "misconfigured"
    assert "The portal's database is not running." in said
    assert "make up" in said


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://portal_web:hunter2@127.0.0.1:9/portal",
        "postgresql://portal_web:hunter2@/portal?host=/nowhere",
        "nonsense://hunter2",
        "postgresql://portal_web:hunter2@127.0.0.1:port/portal",
    ],
)
def test_a_database_that_does_not_answer(terminal: Terminal, address: str) -> None:
    terminal.set(DATABASE_URL=address)
    for words in (COMMANDS[0], ("validate", uuid4()), ("migrate",)):
        code, said = terminal.refuses(*words)
        assert code in {"database_unavailable", "misconfigured"}
        assert "PORTAL_DATABASE_URL" in said
        assert "hunter2" not in said


def test_a_password_the_database_does_not_know(terminal: Terminal, database: Addresses) -> None:
    user, _, rest = database.web.partition("@")
    terminal.set(DATABASE_URL=f"{user.rpartition(':')[0]}:hunter2@{rest}")
    code, said = terminal.refuses("validate", uuid4())
    assert code == "database_unavailable"
    assert "hunter2" not in said


def test_a_database_nobody_migrated(terminal: Terminal, server: Addresses) -> None:
    create_database(server.owner, "portal_empty", template="template0")
    try:
        terminal.set(DATABASE_URL=server.of("portal_empty").web)
        for words in (COMMANDS[0], ("validate", uuid4()), ("runs", "--seller", uuid4())):
            code, said = terminal.refuses(*words)
            assert code == "misconfigured", words
            assert "python -m portal migrate" in said
    finally:
        drop_database(server.owner, "portal_empty")


def test_without_a_worker_nobody_is_kept_waiting(terminal: Terminal, database: Addresses, rings: Rings, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(KEYS))
    terminal.set(DATABASE_URL=database.web, SEAL_KEYS=rings[0])
    for words in (connecting(file), ("validate", uuid4()), ("sync", uuid4(), "--wait")):
        code, said = terminal.refuses(*words)
        assert code == "misconfigured"
        assert "No worker has reported for a minute." in said
        assert "python -m portal worker" in said


def test_without_a_public_key_nothing_is_sent_anywhere(terminal: Terminal, database: Addresses, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(KEYS))
    terminal.set(DATABASE_URL=database.web)
    code, said = terminal.refuses(*connecting(file))
    assert code == "misconfigured"
    assert "Set PORTAL_SEAL_KEYS" in said


def test_keys_are_made_once_and_never_overwritten(terminal: Terminal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each in a file that only its owner can read; the answer names them and holds none."""
    assert main(["keys", "generate", "--into", str(tmp_path / "keys"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"directory", "rings"}
    made = {file.name: file.read_text() for file in (tmp_path / "keys").iterdir()}
    assert made.keys() == {"seal", "open", "buyer-open"}
    assert {(tmp_path / "keys" / name).stat().st_mode & 0o777 for name in made} == {0o600}
    assert "BUYERS" not in made["open"]
    assert made["buyer-open"].split()[0] == "BUYERS"
    code, said = terminal.refuses("keys", "generate", "--into", tmp_path / "keys")
    assert code == "conflict"
    assert "what they sealed would be lost" in said
    assert {file.name: file.read_text() for file in (tmp_path / "keys").iterdir()} == made


def test_migrating_again_changes_nothing(terminal: Terminal, own_database: Addresses, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.set(DATABASE_URL=own_database.owner)
    assert main(["migrate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"migrated": True}
