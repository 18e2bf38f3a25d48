"""Secrets that are kept so that they can be used again: sealed to the row that holds them."""

import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recovery_service.domain.keys import Keys

_NONCE_BYTES = 12


def seal(keys: Keys, purpose: str, owner: bytes, plain: bytes) -> bytes:
    """Encrypt so that it opens for this purpose and in its owner's row only."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(keys.keyed_hash(purpose)).encrypt(nonce, plain, owner)


def open_sealed(keys: Keys, purpose: str, owner: bytes, sealed: bytes) -> bytes:
    """Decrypt; raises InvalidTag when it was moved or changed."""
    cipher = AESGCM(keys.keyed_hash(purpose))
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner)
