"""The cryptography of buyers' personal data: one data key per seller and marketplace, fast enough for bulk."""

import base64
import hashlib
import hmac
import os
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.errors import SecretUnreadable
from portal.vault.sealing import OPENING_FAILURES


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
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, value.encode(), self._bound(column, row))

    def open(self, column: str, row: str, sealed: bytes) -> str:
        """The value. Raises SecretUnreadable for what was altered, or sealed for another column, order, account, seller or marketplace."""
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], self._bound(column, row)).decode()
        except OPENING_FAILURES as error:
            raise SecretUnreadable(
                "This buyer's details cannot be read.", detail=f"orders.{column}: altered, or sealed for another row"
            ) from error

    def digest(self, *values: str) -> bytes:
        # A copy of the keyed beginning costs half of what a new one does.
        one = self._digest.copy()
        one.update("\x00".join(values).encode())
        return one.digest()[:16]

    def _bound(self, column: str, row: str) -> bytes:
        return b"\x00".join((b"orders", column.encode(), self._scope, row.encode()))


def new_data_key() -> str:
    """A fresh data key as text, ready to be sealed."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
