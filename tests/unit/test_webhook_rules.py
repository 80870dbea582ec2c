"""Webhooks without a hub: signatures as receivers verify them, where requests may go, when they are tried again."""

import base64
import json
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.webhooks.addresses import AddressRefused, allowed_addresses, is_allowed, require_allowed_url
from app.webhooks.courier import _pause
from app.webhooks.deliveries import BACKOFF, JITTER, next_attempt
from app.webhooks.signing import new_salt, secret_of, shown, signed_headers

PEPPER = b"a pepper that only the tests know"
NOW = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)


# --- signatures ---


def test_a_signature_is_that_of_the_standard() -> None:
    # The example of the libraries of Standard Webhooks.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)

    assert signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [key]) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.dictionaries(st.text(), st.text() | st.integers()))
def test_what_is_signed_is_verified_by_who_has_the_secret(data: dict[str, object]) -> None:
    secret, body = secret_of(new_salt(), PEPPER), json.dumps(data).encode()

    headers = signed_headers("a-b-c", datetime.now(UTC), body, [secret])

    assert Webhook(shown(secret)).verify(body, headers) == data


def test_while_one_secret_follows_the_other_both_verify_and_no_third_one() -> None:
    new, old, other = (secret_of(new_salt(), PEPPER) for _ in range(3))

    headers = signed_headers("a-b-c", datetime.now(UTC), b"{}", [new, old])

    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        Webhook(shown(secret)).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(shown(other)).verify(b"{}", headers)


def test_a_secret_needs_both_the_salt_and_the_pepper() -> None:
    salt = new_salt()

    assert secret_of(salt, PEPPER) == secret_of(salt, PEPPER)
    assert len({secret_of(salt, PEPPER), secret_of(new_salt(), PEPPER), secret_of(salt, b"another pepper")}) == 3


# --- addresses ---


@pytest.mark.parametrize(
    ("address", "public", "private"),  # allowed without the setting, and with it
    [
        ("93.184.216.34", True, True),
        ("8.8.8.8", True, True),
        ("2606:4700:4700::1111", True, True),
        ("10.1.2.3", False, True),
        ("172.16.0.1", False, True),
        ("172.32.0.1", True, True),
        ("192.168.1.1", False, True),
        ("127.0.0.1", False, True),
        ("127.255.255.254", False, True),
        ("100.64.0.1", False, True),  # carrier-grade NAT
        ("100.127.255.255", False, True),
        ("100.128.0.1", True, True),
        ("198.18.0.1", False, True),  # benchmarks
        ("::1", False, True),
        ("fc00::1", False, True),
        ("fd12:3456::1", False, True),
        ("::ffff:10.0.0.1", False, True),  # IPv4 in IPv6
        ("::ffff:127.0.0.1", False, True),
        ("::ffff:8.8.8.8", True, True),
        ("64:ff9b::7f00:1", False, True),  # 127.0.0.1 through NAT64
        ("64:ff9b::808:808", True, True),
        ("2002:7f00:1::1", False, True),  # and through 6to4
        ("2002:a9fe:a9fe::1", False, False),
        ("0.0.0.0", False, False),  # noqa: S104
        ("::", False, False),
        ("169.254.169.254", False, False),  # where clouds keep credentials
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("fe80::1%eth0", False, False),
        ("100.100.100.200", False, False),
        ("168.63.129.16", False, False),
        ("192.0.0.192", False, False),
        ("fd00:ec2::254", False, False),
        ("224.0.0.1", False, False),
        ("239.255.255.250", False, False),
        ("ff02::1", False, False),
        ("240.0.0.1", False, False),
        ("255.255.255.255", False, False),
        ("fec0::1", False, False),  # site-local, withdrawn
        ("2001::1", False, False),  # Teredo
        ("2001:db8::1", False, False),  # documentation
        ("100::1", False, False),  # discard
        ("::127.0.0.1", False, False),  # IPv4-compatible, withdrawn
    ],
)
def test_where_requests_may_go(address: str, public: bool, private: bool) -> None:
    assert (is_allowed(address, private=False), is_allowed(address, private=True)) == (public, private)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_only_what_is_global_is_public(address: IPv4Address | IPv6Address) -> None:
    if is_allowed(str(address), private=False):
        assert address.is_global or _wraps_another(address)
        assert not address.is_multicast
        assert is_allowed(str(address), private=True)


def _wraps_another(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and (
        address.ipv4_mapped is not None or address.sixtofour is not None or int(address) >> 32 == 0x64FF9B << 64
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/hook",
        "ftp://8.8.8.8/hook",
        "https:///hook",
        "https://",
        "hook",
        "//8.8.8.8/hook",
        "https://user:word@8.8.8.8/hook",
        "https://8.8.8.8/hook#part",
        "https://8.8.8.8:0/hook",
        "https://8.8.8.8:65536/hook",
        "https://8.8.8.8:many/hook",
        "https://[::1/hook",
        "https://8.8.8.8\\@127.0.0.1/hook",
        "https://127.0.0.1/hook",
        "https://localhost/hook",
        "https://2130706433/hook",  # 127.0.0.1 as one number
        "https://0x7f.1/hook",
        "https://127.1/hook",
        "https://[::ffff:127.0.0.1]/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://no-such-host.invalid/hook",
    ],
)
async def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        await require_allowed_url(url, private=False)


@pytest.mark.parametrize("url", ["https://8.8.8.8/hook?a=1", "https://8.8.8.8:8443", "https://[2606:4700::1]/"])
async def test_urls_that_are_not(url: str) -> None:
    await require_allowed_url(url, private=False)


async def test_with_the_setting_http_to_the_own_machine_is_allowed() -> None:
    await require_allowed_url("http://127.0.0.1:9000/hook", private=True)
    assert "127.0.0.1" in await allowed_addresses("localhost", 80, private=True)


# --- when ---


def test_the_pauses_grow_to_a_day_and_end_after_three() -> None:
    pauses = [next_attempt(attempts, NOW, 0.5) for attempts in range(1, 11)]

    assert [None if at is None else at - NOW for at in pauses] == [*BACKOFF, None]
    assert timedelta(days=3) < sum(BACKOFF, timedelta()) < timedelta(days=4)


@given(st.integers(min_value=1, max_value=9), st.floats(min_value=0, max_value=1))
def test_chance_moves_a_pause_by_a_fifth_at_most(attempts: int, chance: float) -> None:
    at = next_attempt(attempts, NOW, chance)
    assert at is not None

    assert abs((at - NOW) - BACKOFF[attempts - 1]) <= BACKOFF[attempts - 1] * JITTER + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        (b"120", timedelta(minutes=2)),
        (b" 0 ", timedelta(0)),
        (b"Tue, 24 Nov 2026 08:05:00 GMT", timedelta(minutes=5)),
        (b"Tue, 24 Nov 2026 07:05:00 GMT", timedelta(0)),
        (b"", None),
        (b"-5", None),
        (b"soon", None),
        (b"99999999999999", None),
        ("١٢".encode(), None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: bytes, pause: timedelta | None) -> None:
    assert _pause(header, NOW) == pause
