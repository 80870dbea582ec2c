"""How fast citizens' reports come in: as JSON beside R, with a photo beside P."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from multiprocessing import get_context
from os import sched_getaffinity
from random import Random
from typing import Any
from uuid import UUID

import psycopg
from PIL import Image
from psycopg import sql

from app import exact_json
from app.reports.photos import prepare
from app.settings import Settings
from bench.client import Load, Outcome, post, put
from bench.hub import Bench, Running
from bench.ingest import CONNECTIONS, SINGLE_CONNECTIONS, ratio
from bench.measured import Run, timed
from bench.report import RATE_COLUMNS, Findings, Sheet, rate_row, say

PHOTO, PHOTO_CONNECTIONS = 300_000, 8  # bytes; as many as a process lets one sender have there
_PIXELS = (1600, 1200)  # what an app makes of a photo before it sends it over a bad line
_COUNTS = "report", "report_event", "reporter", "report_photo", "photo_piece"


def measure_reports(bench: Bench, found: Findings, rounds: int, count: int, photos: int) -> None:
    """In a round so many reports, the first of them with a photo each."""
    chance, picture = Random(0), _picture()
    hub, bound, with_photo, alone = [], [], [], []
    cores = len(sched_getaffinity(0))
    with bench.hub() as running, ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as preparing:
        list(preparing.map(_prepared, [picture.getvalue()] * 4 * cores))  # the first takes longer
        for number in range(1, rounds + 1):
            with bench.connect() as connection:
                connection.execute("TRUNCATE report CASCADE")
            sent = [_report(chance) for _ in range(count)]
            files = [_photo(picture, photos * number + one) for one in range(photos)]
            requests = [post("/v1/reports", bench.key, exact_json.dumps(one)) for one in sent]
            hub.append(_sent(bench, running, requests, SINGLE_CONNECTIONS, [count, count, count, 0, 0]).run())
            paths = [f"/v1/reports/{one['id']}/photos/1" for one in sent]
            requests = [put(path, bench.key, file) for path, file in zip(paths, files, strict=False)]
            stored = [count, count, count, photos, 0]
            with_photo.append(_sent(bench, running, requests, PHOTO_CONNECTIONS, stored).run())
            bound.append(_inserted(bench))
            alone.append(timed(files, [partial(_await, preparing)] * cores, photos))
            say(
                f"reports, round {number}: hub {hub[-1].rate:,.0f} a second, R {bound[-1].rate:,.0f}; "
                f"photos {with_photo[-1].rate:,.1f}, P {alone[-1].rate:,.1f}"
            )
    lines = [
        rate_row(f"hub: one a request, {SINGLE_CONNECTIONS} connections", hub),
        rate_row(f"R: its row alone, bare psycopg, {CONNECTIONS} connections", bound),
        ["hub beside R", f"{ratio(hub, bound):.2f}", "", "", "", ""],
        rate_row(f"hub: a photo of {PHOTO // 1000} kB, {PHOTO_CONNECTIONS} connections", with_photo),
        rate_row(f"P: encoded anew and no more, {cores} processes", alone),
        ["hub beside P", f"{ratio(with_photo, alone):.2f}", "", "", "", ""],
    ]
    found.sheets.append(Sheet(f"{count:,} citizens' reports, then {photos} photos of them", RATE_COLUMNS, lines))


def _sent(
    bench: Bench, running: Running, requests: Sequence[bytes], connections: int, stored: Sequence[int]
) -> Outcome:
    """Every answer is 201, and then there is as much of each table."""
    outcome = bench.client.send(Load(running.port, requests, connections, status=201))
    there = [int(bench.ask(f"SELECT count(*) FROM {table}")) for table in _COUNTS]
    if there != stored:
        raise RuntimeError(f"{len(requests)} acknowledged, but of {', '.join(_COUNTS)} there are {there}, not {stored}")
    return outcome


def _report(chance: Random) -> dict[str, Any]:
    return {
        "id": str(UUID(int=chance.getrandbits(128), version=4)),
        "category": "trees-lighting",
        "description": "Đèn đường trước số 12 đường Hùng Vương không sáng đã ba đêm.",
        "point": {"latitude": chance.uniform(10.9, 11.4), "longitude": chance.uniform(106.5, 106.8)},
        "address": "12 Hùng Vương",
        "contact": {"name": "Nguyễn Văn An", "phone": f"091{chance.randrange(10**6, 10**7)}"},
    }


# --- the bounds ---


def _inserted(bench: Bench) -> Run:
    """R: each row of `report` as the hub has stored it, in a transaction of its own, into a table with the same indexes.

    Without an event, the person, a number in the feed, and who listens.
    """
    with ExitStack() as stack:
        first, *writers = [stack.enter_context(bench.connect()) for _ in range(1 + CONNECTIONS)]
        first.execute("CREATE TABLE bound (LIKE report INCLUDING ALL)")
        columns = [
            name
            for (name,) in first.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = 'bound'"
                " AND is_generated = 'NEVER' AND is_identity = 'NO'"
            )
        ]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        rows = first.execute(sql.SQL("SELECT {} FROM report").format(names)).fetchall()
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
        statement = sql.SQL("INSERT INTO bound ({}) VALUES ({})").format(names, marks).as_bytes(first)

        def insert(writer: psycopg.Connection, row: Sequence[Any]) -> None:
            writer.execute(statement, row, prepare=True)

        run = timed(rows, [partial(insert, writer) for writer in writers], len(rows))
        assert first.execute("SELECT count(*) FROM bound").fetchone() == (len(rows),)
        first.execute("DROP TABLE bound")
    return run


def _prepared(file: bytes) -> None:
    """P: nothing but what makes a photo safe to keep and to show."""
    prepare(file, Settings().tz)


def _await(preparing: ProcessPoolExecutor, file: bytes) -> None:
    preparing.submit(_prepared, file).result()


# --- what is photographed ---


def _picture() -> BytesIO:
    """A JPEG of some 300 kB, with as much detail as that needs."""
    chance = Random(0)
    coarse, fine = (
        Image.frombytes("RGB", size, chance.randbytes(3 * size[0] * size[1])).resize(_PIXELS, Image.Resampling.BICUBIC)
        for size in ((16, 12), (400, 300))
    )
    image = Image.blend(coarse, fine, 0.3)
    for quality in range(30, 100):
        out = BytesIO()
        image.save(out, "JPEG", quality=quality)
        if out.tell() >= PHOTO:
            return out
    raise AssertionError("no quality makes so much of it")


def _photo(picture: BytesIO, number: int) -> bytes:
    """The same for the eye, and another file: a comment behind the first two bytes tells them apart."""
    content, comment = picture.getvalue(), str(number).encode()
    return content[:2] + b"\xff\xfe" + (2 + len(comment)).to_bytes(2) + comment + content[2:]
