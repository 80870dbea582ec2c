"""Who reported: name, telephone and e-mail, encrypted so that one person can be forgotten. Pure.

**Two keys** (envelope encryption). Each sealing has a data key of its own, drawn at random, which the identity is encrypted under;
the key-encryption key of the settings (`IOC_IDENTITY_KEY`) encrypts that data key. So a new key-encryption key means to wrap small
keys again, not to encrypt all identities, and **to delete the wrapped key is to erase the identity**, in every copy of the rest.

**Bound to the reporter.** Both ciphertexts have the reporter's id as associated data: put into another row they do not open. All is
AES-256-GCM (NIST SP 800-38D) under nonces drawn at random; a key-encryption key may wrap 2³² times, more than a city has citizens.

**Found without decrypting.** A blind index, HMAC-SHA256 of the normalised telephone or e-mail, is the same for the same person. It is
itself personal data (pseudonymous): whoever erases an identity deletes its indexes, too.
"""

import base64
import hashlib
import hmac
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

import orjson
import phonenumbers
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from app.auth import made_once
from app.errors import NotValid, Text
from app.settings import Settings, decode_keys

Contact = Literal["phone", "email"]
_NONCE = 12  # bytes, NIST SP 800-38D, 8.2
_KEY_BITS = 256


class CannotOpen(Exception):
    """It was changed, belongs to another reporter, or was wrapped under a key that is not among those of the settings."""


class Erased(CannotOpen):
    """Its data key was deleted: nobody can ever open it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """As the reporter gave it; `SecretStr`, so that neither a log nor a traceback tells it."""

    name: SecretStr | None = None
    phone: SecretStr | None = None
    email: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is stored. Each ciphertext begins with its nonce."""

    key_id: str  # of the key-encryption key
    wrapped_key: bytes | None = field(repr=False)  # None: erased
    ciphertext: bytes = field(repr=False)

    def erased(self) -> "Sealed":
        return replace(self, wrapped_key=None)


class IdentityKeys:
    """The key-encryption keys: the first one seals, and those before it still open what they sealed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_derived(key, "id")[:4].hex(): AESGCM(key) for key in keys}
        self._current = next(iter(self._keys))
        self._index_keys = [_derived(key, "blind index") for key in keys]

    def seal(self, reporter: UUID, identity: Identity) -> Sealed:
        data_key = AESGCM.generate_key(_KEY_BITS)
        said = {
            field: secret.get_secret_value()
            for field in Identity.__slots__
            if (secret := getattr(identity, field)) is not None
        }
        return Sealed(
            key_id=self._current,
            wrapped_key=_encrypted(self._keys[self._current], data_key, _bound("key", reporter)),
            ciphertext=_encrypted(AESGCM(data_key), orjson.dumps(said), _bound("identity", reporter)),
        )

    def open(self, reporter: UUID, sealed: Sealed) -> Identity:
        """Raises: Erased, CannotOpen."""
        said = _decrypted(AESGCM(self._unwrapped(reporter, sealed)), sealed.ciphertext, _bound("identity", reporter))
        return Identity(**{field: SecretStr(value) for field, value in orjson.loads(said).items()})

    def rewrap(self, reporter: UUID, sealed: Sealed) -> Sealed:
        """The same identity under the first key; the identity itself is not decrypted, its ciphertext stays.

        Its blind indexes are those of the old key until `indexes` replaces them.

        Raises:
            Erased, CannotOpen: as `open`.
        """
        data_key = self._unwrapped(reporter, sealed)
        wrapped = _encrypted(self._keys[self._current], data_key, _bound("key", reporter))
        return replace(sealed, key_id=self._current, wrapped_key=wrapped)

    def indexes(self, contact: Contact, value: str) -> list[bytes]:
        """The blind index under every key, that to be stored first: while a key is replaced, any of them may be in a row.

        Raises:
            NotValid: it is no telephone number, or no e-mail address.
        """
        normal = normal_phone(value) if contact == "phone" else normal_email(value)
        return [hmac.digest(key, f"{contact}:{normal}".encode(), hashlib.sha256) for key in self._index_keys]

    def _unwrapped(self, reporter: UUID, sealed: Sealed) -> bytes:
        if sealed.wrapped_key is None:
            raise Erased(f"the identity of {reporter} was erased")
        if sealed.key_id not in self._keys:
            raise CannotOpen(f"IOC_IDENTITY_KEY does not have the key {sealed.key_id}")
        return _decrypted(self._keys[sealed.key_id], sealed.wrapped_key, _bound("key", reporter))


def identity_keys(settings: Settings) -> IdentityKeys:
    """Those of `IOC_IDENTITY_KEY`, or one that is made once in the data folder, readable for its owner only.

    Raises:
        ValueError: the file in the data folder holds something else.
    """
    if settings.identity_key is not None:
        return IdentityKeys(decode_keys(settings.identity_key.get_secret_value()))
    fresh = base64.b64encode(AESGCM.generate_key(_KEY_BITS))
    return IdentityKeys(decode_keys(made_once(settings.data_dir / "identity-key", fresh).decode()))


def normal_phone(value: str) -> str:
    """In the form of E.164, +84912345678; without a country it is one of Vietnam.

    Raises:
        NotValid: there is no such number.
    """
    try:
        number = phonenumbers.parse(value, "VN")
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise NotValid(
            Text("không phải số điện thoại, như 0912 345 678", "it is no telephone number, like 0912 345 678")
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normal_email(value: str) -> str:
    """In lower case: the standard lets `An@` and `an@` be two people (RFC 5321, 2.4), but no provider does.

    Raises:
        NotValid: it is no address. Whether mail arrives there only mail can tell.
    """
    address = unicodedata.normalize("NFC", value).strip().casefold()
    name, at, host = address.rpartition("@")
    if not (name and at and "." in host.strip(".")) or any(sign.isspace() for sign in address):
        raise NotValid(
            Text("không phải địa chỉ e-mail, như an@example.vn", "it is no e-mail address, like an@example.vn")
        )
    return address


def _derived(key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose (HKDF, RFC 5869), so that none tells of another."""
    return HKDF(SHA256(), 32, salt=None, info=f"ioc-hub identity: {purpose}".encode()).derive(key)


def _bound(what: str, reporter: UUID) -> bytes:
    return f"ioc-hub identity: {what} of ".encode() + reporter.bytes


def _encrypted(key: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + key.encrypt(nonce, plain, bound_to)


def _decrypted(key: AESGCM, ciphertext: bytes, bound_to: bytes) -> bytes:
    try:
        return key.decrypt(ciphertext[:_NONCE], ciphertext[_NONCE:], bound_to)
    except (InvalidTag, ValueError) as error:  # ValueError: too short for a nonce
        raise CannotOpen("it was changed, or is of another reporter") from error
