"""Take in readings: judge each row, store the good ones in one transaction, say what became of each.

A reading is identified by (indicator, unit, grain, period start). Sending it again changes nothing; another value, status or
note is a correction and the earlier one moves to `reading_history`; a null value withdraws it. So a sender may
repeat a whole batch whenever it is unsure.

What several senders submit can be stored together, in the same few statements; each gets its own batch and receipt.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, compress
from typing import Any, NamedTuple

import psycopg
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.catalogue.catalogue import Catalogue, Source
from app.columns import Bigints, Integers, Numerics, Smallints, Timestamps
from app.errors import HubError, RowError, RowsRejected, Text
from app.readings.batch import Rows, rejected_rows
from app.readings.idempotency import Answering, Overtaken, find_answers, store_answers
from app.readings.judge import Judged, Place, judge, shown
from app.readings.ownership import KnownOwners, Owned, Pair, claim
from app.settings import Settings

Cursor = psycopg.AsyncCursor[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch; `received = created + unchanged + corrected + rejected`."""

    batch: int
    received: int
    created: int
    unchanged: int
    corrected: int
    rejected: int
    errors: Sequence[RowError]
    warnings: Sequence[RowError]


class Seen(NamedTuple):
    """The newest change of the catalogue and of the keys by which a submission was judged."""

    catalogue: int
    keys: int


class Contested(Exception):
    """Some of the readings belong to another source than the one that sends them."""


class Outdated(Exception):
    """The catalogue or the keys have changed since the rows were judged; they must be judged again."""


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """Rows that are judged and wait to be stored.

    With `partial`, rows that are wrong are left out and listed; otherwise one of them refuses all. Without `seen` nobody looks
    whether the judgement still holds.
    """

    caller: Caller
    catalogue: Catalogue
    rows: Rows
    judged: Judged
    partial: bool
    reinstate: bool = False
    seen: Seen | None = None
    answering: Answering[Receipt] | None = None

    @property
    def doomed(self) -> bool:
        """Nothing of it will be stored; what is stored only adds to the list of what is wrong."""
        return bool(self.judged.errors) and not self.partial


# What became of a submission: stored; answered before, by this answer; or refused.
Outcome = Receipt | bytes | HubError | Outdated | Overtaken


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of each submission of a transaction, and what it learnt of owners; the caller commits or rolls back.

    If one is refused it must roll back: what the others brought was stored beside it, and may be stored again without it.
    """

    outcomes: Sequence[Outcome]
    owned: Sequence[Owned]

    @property
    def sound(self) -> bool:
        return not any(isinstance(outcome, Exception) for outcome in self.outcomes)


async def record_readings(
    session: AsyncSession,
    caller: Caller,
    catalogue: Catalogue,
    rows: Rows,
    *,
    partial: bool,
    reinstate: bool = False,
    now: datetime,
    settings: Settings,
) -> Receipt:
    """Judge and store the rows of one batch in the transaction of the session. `now` is local time.

    Raises:
        RowsRejected: not `partial`, and a row is wrong; with every mistake of every row.
    """
    judged = judge(rows, caller, catalogue, now=now, settings=settings)
    connection = (await (await session.connection()).get_raw_connection()).driver_connection
    assert isinstance(connection, psycopg.AsyncConnection)
    async with connection.cursor() as cursor:
        submission = Submission(caller, catalogue, rows, judged, partial, reinstate)
        [outcome] = (await store(cursor, [submission], KnownOwners())).outcomes
    if isinstance(outcome, HubError):
        raise outcome
    assert isinstance(outcome, Receipt)
    return outcome


def can_be_stored_at_once(submissions: Sequence[Submission]) -> bool:
    """Whether to store all of it as new, or nothing, takes a single statement."""
    return all(
        one.answering is None and not one.doomed and all(value is not None for value in one.judged.values)
        for one in submissions
    )


async def store_at_once(cursor: Cursor, submissions: Sequence[Submission], owners: KnownOwners) -> Stored:
    """As `store`, all as new, in a single statement that needs no transaction around it, where that is possible.

    Raises:
        psycopg.errors.UniqueViolation: it was not all new, or somebody claims the same at the same time; nothing was stored.
        Contested: a part of it belongs to another source; nothing was stored.
    """
    work = [_Work(one, place) for place, one in enumerate(submissions)]
    owned = [_owned(one.submission, one.judged) for one in work]
    unknown = [one for one in owned if not owners.know(one)]
    claims = {(*pair, one.source_id) for one in unknown for pair in one.pairs}
    await _store_rows(cursor, work, all_new=True, claims=claims)
    warnings = await _computed_ratios(cursor, work)
    return Stored([one.outcome(warnings) for one in work], unknown)


async def store(
    cursor: Cursor, submissions: Sequence[Submission], owners: KnownOwners, *, all_new: bool = False
) -> Stored:
    """Store what was submitted; no two of the submissions may touch the same reading or answer under the same key.

    Two transactions that touch the same readings at once are put in an order by the database: each value is either the
    present one or in the history. With `all_new` nothing is expected to be there, which is quicker.

    Raises:
        psycopg.errors.UniqueViolation: it was not all new.
    """
    outcomes: list[Outcome | None] = [*await find_answers(cursor, [one.answering for one in submissions])]
    work = [_Work(one, place) for place, one in enumerate(submissions) if outcomes[place] is None]
    owned: list[Owned] = []
    if work:
        owned = await _refuse_what_others_own(cursor, work, owners)
        await _store_rows(cursor, work, all_new=all_new)
        warnings = await _computed_ratios(cursor, work)
        for one in work:
            outcomes[one.place] = one.outcome(warnings)
    done = [outcome if isinstance(outcome, Receipt) else None for outcome in outcomes]
    if not any(isinstance(outcome, Exception) for outcome in outcomes):
        for place in await store_answers(cursor, [one.answering for one in submissions], done):
            outcomes[place] = Overtaken()
    return Stored([outcome for outcome in outcomes if outcome is not None], owned)


# --- storing ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Work:
    """A submission while it is stored."""

    submission: Submission
    place: int
    judged: Judged = field(init=False)  # the rows that nobody has refused
    errors: list[RowError] = field(init=False)
    batch: int = 0
    received_at: datetime = datetime.max
    created: int = 0
    corrected: int = 0
    outdated: bool = False

    def __post_init__(self) -> None:
        self.judged = self.submission.judged
        self.errors = list(self.judged.errors)

    def refuse(self, index: int, verdict: str, fact: Any) -> None:
        rows, judged, catalogue = self.submission.rows, self.judged, self.submission.catalogue
        number, value = judged.numbers[index], judged.values[index]
        facts, name = _facts(catalogue, verdict, fact)
        for one in (number, *judged.repeats.get(number, ())):
            self.errors.append(RowError(verdict, one, rows.pointer(one, name), shown(value), facts))

    @property
    def rejected(self) -> int:
        return rejected_rows(self.errors) if self.errors else 0

    @property
    def unchanged(self) -> int:
        return self.submission.rows.received - self.created - self.corrected - self.rejected

    def outcome(self, warnings: Sequence[tuple["_Work", RowError]]) -> Outcome:
        if self.outdated:
            return Outdated()
        errors = sorted(self.errors, key=lambda error: error.row or 0)
        received = self.submission.rows.received
        if errors and not self.submission.partial:
            return RowsRejected(errors=errors, rejected=self.rejected, received=received)
        refused = {error.row for error in errors}
        mine = [one for one in self.submission.judged.warnings if one.row not in refused]
        mine += [warning for work, warning in warnings if work is self]
        return Receipt(
            self.batch, received, self.created, self.unchanged, self.corrected, self.rejected, errors, mine
        )  # fmt: skip


async def _store_rows(
    cursor: Cursor, work: Sequence[_Work], *, all_new: bool, claims: Collection[tuple[int, int, int]] = ()
) -> None:
    """New readings, then corrections: one statement where everything is new.

    `claims` are triples of indicator, unit and the source that is to own them.
    """
    rows = _incoming(work)
    facts = rows | _of_batches(work) | _seen_by(work) | _claimed(claims)
    await cursor.execute(_CREATE_NEW if all_new else _CREATE, facts, prepare=True)
    for one, (batch, received_at, created, outdated, contested) in zip(work, await cursor.fetchall(), strict=True):
        if contested:
            raise Contested
        one.batch, one.received_at, one.created, one.outdated = batch, received_at, created, outdated
    if any(one.outdated for one in work) or sum(one.created for one in work) == sum(len(one.judged) for one in work):
        return
    stored = {
        "batches": Bigints.of([one.batch for one in work]),
        "received_at": [one.received_at for one in work],
        "reinstate": [one.submission.reinstate for one in work],
    }
    await cursor.execute(_CORRECT, rows | stored, prepare=True)
    starts = list(_offsets(work))
    for place, row, verdict, corrected, withdrawn_at in await cursor.fetchall():
        one = work[place - 1]
        if row is None:
            one.corrected = corrected
        else:
            one.refuse(row - 1 - starts[place - 1], verdict, withdrawn_at)
    counts = {
        name: Integers.of([getattr(one, name) for one in work])
        for name in ("created", "unchanged", "corrected", "rejected")
    }
    await cursor.execute(_ENTER, _of_batches(work) | stored | counts, prepare=True)


async def _refuse_what_others_own(cursor: Cursor, work: Sequence[_Work], owners: KnownOwners) -> list[Owned]:
    """The first source that brings a reading of an (indicator, unit) becomes its owner; what others bring is refused.

    Returns what was not known before.
    """
    asked = [(one, owned) for one in work if not owners.know(owned := _owned(one.submission, one.judged))]
    if not asked:
        return []
    claims: dict[Pair, int] = {}
    for one, owned in asked:
        for pair, value in zip(owned.pairs, one.judged.values, strict=True):
            if value is not None:
                claims.setdefault(pair, owned.source_id)
    found = await claim(cursor, claims, {pair for _, owned in asked for pair in owned.pairs})
    learnt = []
    for one, owned in asked:
        mine = [found.get(pair) == owned.source_id for pair in owned.pairs]
        learnt.append(replace(owned, pairs=list(compress(owned.pairs, mine))))
        if all(mine):
            continue
        for index, pair in enumerate(owned.pairs):
            if not mine[index]:
                owner = found.get(pair)
                one.refuse(index, "nothing-to-withdraw" if owner is None else "other-source", owner)
        one.judged = one.judged.only(mine)
    return learnt


def _owned(submission: Submission, judged: Judged) -> Owned:
    pairs = [(place.indicator_id, unit.id) for place, unit in zip(judged.places, judged.units, strict=True)]
    return Owned(submission.catalogue.version, submission.caller.source_id, pairs)


def _incoming(work: Sequence[_Work]) -> dict[str, Any]:
    """The rows of all, column by column. What rows of a submission have in common, indicator and period, goes once."""
    judged = [one.judged for one in work]
    spots: list[tuple[int, Place]] = []
    spot_of_row: list[int] = []
    for number, one in enumerate(judged, start=1):
        spot_of = {place: spot for spot, place in enumerate(dict.fromkeys(one.places), start=len(spots) + 1)}
        spots += [(number, place) for place in spot_of]
        spot_of_row += map(spot_of.__getitem__, one.places)
    notes = [note for one in judged for note in one.notes]
    return {
        "places": Integers.of([number for number, _ in spots]),
        "indicators": Integers.of([place.indicator_id for _, place in spots]),
        "grains": Smallints.of([place.grain for _, place in spots]),
        "starts": Timestamps.at(place.start for _, place in spots),
        "spots": Integers.of(spot_of_row),
        "units": Integers.of([unit.id for one in judged for unit in one.units]),
        "values": Numerics.of(chain.from_iterable(one.values for one in judged)),
        "statuses": Smallints.of([status for one in judged for status in one.statuses]),
        "notes": notes if any(note is not None for note in notes) else None,
    }


def _of_batches(work: Sequence[_Work]) -> dict[str, Any]:
    return {
        "sources": Integers.of([one.submission.caller.source_id for one in work]),
        "keys": [one.submission.caller.key_prefix for one in work],
        "received": Integers.of([one.submission.rows.received for one in work]),
        "rejected": Integers.of([one.rejected for one in work]),
    }


def _seen_by(work: Sequence[_Work]) -> dict[str, Any]:
    seen = [one.submission.seen for one in work]
    return {
        "seen_catalogue": [one and one.catalogue for one in seen],
        "seen_keys": [one and one.keys for one in seen],
    }


def _claimed(claims: Collection[tuple[int, int, int]]) -> dict[str, Integers]:
    indicators, units, claimants = zip(*claims, strict=True) if claims else ((), (), ())
    return {
        "claimed_indicators": Integers.of(indicators),
        "claimed_units": Integers.of(units),
        "claimants": Integers.of(claimants),
    }


def _offsets(work: Sequence[_Work]) -> Iterable[int]:
    """How many rows come before those of each."""
    before = 0
    for one in work:
        yield before
        before += len(one.judged)


_ROWS = "unnest(%(spots)s, %(units)s, %(values)s, %(statuses)s, %(notes)s::text[])"
_COLUMNS = "spot, unit_id, value, status, note"
_SPOTS = """
unnest(%(places)s, %(indicators)s, %(grains)s, %(starts)s)
           WITH ORDINALITY AS spots(place, indicator_id, grain, period_start, spot)
"""

# What changed makes rollups stale. Instants are folded to hours there, so those of one hour of a unit are one mark.
MARKED_FROM = "CASE grain WHEN 0 THEN date_trunc('hour', period_start) ELSE period_start END"
_MARK = f"""
INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids)
SELECT indicator_id, grain, {MARKED_FROM}, array_agg(DISTINCT unit_id) FROM {{changed}} GROUP BY 1, 2, 3
"""

# Rows go in by the order of their keys, claims before readings: two transactions that bring the same then wait for each other in
# one direction only. The batches are entered here when nothing is left to do for them; when one is outdated, or something of it
# belongs to another, nothing at all is.
_STORE = f"""
WITH submitted AS MATERIALIZED (
    SELECT *, nextval(pg_get_serial_sequence('batch', 'id')) AS batch_id, clock_timestamp() AS received_at
      FROM unnest(%(sources)s, %(keys)s::text[], %(received)s, %(rejected)s, %(seen_catalogue)s::bigint[], %(seen_keys)s::bigint[])
           WITH ORDINALITY AS s(source_id, key_prefix, received, rejected, seen_catalogue, seen_keys, place)
), judged AS MATERIALIZED (
    SELECT place, NOT coalesce((seen_catalogue, seen_keys) = (newest.catalogue, newest.keys), true) AS outdated
      FROM submitted, (SELECT (SELECT coalesce(max(id), 0) FROM change WHERE topic = 'catalogue') AS catalogue,
                              (SELECT coalesce(max(id), 0) FROM change WHERE topic = 'keys') AS keys) AS newest
), asked AS MATERIALIZED (
    SELECT claim.*, owner.source_id AS owner
      FROM unnest(%(claimed_indicators)s, %(claimed_units)s, %(claimants)s) AS claim(indicator_id, unit_id, claimant)
      LEFT JOIN LATERAL (SELECT source_id FROM ownership o
                          WHERE o.indicator_id = claim.indicator_id AND o.unit_id = claim.unit_id LIMIT 1) AS owner ON true
), verdict AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM judged WHERE outdated) AS outdated, EXISTS (SELECT FROM asked WHERE owner <> claimant) AS contested
), claimed AS (
    INSERT INTO ownership (indicator_id, unit_id, source_id)
    SELECT indicator_id, unit_id, claimant FROM asked
     WHERE owner IS NULL AND (SELECT NOT outdated AND NOT contested FROM verdict)
     ORDER BY indicator_id, unit_id
    RETURNING source_id
), created AS (
    INSERT INTO reading (indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id, received_at)
    SELECT indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id, received_at
      FROM {_ROWS} AS rows({_COLUMNS}) JOIN {_SPOTS} USING (spot) JOIN submitted USING (place)
     WHERE value IS NOT NULL AND (SELECT NOT outdated AND NOT contested AND (SELECT count(*) FROM claimed) >= 0 FROM verdict)
     ORDER BY indicator_id, unit_id, grain, period_start
    {{on_conflict}}
    RETURNING indicator_id, unit_id, grain, period_start, batch_id
), marked AS ({_MARK.format(changed="created")}
), counted AS (
    SELECT batch_id, count(*)::int AS created FROM created GROUP BY batch_id
), entered AS (
    INSERT INTO batch (id, source_id, key_prefix, received_at, received, created, unchanged, corrected, rejected)
    SELECT batch_id, source_id, key_prefix, received_at, received, coalesce(created, 0),
           received - coalesce(created, 0) - rejected, 0, rejected
      FROM submitted LEFT JOIN counted USING (batch_id)
     WHERE (SELECT count(*) FROM created) = cardinality(%(units)s) AND (SELECT NOT outdated FROM verdict)
)
SELECT batch_id, received_at, coalesce(created, 0), judged.outdated, contested
  FROM submitted JOIN judged USING (place) LEFT JOIN counted USING (batch_id), verdict ORDER BY place
"""
_CREATE_NEW, _CREATE = (_STORE.format(on_conflict=clause) for clause in ("", "ON CONFLICT DO NOTHING"))

# A statement of its own, so that it sees what other transactions committed while `_CREATE` waited for them.
# `present` locks what differs, in the order of the keys, and looks again when it had to wait: whoever comes second compares with
# what the first one wrote. A clock that was set back must not make a correction older than what it corrects.
_CORRECT = f"""
WITH incoming AS (
    SELECT * FROM {_ROWS} WITH ORDINALITY AS rows({_COLUMNS}, row)
      JOIN {_SPOTS} USING (spot)
      JOIN unnest(%(batches)s, %(received_at)s::timestamptz[], %(reinstate)s::bool[])
           WITH ORDINALITY AS s(batch_id, received_at, reinstate, place) USING (place)
), present AS MATERIALIZED (
    SELECT i.place, i.row, i.value AS new_value, i.status AS new_status, i.note AS new_note, i.batch_id AS new_batch_id,
           r.*, greatest(i.received_at, r.received_at + interval '1 microsecond') AS corrected_at,
           r.value IS NOT NULL OR i.reinstate AS allowed
      FROM incoming i JOIN reading r USING (indicator_id, unit_id, grain, period_start)
     WHERE (r.value, r.status, r.note) IS DISTINCT FROM (i.value, i.status, i.note)
       AND coalesce(r.value, i.value) IS NOT NULL
     ORDER BY indicator_id, unit_id, grain, period_start
       FOR UPDATE OF r
), kept AS (
    INSERT INTO reading_history (indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id,
                                 received_at, superseded_at)
    SELECT indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id, received_at, corrected_at
      FROM present WHERE allowed
), corrected AS (
    UPDATE reading r
       SET value = new_value, status = new_status, note = new_note, batch_id = new_batch_id, received_at = corrected_at
      FROM present p
     WHERE allowed
       AND (r.indicator_id, r.unit_id, r.grain, r.period_start) = (p.indicator_id, p.unit_id, p.grain, p.period_start)
), marked AS ({_MARK.format(changed="present WHERE allowed")}
)
SELECT place, NULL AS row, 'corrected' AS verdict, count(*)::int AS corrected, NULL AS withdrawn_at
  FROM present WHERE allowed GROUP BY place
UNION ALL
SELECT place, row, 'withdrawn', NULL, received_at FROM present WHERE NOT allowed
UNION ALL
SELECT place, row, 'nothing-to-withdraw', NULL, NULL
  FROM incoming i
 WHERE value IS NULL
   AND NOT EXISTS (SELECT FROM reading r WHERE (r.indicator_id, r.unit_id, r.grain, r.period_start)
                                             = (i.indicator_id, i.unit_id, i.grain, i.period_start))
"""

_ENTER = """
INSERT INTO batch (id, source_id, key_prefix, received_at, received, created, unchanged, corrected, rejected)
SELECT * FROM unnest(%(batches)s, %(sources)s, %(keys)s::text[], %(received_at)s::timestamptz[], %(received)s, %(created)s,
                     %(unchanged)s, %(corrected)s, %(rejected)s)
"""


# --- what is said of it -------------------------------------------------------------------------------------------


def _advice(owner: Source | None) -> Text:
    if owner is not None and owner.synthetic:
        return Text(
            "đó là dữ liệu trình diễn; quản trị viên gỡ bằng ioc-hub load demo --remove",
            "it is the demo; the administrator takes it away with ioc-hub load demo --remove",
        )
    return Text("cần khóa của chính nguồn đó", "a key of that source may write it")


def _facts(catalogue: Catalogue, verdict: str, fact: Any) -> tuple[dict[str, Any], str]:
    """What a refusal says, and at which field."""
    match verdict:
        case "withdrawn":
            return {"at": fact.isoformat(timespec="seconds")}, "value"
        case "other-source":
            owner = catalogue.sources.get(fact)
            return {"owner": owner.code if owner else fact, "advice": _advice(owner)}, "indicator"
        case _:
            return {}, "value"


_RATIOS = """
SELECT s.number
  FROM unnest(%(numbers)s, %(numerators)s, %(denominators)s, %(units)s, %(starts)s, %(ends)s)
       AS s(number, numerator, denominator, unit_id, starts, ends)
 WHERE EXISTS (SELECT FROM reading r WHERE r.indicator_id = s.numerator AND r.unit_id = s.unit_id
                  AND r.period_start >= s.starts AND r.period_start < s.ends AND r.value IS NOT NULL)
   AND EXISTS (SELECT FROM reading r WHERE r.indicator_id = s.denominator AND r.unit_id = s.unit_id
                  AND r.period_start >= date_trunc('year', s.starts) AND r.period_start < s.ends
                  AND r.value IS NOT NULL)
 ORDER BY s.number
"""


async def _computed_ratios(cursor: Cursor, work: Sequence[_Work]) -> list[tuple[_Work, RowError]]:
    """A ratio whose parts the same unit has reported too is taken as sent, and its sender is told."""
    ratios = [
        (one, index)
        for one in work
        for index, place in enumerate(one.judged.places)
        if place.indicator.numerator_id is not None and one.judged.values[index] is not None
    ]
    if not ratios:
        return []
    places = [one.judged.places[index] for one, index in ratios]
    facts = {
        "numbers": Integers.of(range(len(ratios))),
        "numerators": Integers.of([place.indicator.numerator_id or 0 for place in places]),
        "denominators": Integers.of([place.indicator.denominator_id or 0 for place in places]),
        "units": Integers.of([one.judged.units[index].id for one, index in ratios]),
        "starts": Timestamps.at(place.start for place in places),
        "ends": Timestamps.at(max(place.period.end, place.start + timedelta(hours=1)) for place in places),
    }
    await cursor.execute(_RATIOS, facts)
    return [(ratios[number][0], _ratio_warning(*ratios[number])) for (number,) in await cursor.fetchall()]


def _ratio_warning(work: _Work, index: int) -> RowError:
    judged, catalogue = work.judged, work.submission.catalogue
    indicator, number = judged.places[index].indicator, judged.numbers[index]
    numerator, denominator = catalogue.parts_of(indicator)
    pointer = work.submission.rows.pointer(number, "value")
    facts = {"numerator": numerator.code, "denominator": denominator.code}
    return RowError("ratio-computed", number, pointer, shown(judged.values[index]), facts)
