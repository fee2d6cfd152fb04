"""The cryptography of single secrets. A sealed value is text: `s1.<key id>.<base64url of HPKE's encapsulation and ciphertext>`."""

import base64
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from portal.errors import Misconfigured, SecretUnreadable

VERSION = "s1"
OPENING_FAILURES = (InvalidTag, ValueError)

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

log = structlog.get_logger()


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
    """Keys of one purpose by their ids; the first public one seals. A ring without private keys seals only."""

    name: str
    public: Mapping[str, X25519PublicKey]
    private: Mapping[str, X25519PrivateKey] = field(default_factory=dict, repr=False)

    @property
    def newest(self) -> str:
        return next(iter(self.public))


@dataclass(frozen=True, slots=True)
class Held:
    """What the ring files say: the rings by name, and the key of fingerprints."""

    rings: Mapping[str, Ring]
    fingerprint_key: bytes = field(default=b"", repr=False)


class Vault:
    """The rings this process holds, followed while they change.

    `read_again` answers the rings anew when their files have changed since, else None: a rotation reaches a running process before
    it seals the next value, and before it gives up on a value whose key it does not know.
    """

    def __init__(self, held: Held, read_again: Callable[[], Held | None] = lambda: None) -> None:
        self._held = held
        self._read_again = read_again

    def __repr__(self) -> str:
        held = [name + ("+" if ring.private else "") for name, ring in sorted(self._held.rings.items())]
        return f"Vault({', '.join(held)})"

    @property
    def newest(self) -> dict[str, str]:
        """The id of the key that seals, by ring."""
        self._follow()
        return {name: ring.newest for name, ring in self._held.rings.items()}

    def seals(self, ring: str) -> bool:
        return ring in self._held.rings

    def opens(self, ring: str) -> bool:
        return ring in self._held.rings and bool(self._held.rings[ring].private)

    def seal(self, ring: str, place: Place, value: str) -> str:
        """The value as only `ring`'s private keys open it, and only at `place`. Raises SecretUnreadable where the ring is not held."""
        self._follow()
        keys = self._ring(ring)
        sealed = _SUITE.encrypt(value.encode(), keys.public[keys.newest], place.bound())
        return f"{VERSION}.{keys.newest}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, ring: str, place: Place, sealed: str) -> str:
        """The value. Raises SecretUnreadable, whatever the reason: wrong place, altered, or a key we do not hold."""
        key_id = key_of(sealed)
        key = self._ring(ring).private.get(key_id)
        if key is None:
            self._follow()
            key = self._ring(ring).private.get(key_id)
        if key is None:
            raise _unreadable(place, f"key {key_id!r} of ring {ring} is not held here")
        try:
            return _SUITE.decrypt(base64.urlsafe_b64decode(sealed.split(".", 2)[2]), key, place.bound()).decode()
        except OPENING_FAILURES as error:
            raise _unreadable(place, "altered, or sealed for another place") from error

    def fingerprint(self, value: str) -> str:
        """How a secret is recognised on a page without showing any of it: 32 bits of an HMAC, as XXXX-XXXX."""
        short = hmac.digest(self._held.fingerprint_key, value.encode(), "sha256")[:4].hex().upper()
        return f"{short[:4]}-{short[4:]}"

    def derived(self, purpose: str) -> str:
        """A secret for another purpose, the same in every process that holds the same rings; empty where there is nothing to derive it from."""
        key = self._held.fingerprint_key
        return hmac.digest(key, f"portal {purpose}".encode(), "sha256").hex() if key else ""

    def _ring(self, name: str) -> Ring:
        try:
            return self._held.rings[name]
        except KeyError:
            raise SecretUnreadable("We cannot seal or open this value here.", detail=f"no ring {name} in this process") from None

    def _follow(self) -> None:
        try:
            fresh = self._read_again()
        except Misconfigured as error:
            # Whoever writes these files may not be done. What we hold goes on working.
            log.warning("rings_not_read_again", reason=error.seller_message)
            return
        if fresh is not None:
            self._held = fresh
            log.info("rings_read_again", newest={name: ring.newest for name, ring in fresh.rings.items()})


def key_of(sealed: str) -> str:
    """The id of the key a ciphertext names; empty for what is none of ours."""
    version, _, rest = sealed.partition(".")
    key_id, dot, _ = rest.partition(".")
    return key_id if version == VERSION and dot else ""


def rings_of(rings: Iterable[Ring], fingerprint_key: bytes = b"") -> Held:
    return Held({ring.name: ring for ring in rings}, fingerprint_key)


def _unreadable(place: Place, why: str) -> SecretUnreadable:
    return SecretUnreadable(
        "A saved secret cannot be read. Reconnect the account to replace it.", detail=f"{place.table}.{place.column}: {why}"
    )
