"""Secrets at rest: AES-256-GCM with associated data, under keys derived from one key file.

The associated data names the place (`bots.token|<tenant>|<bot id>`), so a sealed value moved to another row
does not open.
"""

import base64
import hashlib
import hmac
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE = 12


class SealBroken(ValueError):
    """The value was not sealed with this key for this place."""


class KeyRing:
    """One master key and what is derived from it: a key per purpose, so that none is used for two things."""

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            raise ValueError(f"the secret key must have {KEY_BYTES} bytes")
        self._master = master
        self._aead = AESGCM(self.derive("seal"))

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose ("jwt", "visitor", "webhook", ...)."""
        return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(self._master)

    def seal(self, plain: str, *, place: str) -> bytes:
        """Encrypt; the result is version byte, 12-byte nonce, ciphertext with its 16-byte tag."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._aead.encrypt(nonce, plain.encode(), place.encode())

    def unseal(self, sealed: bytes, *, place: str) -> str:
        """Decrypt. Raises SealBroken when the key or the place is another one."""
        try:
            plain = self._aead.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], place.encode())
        except (InvalidTag, ValueError) as error:  # ValueError: too short to be anything that was sealed
            raise SealBroken(f"cannot open the secret of {place}: it was sealed with another key") from error
        return plain.decode()

    def mac(self, purpose: str, value: str) -> str:
        """A url-safe HMAC-SHA256 of a value, 43 characters: derived secrets need no storage."""
        digest = hmac.digest(self.derive(purpose), value.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def load_keyring(path: Path) -> KeyRing:
    """Read the key file: 32 bytes in base64. Raises ValueError with what to do when it is not that."""
    try:
        key = base64.b64decode(path.read_text().strip(), validate=True)
        return KeyRing(key)
    except ValueError as error:
        raise ValueError(f"{path} is not a secret key: write 32 random bytes in base64 to it") from error


def create_key_file(path: Path) -> None:
    """Write a new random key, readable by the owner only; an existing file is left alone.

    The file appears with its content or not at all: processes that start together must never read half a key.
    """
    if path.exists():
        return
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o400)
        with suppress(FileExistsError):  # another process was faster: its key stands
            os.link(draft, path)
    finally:
        os.unlink(draft)


def open_keyring(path: Path, *, create: bool) -> KeyRing:
    """The key ring of a process; `create` makes a missing key file (the default of development)."""
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        create_key_file(path)
    return load_keyring(path)
