"""The identity of who reported: who may read it can, nobody else, and nobody once it is erased."""

import base64
import hmac
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.errors import NotValid
from app.logs import _as_json
from app.reports.identity import (
    CannotOpen,
    Contact,
    Erased,
    Identity,
    IdentityKeys,
    Sealed,
    identity_keys,
    normal_email,
    normal_phone,
)
from app.settings import Settings

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
LAN, BINH = UUID(int=1), UUID(int=2)
NAME, PHONE, EMAIL = "Nguyễn Thị Lan", "0912 345 678", "lan@example.vn"
IDENTITY = Identity(SecretStr(NAME), SecretStr(PHONE), SecretStr(EMAIL))


@pytest.fixture
def keys() -> IdentityKeys:
    return IdentityKeys([OLD])


# --- sealing and opening ---


@given(*[st.none() | st.text().map(SecretStr)] * 3)
def test_what_was_sealed_is_what_is_opened(
    name: SecretStr | None, phone: SecretStr | None, email: SecretStr | None
) -> None:
    keys, identity = IdentityKeys([OLD]), Identity(name, phone, email)

    assert keys.open(LAN, keys.seal(LAN, identity)) == identity


def test_a_hub_that_starts_again_opens_what_it_sealed(keys: IdentityKeys) -> None:
    assert IdentityKeys([OLD]).open(LAN, keys.seal(LAN, IDENTITY)) == IDENTITY


def test_the_same_identity_is_never_sealed_the_same_way_twice(keys: IdentityKeys) -> None:
    first, second = keys.seal(LAN, IDENTITY), keys.seal(LAN, IDENTITY)

    assert first.ciphertext[12:] != second.ciphertext[12:]
    assert first.ciphertext[:12] != second.ciphertext[:12]
    assert first.wrapped_key != second.wrapped_key


@pytest.mark.parametrize("field", ["wrapped_key", "ciphertext"])
def test_one_bit_changed_anywhere_and_it_does_not_open(keys: IdentityKeys, field: str) -> None:
    sealed = keys.seal(LAN, IDENTITY)
    whole = getattr(sealed, field)
    for place in range(len(whole)):
        changed: dict[str, Any] = {field: whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]}
        with pytest.raises(CannotOpen):
            keys.open(LAN, replace(sealed, **changed))
    for length in (0, 5, 12, 20, len(whole) - 1):
        changed = {field: whole[:length]}
        with pytest.raises(CannotOpen):
            keys.open(LAN, replace(sealed, **changed))


def test_another_key_id_does_not_open_it() -> None:
    both = IdentityKeys([NEW, OLD])
    sealed, other = IdentityKeys([OLD]).seal(LAN, IDENTITY), IdentityKeys([NEW]).seal(LAN, IDENTITY)

    for key_id in (other.key_id, "00000000", ""):
        with pytest.raises(CannotOpen):
            both.open(LAN, replace(sealed, key_id=key_id))


def test_a_row_put_in_the_place_of_anothers_does_not_open(keys: IdentityKeys) -> None:
    lan, binh = keys.seal(LAN, IDENTITY), keys.seal(BINH, Identity(SecretStr("Bình")))
    swapped = [
        (BINH, lan),
        (LAN, replace(lan, ciphertext=binh.ciphertext)),
        (LAN, replace(lan, wrapped_key=binh.wrapped_key)),
        (LAN, replace(lan, wrapped_key=lan.ciphertext, ciphertext=lan.wrapped_key or b"")),
    ]
    for reporter, sealed in swapped:
        with pytest.raises(CannotOpen):
            keys.open(reporter, sealed)
        if sealed.wrapped_key != lan.wrapped_key or reporter != LAN:
            with pytest.raises(CannotOpen):
                keys.rewrap(reporter, sealed)


# --- a new key-encryption key ---


def test_a_new_key_opens_what_the_old_one_sealed_and_wraps_it_again(keys: IdentityKeys) -> None:
    sealed = keys.seal(LAN, IDENTITY)
    rotating = IdentityKeys([NEW, OLD])

    assert rotating.open(LAN, sealed) == IDENTITY
    rewrapped = rotating.rewrap(LAN, sealed)

    assert rewrapped.ciphertext == sealed.ciphertext
    assert rewrapped.key_id != sealed.key_id
    assert IdentityKeys([NEW]).open(LAN, rewrapped) == IDENTITY
    with pytest.raises(CannotOpen):
        keys.open(LAN, rewrapped)
    with pytest.raises(CannotOpen, match=sealed.key_id):
        IdentityKeys([NEW]).open(LAN, sealed)


def test_while_a_key_is_replaced_a_reporter_is_found_under_either() -> None:
    (before,) = IdentityKeys([OLD]).indexes("phone", PHONE)
    (after,) = IdentityKeys([NEW]).indexes("phone", PHONE)

    assert before != after
    assert IdentityKeys([NEW, OLD]).indexes("phone", PHONE) == [after, before]


# --- erasure ---


def test_without_its_data_key_nobody_opens_it(keys: IdentityKeys) -> None:
    erased = keys.seal(LAN, IDENTITY).erased()

    assert erased.wrapped_key is None
    for attempt in (keys.open, keys.rewrap):
        with pytest.raises(Erased):
            attempt(LAN, erased)
    with pytest.raises(CannotOpen):  # that of another sealing is of no use
        keys.open(LAN, replace(erased, wrapped_key=keys.seal(LAN, IDENTITY).wrapped_key))


# --- what is stored stays readable ---


def test_what_was_sealed_in_2026_still_opens() -> None:
    sealed = Sealed(
        "dad56322",
        base64.b64decode("leWsWjm3UTdyMq8tffDGueULITFOe430UDQSSKXTuiXqZzpnguyROy2CnR/EvjMjKTFZdnOIk2SJlYha"),
        base64.b64decode(
            "2Z/ztD6/rxAZ42XcLWanlRDALqD4gTypVEnwO9QX/bhZ/yISjDmlX/FoB+uSpKcLQX8NXX6PnreUFY+auQMiIQoNPUA8nv2MO8VBL0hMuTgdqqB4x/jpEZHi53+aLZtoW2Y23Vu5YO41"
        ),
    )

    assert IdentityKeys([OLD]).open(LAN, sealed) == IDENTITY


def test_an_index_is_computed_as_it_was_in_2026() -> None:
    extracted = hmac.digest(bytes(32), OLD, "sha256")  # HKDF by hand, RFC 5869
    index_key = hmac.digest(extracted, b"ioc-hub identity: blind index\x01", "sha256")

    assert IdentityKeys([OLD]).indexes("phone", PHONE) == [hmac.digest(index_key, b"phone:+84912345678", "sha256")]
    assert IdentityKeys([OLD]).indexes("email", EMAIL) == [hmac.digest(index_key, b"email:lan@example.vn", "sha256")]


# --- finding the same reporter ---


@pytest.mark.parametrize("written", [
    "0912345678", "0912 345 678", "0912.345.678", "0912-345-678", "+84 912 345 678", "+84912345678", "84912345678",
    "0084 912 345 678", "+84 (0) 912 345 678", " 0912345678 ", "０９１２３４５６７８", "tel:+84-912-345-678",
])  # fmt: skip
def test_a_number_is_the_same_however_it_is_written(keys: IdentityKeys, written: str) -> None:
    assert normal_phone(written) == "+84912345678"
    assert keys.indexes("phone", written) == keys.indexes("phone", "0912345678")


@pytest.mark.parametrize(("written", "normal"), [
    ("028 3822 5678", "+842838225678"),  # a landline of Ho Chi Minh City
    ("+49 89 12345678", "+498912345678"),  # a visitor's
])  # fmt: skip
def test_other_numbers_are_telephones_too(written: str, normal: str) -> None:
    assert normal_phone(written) == normal


@pytest.mark.parametrize(
    "written", ["", "0", "113", "12345", "0912", "0912 345 67", "không có", "+999 12345678", "1" * 400]
)
def test_what_is_no_number_is_refused_and_not_repeated(keys: IdentityKeys, written: str) -> None:
    with pytest.raises(NotValid) as refused:
        keys.indexes("phone", written)
    assert refused.value.why.en == "it is no telephone number, like 0912 345 678"


@pytest.mark.parametrize("written", ["lan@example.vn", "Lan@Example.VN", " lan@example.vn\n"])
def test_an_address_is_the_same_however_it_is_written(keys: IdentityKeys, written: str) -> None:
    assert keys.indexes("email", written) == keys.indexes("email", EMAIL)


@pytest.mark.parametrize(
    "written", ["", "lan", "@", "lan@", "@example.vn", "lan@localhost", "lan an@example.vn", "lan@."]
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(NotValid):
        normal_email(written)


def test_an_index_tells_neither_the_number_nor_another_kind_or_hub(keys: IdentityKeys) -> None:
    (index,) = keys.indexes("phone", PHONE)

    assert len(index) == 32
    assert index != keys.indexes("phone", "0912345679")[0]
    assert index != IdentityKeys([NEW]).indexes("phone", PHONE)[0]
    assert len({*keys.indexes("phone", PHONE), *keys.indexes("email", EMAIL)}) == 2


@given(st.sampled_from(["phone", "email"]), st.text(max_size=40))
def test_whatever_is_typed_is_found_or_refused(contact: Contact, typed: str) -> None:
    with suppress(NotValid):
        assert len(IdentityKeys([OLD]).indexes(contact, typed)[0]) == 32


# --- nothing shows ---


def test_nothing_shows_in_a_repr_a_log_or_an_error(keys: IdentityKeys, caplog: pytest.LogCaptureFixture) -> None:
    sealed = keys.seal(LAN, IDENTITY)
    said = [repr(keys), str(keys), repr(IDENTITY), f"{IDENTITY}", repr(sealed), repr(vars(keys))]
    said += [_as_json({"event": "x", "identity": one}).decode() for one in (IDENTITY, keys.open(LAN, sealed))]
    with pytest.raises(CannotOpen) as wrong_row:
        keys.open(BINH, sealed)
    with pytest.raises(TypeError):
        orjson.dumps(IDENTITY)
    logging.getLogger("test").warning("%s %r", IDENTITY, IDENTITY, exc_info=wrong_row.value)
    said += [repr(wrong_row.value), caplog.text]

    assert "ciphertext" not in repr(sealed)
    for text in said:
        for secret in (
            NAME,
            "Lan",
            "345 678",
            "912345678",
            EMAIL,
            "example",
            repr(OLD)[2:-1],
            OLD.hex(),
            base64.b64encode(OLD).decode(),
        ):
            assert secret not in text


def test_nothing_shows_in_what_is_stored(keys: IdentityKeys) -> None:
    sealed = keys.seal(LAN, IDENTITY)

    assert isinstance(sealed, Sealed)
    for secret in (NAME, PHONE, EMAIL, "phone"):
        assert secret.encode() not in sealed.ciphertext + (sealed.wrapped_key or b"") + sealed.key_id.encode()


# --- where the keys come from ---


def test_all_that_start_together_have_the_same_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(8) as starting:
        started = list(starting.map(identity_keys, [settings] * 8))
    sealed = started[0].seal(LAN, IDENTITY)

    assert [one.open(LAN, sealed) for one in started] == [IDENTITY] * 8
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("identity-key", 0o600)]


def test_the_key_of_the_settings_wins_and_may_be_several(tmp_path: Path, keys: IdentityKeys) -> None:
    listed = ", ".join(base64.b64encode(key).decode() for key in (NEW, OLD))
    settings = Settings(data_dir=tmp_path, identity_key=SecretStr(listed))
    sealed = keys.seal(LAN, IDENTITY)

    assert identity_keys(settings).open(LAN, sealed) == IDENTITY
    assert identity_keys(settings).seal(LAN, IDENTITY).key_id == IdentityKeys([NEW]).seal(LAN, IDENTITY).key_id
    assert not list(tmp_path.iterdir())


def test_a_file_that_holds_no_key_is_an_error_and_not_a_new_key(tmp_path: Path) -> None:
    (tmp_path / "identity-key").write_bytes(base64.b64encode(os.urandom(16)))

    with pytest.raises(ValueError, match="32 bytes"):
        identity_keys(Settings(data_dir=tmp_path))


def test_of_many_rows_only_their_own_opens_for_a_reporter() -> None:
    keys = IdentityKeys([OLD])
    reporters = [uuid4() for _ in range(50)]
    sealed = [keys.seal(reporter, IDENTITY) for reporter in reporters]

    for place, reporter in enumerate(reporters):
        opened = [one for one in sealed if opens(keys, reporter, one)]
        assert opened == [sealed[place]]


def opens(keys: IdentityKeys, reporter: UUID, sealed: Sealed) -> bool:
    try:
        return keys.open(reporter, sealed) == IDENTITY
    except CannotOpen:
        return False
