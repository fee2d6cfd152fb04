"""Sealing and opening secrets: HPKE (RFC 9180) per value, bound to its place; a data key per seller for buyers.

A ring is a list of keys for one purpose: a marketplace's credentials (named by its code) or `BUYERS`. Processes that only seal hold
public keys; private keys are held where something must be opened, and nowhere else. Ciphertexts name their key, so rings can
rotate: the newest key seals, all keys of the ring open. `sealing` and `buyers` are the cryptography, `rings` is the files' format,
`wrapping` opens private keys that AWS KMS keeps wrapped.
"""

from portal.vault.buyers import BuyerSeal, new_data_key
from portal.vault.rings import BUYERS, FINGERPRINTS, generate, load
from portal.vault.sealing import Place, Ring, Vault, key_of

__all__ = ["BUYERS", "FINGERPRINTS", "BuyerSeal", "Place", "Ring", "Vault", "generate", "key_of", "load", "new_data_key"]
