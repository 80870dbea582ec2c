"""Columns as Postgres reads arrays in binary: thousands of values are one parameter, packed at once."""

import struct
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Self

import psycopg
from psycopg.adapt import Dumper, PyFormat
from psycopg.pq import Format


class _Packed(bytes):
    """An array without nulls in Postgres's binary form, of one type of elements."""

    element: ClassVar[tuple[int, str, int]]  # type (pg_type.oid), how `struct` writes it, how many bytes

    @classmethod
    def of(cls, values: Sequence[int]) -> Self:
        oid, code, size = cls.element
        flat = [size] * (2 * len(values))
        flat[1::2] = values
        return cls(struct.pack(f">iiIii{f'i{code}' * len(values)}", 1, 0, oid, len(values), 1, *flat))


class Integers(_Packed):
    element = (23, "i", 4)


class Smallints(_Packed):
    element = (21, "h", 2)


class Bigints(_Packed):
    element = (20, "q", 8)


class Booleans(_Packed):
    element = (16, "?", 1)


class Timestamps(_Packed):
    element = (1114, "q", 8)

    @classmethod
    def at(cls, moments: Iterable[datetime]) -> Self:
        """Naive local times."""
        known: dict[datetime, int] = {}
        return cls.of([known.get(one) or known.setdefault(one, _microseconds(one)) for one in moments])


class Numerics(str):
    """As text, which is shorter to make and as quick to read as numeric's binary form."""

    @classmethod
    def of(cls, values: Iterable[object]) -> "Numerics":
        return cls(f"{{{','.join(map(str, values))}}}".replace("None", "NULL"))


_EPOCH = datetime(2000, 1, 1)  # Postgres counts from here


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _register(kind: type, array_oid: int, form: Format) -> None:
    class AsItIs(Dumper):
        oid = array_oid
        format = form

        def dump(self, obj: bytes | str) -> bytes:
            return obj if isinstance(obj, bytes) else obj.encode()

        def get_key(self, obj: object, format: PyFormat) -> type:  # noqa: A002 (psycopg's own name)
            return self.cls

    psycopg.adapters.register_dumper(kind, AsItIs)


_register(Integers, 1007, Format.BINARY)
_register(Smallints, 1005, Format.BINARY)
_register(Bigints, 1016, Format.BINARY)
_register(Booleans, 1000, Format.BINARY)
_register(Timestamps, 1115, Format.BINARY)
_register(Numerics, 1231, Format.TEXT)
