"""Made-up reports for the demo: a few each day in the wards of Bến Cát, sent and moved by the hub's own rules, marked as synthetic.

They come from the demo's source, which is synthetic, and say so in their words too. What is counted where they are is marked for the same
reason (`counting`). In a ward where real reports are counted nothing is made up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.auth import Caller
from app.catalogue.catalogue import Catalogue, Unit
from app.errors import MoveNotAllowed
from app.hub import Hub
from app.readings.demo import SOURCE
from app.readings.streams import AWAKE, WARDS, chance
from app.reports.desk import HANDLE, MODERATE, SUBMIT, Desk
from app.reports.handling import move
from app.reports.identity import IdentityKeys, identity_keys
from app.reports.indicators import MEDIAN, RECEIVED
from app.reports.rules import read_rules
from app.reports.submission import submit
from app.schemas.reports import MoveIn, PointIn, ReportIn

PAST = timedelta(days=21)  # that a new demo has
_STEP = timedelta(hours=1)
_USUAL = 0.24  # reports an hour, of the whole region
_WORDS = (
    ("road", "Ổ gà sâu giữa làn xe máy, trời mưa ngập nước không nhìn thấy."),
    ("trees-lighting", "Đèn đường không sáng đã ba đêm, đoạn này nhiều công nhân tan ca."),
    ("waste", "Rác đổ trộm cạnh hàng rào khu đất trống, bốc mùi."),
    ("urban-order", "Biển quảng cáo và hàng hóa chiếm hết vỉa hè."),
    ("water", "Cống thoát nước nghẹt, mưa lớn là nước tràn vào nhà."),
    ("traffic-safety", "Đèn tín hiệu ở ngã tư không chuyển sang xanh."),
    ("construction", "Công trình để vật liệu ra đường, không che chắn."),
    ("road", "Nắp hố ga bị vỡ, đã có người ngã xe."),
    ("waste", "Xe gom rác không đến hẻm này một tuần nay."),
    ("trees-lighting", "Cành cây khô sắp gãy phía trên trạm chờ xe buýt."),
)  # fmt: skip
_REPLIES = ("Đã khắc phục xong.", "Đã kiểm tra và sửa chữa.", "Đã nhắc nhở và khôi phục hiện trạng.")


@dataclass(frozen=True, slots=True)
class _Made:
    """A made-up report and what becomes of it: states, each so long after the report came in."""

    sent: ReportIn
    at: datetime  # aware
    steps: tuple[tuple[timedelta, MoveIn], ...]


async def feed_demo_reports(hub: Hub) -> None:
    """Send what is due by now and was not sent, and move what was. Without the source there is nothing to do."""
    async with hub.database.write_session() as session:
        found = await session.execute(select(models.Source.id).where(models.Source.code == SOURCE.code))
        if (source := found.scalar_one_or_none()) is None:
            return
        catalogue = await hub.catalogues.current(session)
        # Only one at a time: two would send the same report.
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        wards = await _wards(session, hub, catalogue, source)
        reached: dict[UUID, int] = dict((await session.execute(text(_REACHED), {"source": source})).all())
        rules = await read_rules(session, -1)
        now = datetime.now(UTC)
        caller = Caller(None, source, SOURCE.code, frozenset({SUBMIT, MODERATE, HANDLE}), None, None)
        identities: IdentityKeys = identity_keys(hub.settings)
        desk = Desk(catalogue, rules, hub.settings, hub.pepper, identities, now, caller)
        for made in _all_made(hub, wards, now):
            await _bring_up(session, desk, made, reached.get(made.sent.id), now)


_LOCK = 720_728
_REACHED = """
SELECT r.id, count(e.id) - 1 FROM report r JOIN report_event e ON e.report_id = r.id AND e.actor <> 'system'
 WHERE r.source_id = :source GROUP BY 1
"""


async def remove_demo_reports(session: AsyncSession) -> int:
    """Take away what was made up, and have the rest counted again; returns how many there were."""
    source = (await session.scalars(select(models.Source.id).where(models.Source.code == SOURCE.code))).one_or_none()
    if source is None:
        return 0
    mine = select(models.Report.id).where(models.Report.source_id == source)
    for table in (
        models.ReportEvent, models.ReportMark, models.Reporter, models.ReportPhoto, models.PhotoPiece, models.ReportFollower,
        models.ReportRating, models.ReportComment,
    ):  # fmt: skip
        await session.execute(delete(table).where(table.report_id.in_(mine)))
    removed = await session.execute(
        delete(models.Report).where(models.Report.source_id == source).returning(models.Report.id)
    )
    await session.execute(text(_MARK_WARDS), {"codes": list(WARDS)})
    return len(removed.all())


_MARK_WARDS = """
INSERT INTO report_mark (report_id, unit_id, throughout)
SELECT r.id, r.unit_id, true FROM report r JOIN unit u ON u.id = r.unit_id WHERE u.code = ANY (:codes)
"""


async def _wards(session: AsyncSession, hub: Hub, catalogue: Catalogue, source: int) -> list[Unit]:
    """Where nobody else counts reports; none where real ones are counted above them: what is made up must not be part of that."""
    now = hub.now()
    wards = [catalogue.units_at(code, now, now + _STEP)[0] for code in WARDS]
    table, codes = models.Ownership, (RECEIVED, f"report.{MEDIAN}")
    ours = [catalogue.indicators[code].id for code in codes if code in catalogue.indicators]
    others = select(table.unit_id).where(table.indicator_id.in_(ours), table.source_id != source)
    taken = set(await session.scalars(others))
    if any(above in taken for ward in wards for above in catalogue.tree.above(ward.id) if above != ward.id):
        return []
    return [ward for ward in wards if ward.id not in taken]


def _all_made(hub: Hub, wards: list[Unit], now: datetime) -> Iterator[_Made]:
    """Every report of the last weeks; the same whoever makes it up again."""
    hour = hub.now().replace(minute=0, second=0, microsecond=0) - PAST
    while hour <= hub.now():
        for ward in wards:
            luck = chance("report", ward.code, hour)
            if luck < _USUAL * AWAKE[hour.hour] * WARDS[ward.code] / sum(WARDS.values()):
                at = (hour + timedelta(minutes=60 * chance("minute", ward.code, hour))).replace(tzinfo=hub.settings.tz)
                if at <= now:
                    yield _made(ward, hour, at)
        hour += _STEP


def _made(ward: Unit, hour: datetime, at: datetime) -> _Made:
    def dice(what: str) -> float:
        return chance(what, ward.code, hour)

    category, words = _WORDS[int(dice("words") * len(_WORDS))]
    latitude, longitude = ward.latitude or 0.0, ward.longitude or 0.0  # each has a point
    place = (latitude + 0.024 * (dice("north") - 0.5), longitude + 0.024 * (dice("east") - 0.5))
    sent = ReportIn(
        id=uuid5(NAMESPACE_URL, f"ioc-hub demo {ward.code} {hour}"),
        category=category,
        description=f"[MÔ PHỎNG] {words}",
        point=PointIn(latitude=round(place[0], 5), longitude=round(place[1], 5)),
        channel=("app", "app", "hotline", "zalo", "web")[int(dice("channel") * 5)],
    )
    answered = timedelta(hours=8 + 150 * dice("quick") ** 2)
    outcome = "fixed" if dice("outcome") < 0.75 else "partly" if dice("outcome") < 0.88 else "cannot_find"
    reply = (
        _REPLIES[int(dice("reply") * len(_REPLIES))] if outcome == "fixed" else "Đã kiểm tra, xin xem nội dung trả lời."
    )
    steps = [(timedelta(hours=1 + 3 * dice("intake")), MoveIn(to="accepted"))]
    if dice("spam") < 0.04:
        steps = [(steps[0][0], MoveIn(to="rejected", rejection="not_verifiable"))]
    elif dice("stuck") > 0.06:
        steps += [
            (steps[0][0] + timedelta(hours=1), MoveIn(to="processing")),
            (answered, MoveIn(to="resolved", outcome=outcome, reply=f"[MÔ PHỎNG] {reply}")),
            (answered + timedelta(minutes=40), MoveIn(to="approved")),
            (answered + timedelta(minutes=50), MoveIn(to="published")),
        ]
        if dice("again") < 0.05:
            again = MoveIn(to="reopened", reason="[MÔ PHỎNG] Vẫn còn.")
            steps.append((answered + timedelta(hours=5), again))
    return _Made(sent, at, tuple(steps))


async def _bring_up(session: AsyncSession, desk: Desk, made: _Made, reached: int | None, now: datetime) -> None:
    if reached is None:
        await submit(session, replace(desk, now=made.at), made.sent)
        reached = 0
    for after, order in made.steps[reached:]:
        if made.at + after > now:
            return
        try:
            await move(session, replace(desk, now=made.at + after), made.sent.id, order)
        except MoveNotAllowed:  # somebody has tried out what can be done with it
            return
