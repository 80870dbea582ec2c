"""Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com). Pure.

A subscription's secret is stored nowhere: it is the HMAC of a salt, keyed with `IOC_SECRET`. Who has only the database cannot sign.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

_PURPOSE = b"webhook\0"  # no API key and no token is hashed with the same words


def new_salt() -> bytes:
    return secrets.token_bytes(16)


def secret_of(salt: bytes, pepper: bytes) -> bytes:
    """The 32 bytes with which the messages of a subscription are signed."""
    return hmac.digest(pepper, _PURPOSE + salt, hashlib.sha256)


def shown(secret: bytes) -> str:
    """As subscribers keep it: `whsec_` and base64."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def signed_headers(message_id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers of a message, signed with each of the secrets: while one follows the other, both are good.

    `at` is when it is sent, not when it happened: receivers refuse what is five minutes old.
    """
    seconds = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), seconds.encode(), body))
    signatures = (base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
