"""The key that seals are signed with: given by the settings, else made once."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def seal_key() -> Ed25519PrivateKey:
    """The Ed25519 key of this installation.

    `SEAL_KEY` holds its 32 bytes as hex or base64; without it a key is made once and
    kept in the data folder, readable by its owner alone.
    """
    if settings.SEAL_KEY:
        return Ed25519PrivateKey.from_private_bytes(_bytes(settings.SEAL_KEY))
    path = Path(settings.DATA_DIR) / "seal_key.pem"
    if not path.exists():
        _make(path)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"{path.name} holds no Ed25519 key.")
    return key


def public_key_of(key: Ed25519PrivateKey) -> str:
    """The public half as 64 hexadecimal digits."""
    return key.public_key().public_bytes_raw().hex()


def known_public_keys() -> set[str]:
    """Public keys whose seals are ours: the present one, and older ones that
    `SEAL_PUBLIC_KEYS` names. A seal says by which key it was signed; that alone proves
    nothing, since whoever writes to the database could sign with another."""
    return {public_key_of(seal_key()), *settings.SEAL_PUBLIC_KEYS}


def _bytes(text: str) -> bytes:
    text = text.strip()
    try:
        raw = (
            bytes.fromhex(text)
            if len(text) == 64
            else base64.b64decode(text, validate=True)
        )
    except (ValueError, binascii.Error) as error:
        raise ImproperlyConfigured(
            "SEAL_KEY is neither hexadecimal nor base64."
        ) from error
    if len(raw) != 32:
        raise ImproperlyConfigured(f"SEAL_KEY has {len(raw)} bytes; it takes 32.")
    return raw


def _make(path: Path) -> None:
    """Written whole beside its place, then linked there: of two processes that make
    one at the same time, the first wins and both read that one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
    ) as file:
        file.write(pem)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
