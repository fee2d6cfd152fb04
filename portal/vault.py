"""Sealing and opening secrets: HPKE (RFC 9180) per value, bound to its place; a data key per seller for buyers.

A ring is a list of keys for one purpose: a marketplace's credentials (named by its code) or `BUYERS`. Processes that only seal hold
public keys; private keys are held where something must be opened, and nowhere else. Ciphertexts name their key, so rings can
rotate: the newest key seals, all keys of the ring open.

A sealed value is text: `s1.<key id>.<base64url of HPKE's encapsulation and ciphertext>`.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from portal.errors import Misconfigured, SecretUnreadable

BUYERS = "BUYERS"
FINGERPRINTS = "FINGERPRINTS"
VERSION = "s1"

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_OPENING_FAILURES = (InvalidTag, ValueError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value belongs. A ciphertext opens only there: not in another column, account, table or seller."""

    table: str
    column: str
    owner: str

    def bound(self) -> bytes:
        return "\x00".join(("portal", VERSION, self.table, self.column, self.owner)).encode()


@dataclass(frozen=True, slots=True)
class Ring:
    """Keys of one purpose, newest first, by their ids. A ring without private keys seals only."""

    name: str
    public: Mapping[str, X25519PublicKey]
    private: Mapping[str, X25519PrivateKey] = field(default_factory=dict, repr=False)

    @property
    def newest(self) -> str:
        return next(iter(self.public))


class Vault:
    """The rings this process holds.

    Raises SecretUnreadable when a value does not open here, whatever the reason: wrong place, altered, or a key we do not hold.
    """

    def __init__(self, rings: Iterable[Ring], fingerprint_key: bytes = b"") -> None:
        self._rings = {ring.name: ring for ring in rings}
        self._fingerprint_key = fingerprint_key

    def __repr__(self) -> str:
        held = [name + ("+" if ring.private else "") for name, ring in sorted(self._rings.items())]
        return f"Vault({', '.join(held)})"

    def seals(self, ring: str) -> bool:
        return ring in self._rings

    def opens(self, ring: str) -> bool:
        return ring in self._rings and bool(self._rings[ring].private)

    def seal(self, ring: str, place: Place, value: str) -> str:
        held = self._held(ring)
        sealed = _SUITE.encrypt(value.encode(), held.public[held.newest], place.bound())
        return f"{VERSION}.{held.newest}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, ring: str, place: Place, sealed: str) -> str:
        held = self._held(ring)
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        key = held.private.get(key_id)
        if version != VERSION or key is None:
            raise _unreadable(place, f"key {key_id!r} of ring {ring} is not held here")
        try:
            return _SUITE.decrypt(base64.urlsafe_b64decode(body), key, place.bound()).decode()
        except _OPENING_FAILURES as error:
            raise _unreadable(place, "altered, or sealed for another place") from error

    def fingerprint(self, value: str) -> str:
        """How a secret is recognised on a page without showing any of it: 32 bits of an HMAC, as XXXX-XXXX."""
        short = hmac.digest(self._fingerprint_key, value.encode(), "sha256")[:4].hex().upper()
        return f"{short[:4]}-{short[4:]}"

    def derived(self, purpose: str) -> str:
        """A secret for another purpose, the same in every process that holds the same rings; empty where there is nothing to derive it from."""
        return hmac.digest(self._fingerprint_key, f"portal {purpose}".encode(), "sha256").hex() if self._fingerprint_key else ""

    def _held(self, ring: str) -> Ring:
        try:
            return self._rings[ring]
        except KeyError:
            raise SecretUnreadable("We cannot seal or open this value here.", detail=f"no ring {ring} in this process") from None


def _unreadable(place: Place, why: str) -> SecretUnreadable:
    return SecretUnreadable(
        "A saved secret cannot be read. Reconnect the account to replace it.", detail=f"{place.table}.{place.column}: {why}"
    )


class BuyerSeal:
    """Seals and opens buyers' personal data of one seller on one marketplace, fast enough for bulk (AES-256-GCM).

    `digest` is a keyed fingerprint: it tells that nothing changed without opening anything, and means nothing without the key.
    """

    __slots__ = ("_cipher", "_digest_key", "_scope")

    def __init__(self, data_key: bytes, scope: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"cipher\x00" + data_key).digest())
        self._digest_key = hashlib.sha256(b"digest\x00" + data_key).digest()
        self._scope = scope.encode()

    def seal(self, column: str, row: str, value: str) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, value.encode(), self._bound(column, row))

    def open(self, column: str, row: str, sealed: bytes) -> str:
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], self._bound(column, row)).decode()
        except _OPENING_FAILURES as error:
            raise SecretUnreadable(
                "This buyer's details cannot be read.", detail=f"orders.{column}: altered, or sealed for another row"
            ) from error

    def digest(self, *values: str) -> bytes:
        return hmac.digest(self._digest_key, "\x00".join(values).encode(), "sha256")[:16]

    def _bound(self, column: str, row: str) -> bytes:
        return b"\x00".join((b"orders", column.encode(), self._scope, row.encode()))


def new_data_key() -> str:
    """A fresh data key as text, ready to be sealed."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


# Rings on disk: one key a line, `RING key-id base64`, newest first within a ring; lines that start with # are remarks.


def generate(names: Iterable[str]) -> tuple[str, str]:
    """One fresh key for each ring: the public file's text and the private file's text."""
    public, private = [], []
    for name in names:
        key = X25519PrivateKey.generate()
        key_id = secrets.token_hex(4)
        public.append(f"{name} {key_id} {base64.b64encode(key.public_key().public_bytes_raw()).decode()}")
        private.append(f"{name} {key_id} {base64.b64encode(key.private_bytes_raw()).decode()}")
    # Fingerprints let a seller recognise a secret. Their key is no secret's key, but whoever steals the database must not have it.
    public.append(f"{FINGERPRINTS} {secrets.token_hex(4)} {base64.b64encode(secrets.token_bytes(32)).decode()}")
    return "\n".join(public) + "\n", "\n".join(private) + "\n"


def text_of(source: str, setting: str) -> str:
    """The rings a setting names: a file's content, or the setting itself when it holds them. Raises Misconfigured with a hint."""
    if " " in source.strip():
        return source
    path = Path(source)
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


def load(*, seal_keys: str = "", open_keys: str = "", buyer_open_keys: str = "") -> Vault:
    """The vault of this process from what its settings name; empty settings hold nothing. Raises Misconfigured."""
    public: dict[str, dict[str, X25519PublicKey]] = {}
    private: dict[str, dict[str, X25519PrivateKey]] = {}
    for source, setting in ((open_keys, "PORTAL_OPEN_KEYS"), (buyer_open_keys, "PORTAL_BUYER_OPEN_KEYS")):
        if not source:
            continue
        for name, key_id, raw in _lines(text_of(source, setting), setting):
            key = X25519PrivateKey.from_private_bytes(raw)
            private.setdefault(name, {})[key_id] = key
            public.setdefault(name, {})[key_id] = key.public_key()
    fingerprint_key = b""
    if seal_keys:
        for name, key_id, raw in _lines(text_of(seal_keys, "PORTAL_SEAL_KEYS"), "PORTAL_SEAL_KEYS"):
            if name == FINGERPRINTS:
                fingerprint_key = raw
                continue
            # What is listed first for sealing wins over the order of the private file.
            public.setdefault(name, {}).setdefault(key_id, X25519PublicKey.from_public_bytes(raw))
    return Vault((Ring(name, keys, private.get(name, {})) for name, keys in public.items()), fingerprint_key)


def _lines(text: str, setting: str) -> Iterable[tuple[str, str, bytes]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split()
        try:
            name, key_id, encoded = parts
            raw = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise Misconfigured(
                f"{setting}, line {number}: a key line reads `RING key-id base64`.", hint="`python -m portal keys generate` writes them."
            ) from None
        if len(raw) != 32:
            raise Misconfigured(f"{setting}, line {number}: a key has 32 bytes.", hint="`python -m portal keys generate` writes them.")
        yield name, key_id, raw
