"""Rings as text: one key a line, `RING key-id key`, newest first within a ring; lines that start with # are remarks.

A key is base64 of its 32 bytes. A private one may instead be wrapped by AWS KMS, see `wrapping`.
"""

import base64
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from portal.errors import Misconfigured
from portal.vault import wrapping
from portal.vault.sealing import Held, Ring, Vault, rings_of

BUYERS = "BUYERS"
FINGERPRINTS = "FINGERPRINTS"


@dataclass(frozen=True, slots=True)
class Line:
    """One key. `key` is as it stands in the file: base64, or wrapped."""

    ring: str
    key_id: str
    key: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.ring} {self.key_id} {self.key}"


def fresh(ring: str) -> tuple[Line, Line]:
    """A new key's line for the public file, and its line for the private file."""
    key, key_id = X25519PrivateKey.generate(), secrets.token_hex(4)
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return Line(ring, key_id, public), Line(ring, key_id, base64.b64encode(key.private_bytes_raw()).decode())


def generate(names: Iterable[str]) -> tuple[str, str]:
    """One fresh key for each ring: the public file's text and the private file's text."""
    made = [fresh(name) for name in names]
    # Fingerprints let a seller recognise a secret. Their key is no secret's key, but whoever steals the database must not have it.
    mark = Line(FINGERPRINTS, secrets.token_hex(4), base64.b64encode(secrets.token_bytes(32)).decode())
    return written([*(public for public, _ in made), mark]), written(private for _, private in made)


def written(lines: Iterable[Line]) -> str:
    return "".join(f"{line}\n" for line in lines)


def lines_of(text: str, setting: str) -> Iterator[Line]:
    """The keys of a file's text. Raises Misconfigured naming the line, never what it holds."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            ring, key_id, key = line.split()
            raw = b"" if wrapping.is_wrapped(key) else base64.b64decode(key, validate=True)
        except ValueError:
            raise Misconfigured(
                f"{setting}, line {number}: a key line reads `RING key-id base64`.", hint="`python -m portal keys generate` writes them."
            ) from None
        if raw and len(raw) != 32:
            raise Misconfigured(f"{setting}, line {number}: a key has 32 bytes.", hint="`python -m portal keys generate` writes them.")
        yield Line(ring, key_id, key)


def text_of(source: str, setting: str) -> str:
    """The rings a setting names: a file's content, or the setting itself when it holds them. Raises Misconfigured with a hint."""
    path = file_of(source)
    if path is None:
        return source
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except OSError as error:
        raise Misconfigured(
            f"{setting} names a file we cannot read.",
            detail=f"{path}: {error.strerror}",
            hint="`python -m portal keys generate` makes one.",
        ) from error
    if mode & 0o077:
        raise Misconfigured(f"{setting} names a file that others on this machine can read.", hint=f"chmod 600 {path}")
    return text


def file_of(source: str) -> Path | None:
    """The file a setting names; None when the setting holds the rings themselves."""
    return None if " " in source.strip() else Path(source)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the settings name. `private_of`: the rings whose private keys this process may hold; None for all that are there."""

    seal_keys: str = field(repr=False)
    open_keys: str = field(repr=False)
    buyer_open_keys: str = field(repr=False)
    private_of: frozenset[str] | None

    def read(self) -> Held:
        """Raises Misconfigured for a file that is not there, open to others, or no ring."""
        private: dict[str, dict[str, X25519PrivateKey]] = {}
        public: dict[str, dict[str, X25519PublicKey]] = {}
        fingerprint_key = b""
        if self.seal_keys:
            for line in lines_of(text_of(self.seal_keys, "PORTAL_SEAL_KEYS"), "PORTAL_SEAL_KEYS"):
                raw = base64.b64decode(line.key)
                if line.ring == FINGERPRINTS:
                    fingerprint_key = raw
                else:
                    public.setdefault(line.ring, {})[line.key_id] = X25519PublicKey.from_public_bytes(raw)
        for source, setting in ((self.open_keys, "PORTAL_OPEN_KEYS"), (self.buyer_open_keys, "PORTAL_BUYER_OPEN_KEYS")):
            for line in lines_of(text_of(source, setting), setting) if source else ():
                if self.private_of is not None and line.ring not in self.private_of:
                    continue
                key = X25519PrivateKey.from_private_bytes(wrapping.private_bytes(line.ring, line.key_id, line.key))
                private.setdefault(line.ring, {})[line.key_id] = key
                # The public file says which key seals; a private one stands in where it says nothing.
                public.setdefault(line.ring, {}).setdefault(line.key_id, key.public_key())
        return rings_of((Ring(name, keys, private.get(name, {})) for name, keys in public.items()), fingerprint_key)

    def state(self) -> Mapping[str, tuple[int, int, int]]:
        """What tells that a file was replaced: its identity, size and time of change. Rings held by the settings never change."""
        found = {}
        for source in (self.seal_keys, self.open_keys, self.buyer_open_keys):
            path = file_of(source) if source else None
            if path is not None and path.exists():
                told = path.stat()
                found[source] = (told.st_ino, told.st_size, told.st_mtime_ns)
        return found


class _Followed:
    """Answers the rings again once their files have changed."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._seen = sources.state()

    def __call__(self) -> Held | None:
        now = self._sources.state()
        if now == self._seen:
            return None
        self._seen = now
        return self._sources.read()


def load(*, seal_keys: str = "", open_keys: str = "", buyer_open_keys: str = "", private_of: Collection[str] | None = None) -> Vault:
    """The vault of this process from what its settings name; empty settings hold nothing. Raises Misconfigured.

    `private_of`: the only rings whose private keys are taken into memory.
    """
    sources = Sources(seal_keys, open_keys, buyer_open_keys, None if private_of is None else frozenset(private_of))
    follow = _Followed(sources)
    return Vault(sources.read(), follow)
