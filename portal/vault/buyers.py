"""The cryptography of buyers' personal data: one data key per seller and marketplace, fast enough for bulk."""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.errors import SecretUnreadable
from portal.vault.sealing import OPENING_FAILURES

NONCE = 12
"""Bytes of chance before each ciphertext; none is used twice with a key."""


class BuyerSeal:
    """Seals and opens buyers' personal data of one seller on one marketplace (AES-256-GCM).

    `digest` is a keyed fingerprint: it tells that nothing changed without opening anything, and means nothing without the key.
    """

    __slots__ = ("_cipher", "_digest", "_scope")

    def __init__(self, data_key: bytes, scope: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"cipher\x00" + data_key).digest())
        self._digest = hmac.new(hashlib.sha256(b"digest\x00" + data_key).digest(), digestmod="sha256")
        self._scope = scope.encode()

    def seal(self, column: str, row: str, value: str) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, value.encode(), self._bound(column, self._where(row)))

    def seal_row(self, row: str, values: Mapping[str, str]) -> list[bytes | None]:
        """What belongs into each column of a row, in their order; None for an empty value.

        For bulk: chance is asked once for the row, and where the row is is put together once.
        """
        chance, where, encrypt = os.urandom(NONCE * len(values)), self._where(row), self._cipher.encrypt
        sealed: list[bytes | None] = []
        for place, (column, value) in enumerate(values.items()):
            nonce = chance[place * NONCE : (place + 1) * NONCE]
            sealed.append(nonce + encrypt(nonce, value.encode(), self._bound(column, where)) if value else None)
        return sealed

    def open(self, column: str, row: str, sealed: bytes) -> str:
        """The value. Raises SecretUnreadable for what was altered, or sealed for another column, order, account, seller or marketplace."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], self._bound(column, self._where(row))).decode()
        except OPENING_FAILURES as error:
            raise SecretUnreadable(
                "This buyer's details cannot be read.", detail=f"orders.{column}: altered, or sealed for another row"
            ) from error

    def digest(self, *values: str) -> bytes:
        # A copy of the keyed beginning costs half of what a new one does.
        one = self._digest.copy()
        one.update("\x00".join(values).encode())
        return one.digest()[:16]

    def _where(self, row: str) -> bytes:
        return b"\x00" + self._scope + b"\x00" + row.encode()

    @staticmethod
    def _bound(column: str, where: bytes) -> bytes:
        return b"orders\x00" + column.encode() + where


def new_data_key() -> str:
    """A fresh data key as text, ready to be sealed."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
