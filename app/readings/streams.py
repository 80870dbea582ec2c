"""What the demo makes up: a table of streams, one line for each indicator, and the few rhythms that they follow.

Every value is a pure function of (indicator, ward, period), so the feed can be made again for any stretch of time, by
several processes at once, and is always the same. Nothing in it is a measurement: the sizes are guesses at what a
region of some 400,000 people might have, so that a wall looks alive and screens can be tried.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from app.periods import Grain, Period, bucket_start, buckets, label
from app.readings.batch import Row

WARDS_SINCE = datetime(2025, 7, 1)
# Phường Bến Cát, Phú An, Chánh Phú Hòa, Long Nguyên, Tây Nam, Thới Hòa, Hòa Lợi; the weights are made up.
WARDS = {"25813": 1.3, "25768": 0.8, "25837": 1.0, "25840": 0.6, "25843": 0.7, "25846": 1.1, "25849": 0.9}
_ALL_WARDS = sum(WARDS.values())

# --- rhythms: how much of the usual there is ---

# By hour of the day.
ALWAYS = (1.0,) * 24
OFFICE = (0, 0, 0, 0, 0, 0, 0, 1.0, 1.5, 1.5, 1.2, 0.7, 0, 1.1, 1.3, 1.1, 0.7, 0, 0, 0, 0, 0, 0, 0)
AWAKE = (0.2, 0.1, 0.1, 0.1, 0.2, 0.5, 0.9, 1.2, 1.4, 1.4, 1.3, 1.1, 0.9, 1.1, 1.3, 1.3, 1.3, 1.3, 1.2, 1.2, 1.0, 0.8, 0.5, 0.3)  # fmt: skip
RUSH = (0.1, 0.1, 0.1, 0.1, 0.2, 0.6, 1.5, 2.0, 1.4, 1.0, 0.9, 1.1, 1.0, 0.9, 0.9, 1.1, 1.7, 2.1, 1.6, 1.0, 0.8, 0.6, 0.4, 0.2)  # fmt: skip
FREE_ROAD = (1.2, 1.2, 1.2, 1.2, 1.2, 1.1, 0.8, 0.7, 0.9, 1.0, 1.0, 0.9, 1.0, 1.0, 1.0, 0.9, 0.8, 0.6, 0.8, 1.0, 1.0, 1.1, 1.2, 1.2)  # fmt: skip
# By day of the week, Monday first.
DAILY = (1.0,) * 7
WORKDAYS = (1.15, 1.0, 1.0, 1.0, 0.95, 0.25, 0.1)
SHIFTS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.92, 0.75)
LEISURE = (0.8, 0.8, 0.8, 0.9, 1.1, 1.5, 1.5)
SCHOOLDAYS = (1.0, 1.0, 1.0, 1.0, 1.0, 0, 0)
# By month of the year.
EVEN = (1.0,) * 12
RAIN = (0.4, 0.3, 0.3, 0.5, 0.9, 1.3, 1.6, 1.7, 1.7, 1.5, 1.1, 0.7)
DRY = (1.3, 1.3, 1.2, 1.1, 0.9, 0.8, 0.8, 0.7, 0.8, 0.9, 1.0, 1.2)
TAXES = (1.5, 0.7, 0.9, 1.3, 0.8, 0.8, 1.3, 0.8, 0.8, 1.3, 0.8, 1.0)
YEAR_END = (0.4, 0.5, 0.7, 0.8, 0.9, 1.0, 1.0, 1.1, 1.1, 1.2, 1.4, 1.9)
SHOPPING = (1.2, 1.1, 0.9, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95, 1.0, 1.0, 1.1)
TERMS = (1.0, 1.0, 1.0, 1.0, 1.0, 0, 0, 0, 1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Stream:
    """One indicator of the feed.

    An amount of the whole region in a usual period (of each minute, for what is counted by the minute), which the wards
    share by their weights; with `each` a level that all of them have. `of` another stream it is the share `usual`
    of it, or without `usual` what is left of it after those in `less`: parts are never more than their whole.
    """

    indicator: str
    grain: Grain
    usual: float | None = None
    hours: Sequence[float] = ALWAYS
    days: Sequence[float] = DAILY
    months: Sequence[float] = EVEN
    noise: float = 0.2  # from one period to the next, up and down
    spread: float = 0.15  # from ward to ward, for good
    growth: float = 0.0  # in a year
    each: bool = False
    of: str | None = None
    less: Sequence[str] = ()
    step: str = "1"
    minutes: int = 1  # between two instants
    cumulative: bool = False  # sent as the sum since 1 January
    ahead: bool = False  # known when its period begins: a plan, or what others are divided by
    closed: bool = False  # nothing is reported where the rhythm says nought
    long: bool = False  # has a past of more than some weeks, to be compared with

    def value(self, ward: str, at: datetime) -> Decimal | None:
        """Of the period that starts `at`, not yet added up since January; None when nothing is reported."""
        if self.of is None:
            rhythm = self._rhythm(at)
            if self.closed and not rhythm:
                return None
            part = 1.0 if self.each else WARDS[ward] / _ALL_WARDS
            growing = (1 + self.growth) ** ((at - WARDS_SINCE).days / 365)
            return self._rounded((self.usual or 0) * part * growing * rhythm * self._luck(ward, at), ward, at)
        whole = _amount(self.of, ward, at)
        if self.usual is None:
            return max(Decimal(0), whole - sum(_amount(one, ward, at) for one in self.less))
        few = min(self.usual, 1 - self.usual) * self._luck(ward, at)
        return self._rounded(float(whole) * (few if self.usual < 0.5 else 1 - few), ward, at)

    def _rhythm(self, at: datetime) -> float:
        rhythm = 1.0
        if self.grain <= Grain.hour:
            between = at.minute / 60
            rhythm *= self.hours[at.hour] * (1 - between) + self.hours[(at.hour + 1) % 24] * between
        if self.grain <= Grain.day:
            rhythm *= self.days[at.weekday()]
        if self.grain <= Grain.quarter:
            rhythm *= self.months[at.month - 1]
        return rhythm

    def _luck(self, ward: str, at: datetime) -> float:
        ward_s = 1 + self.spread * (2 * _character(self.indicator, ward) - 1)
        return ward_s * (1 + self.noise * (2 * chance(self.indicator, ward, at) - 1)) if self.noise else ward_s

    def _rounded(self, amount: float, ward: str, at: datetime) -> Decimal:
        # What is rare is rounded by chance, so that a fifth of an accident a day is one on every fifth day. What does not vary is not.
        up = chance("up", self.indicator, ward, at) if self.noise else 0.5
        return math.floor(amount / float(self.step) + up) * Decimal(self.step)


def chance(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=7).digest()) / 2**56


@lru_cache(maxsize=4096)
def _character(indicator: str, ward: str) -> float:
    return chance(indicator, ward)


@lru_cache(maxsize=8192)  # of the same period, for all its parts
def _amount(indicator: str, ward: str, at: datetime) -> Decimal:
    stream = BY_INDICATOR[indicator]
    return stream.value(ward, bucket_start(stream.grain, at)) or Decimal(0)


_S, _G = Stream, Grain
MILLION = "1000000"
STREAMS = (
    # Kinh tế, ngân sách, đầu tư
    _S("econ.grdp.current", _G.quarter, 17.5e12, noise=0.04, growth=0.09, step=MILLION, cumulative=True),
    _S("budget.revenue.total", _G.day, 15e9, days=WORKDAYS, months=TAXES, noise=0.3, growth=0.08, step="1000", cumulative=True, long=True),
    _S("budget.revenue.fdi", _G.day, 0.34, of="budget.revenue.total", step="1000", cumulative=True),
    _S("budget.revenue.private", _G.day, 0.25, of="budget.revenue.total", step="1000", cumulative=True),
    _S("budget.revenue.pit", _G.day, 0.12, of="budget.revenue.total", step="1000", cumulative=True),
    _S("budget.revenue.land_use_levy", _G.day, 0.07, of="budget.revenue.total", step="1000", cumulative=True),
    _S("budget.revenue.registration_fee", _G.day, 0.05, of="budget.revenue.total", step="1000", cumulative=True),
    _S("budget.revenue.fees", _G.day, 0.03, of="budget.revenue.total", step="1000", cumulative=True),
    _S("budget.revenue.estimate", _G.year, 4.6e12, noise=0, growth=0.07, step=MILLION, ahead=True),
    _S("budget.expenditure.total", _G.day, 8e9, days=WORKDAYS, months=YEAR_END, noise=0.4, growth=0.06, step="1000", cumulative=True),
    _S("budget.expenditure.investment", _G.day, 0.38, of="budget.expenditure.total", step="1000", cumulative=True),
    _S("budget.expenditure.recurrent", _G.day, of="budget.expenditure.total", less=["budget.expenditure.investment"], cumulative=True),
    _S("budget.expenditure.estimate", _G.year, 2.5e12, noise=0, growth=0.06, step=MILLION, ahead=True),
    _S("invest.public.disbursed", _G.week, 22e9, months=YEAR_END, noise=0.5, step=MILLION, cumulative=True),
    _S("invest.public.plan", _G.year, 1.25e12, noise=0, step=MILLION, ahead=True),
    _S("invest.public.project.delayed", _G.month, 9),
    _S("enterprise.new.count", _G.day, 4.5, days=WORKDAYS, growth=0.08, cumulative=True),
    _S("enterprise.active.total", _G.month, 8_600, noise=0, growth=0.07),
    _S("industry.power.output", _G.day, 14.5e6, days=SHIFTS, noise=0.05, growth=0.07, long=True),
    _S("industry.park.area", _G.quarter, 4_000, noise=0),
    _S("industry.park.leased", _G.quarter, 0.87, noise=0, of="industry.park.area"),
    _S("trade.retail.total", _G.month, 2.9e12, months=SHOPPING, noise=0.04, growth=0.1, step=MILLION, cumulative=True),
    # Nông nghiệp, đất đai, môi trường, đô thị; the region has no forest to speak of
    _S("agri.output_value", _G.quarter, 420e9, noise=0.08, growth=-0.03, step=MILLION, cumulative=True),
    _S("agri.livestock.pig", _G.quarter, 31_000, noise=0.05, growth=-0.04),
    _S("land.certificate.issued", _G.month, 620),
    _S("environment.air.pm25", _G.hour, 24, each=True, hours=tuple(0.8 + 0.25 * one for one in RUSH), months=DRY, step="0.1"),
    _S("environment.station.total", _G.quarter, 14, noise=0, spread=0, ahead=True),
    _S("environment.station.online", _G.hour, 0.96, of="environment.station.total"),
    _S("environment.waste.domestic.generated", _G.day, 380, days=LEISURE, noise=0.05, step="0.1"),
    _S("environment.waste.domestic.collected", _G.day, 0.955, of="environment.waste.domestic.generated", step="0.1"),
    _S("construction.drain.flood_points", _G.day, 3, months=RAIN, noise=0.9),
    _S("construction.permit.issued", _G.day, 9, days=WORKDAYS),
    _S("construction.water.output", _G.day, 62_000, noise=0.04, growth=0.05),
    # Giao thông
    _S("traffic.flow.total", _G.instant, 520, hours=RUSH, days=SHIFTS, noise=0.25),
    _S("traffic.congestion.points", _G.instant, 4, hours=RUSH, days=SHIFTS, minutes=5),
    _S("traffic.speed.avg", _G.instant, 38, each=True, hours=FREE_ROAD, noise=0.1, step="0.1", minutes=5),
    _S("traffic.camera.total", _G.day, 410, noise=0, ahead=True),
    _S("traffic.camera.online", _G.instant, 0.965, of="traffic.camera.total", minutes=15),
    _S("traffic.signal.faulty", _G.day, 3),
    _S("traffic.accident.total", _G.day, 0.55, days=LEISURE, growth=-0.12, long=True),
    _S("traffic.accident.injured", _G.day, 0.4, days=LEISURE, growth=-0.12),
    _S("traffic.accident.deaths", _G.day, 0.05, days=LEISURE, growth=-0.12),
    _S("traffic.congestion.events", _G.day, 6, days=SHIFTS),
    _S("traffic.violation.total", _G.day, 95, days=LEISURE),
    _S("traffic.violation.speed", _G.day, 0.3, of="traffic.violation.total"),
    _S("traffic.violation.alcohol", _G.day, 0.18, of="traffic.violation.total"),
    _S("traffic.violation.helmet", _G.day, 0.17, of="traffic.violation.total"),
    _S("traffic.violation.parking", _G.day, 0.1, of="traffic.violation.total"),
    _S("traffic.violation.red_light", _G.day, 0.08, of="traffic.violation.total"),
    _S("traffic.violation.overload", _G.day, 0.04, of="traffic.violation.total"),
    _S("traffic.bus.passengers", _G.day, 7_800, days=WORKDAYS, growth=0.15),
    # An ninh, phòng cháy, an toàn thông tin
    _S("security.crime.total", _G.day, 0.8, growth=-0.06),
    _S("security.call113", _G.day, 34, days=LEISURE),
    _S("security.camera.total", _G.day, 620, noise=0, ahead=True),
    _S("security.camera.online", _G.instant, 0.95, of="security.camera.total", minutes=15),
    _S("disaster.fire.cases", _G.day, 0.12, months=DRY),
    _S("disaster.call114", _G.day, 6),
    _S("infosec.attack.detected", _G.hour, 38, noise=0.6),
    _S("infosec.attack.blocked", _G.hour, 0.985, of="infosec.attack.detected"),
    _S("infosec.incident.total", _G.day, 0.15),
    # Y tế, giáo dục, lao động, an sinh
    _S("health.disease.dengue", _G.day, 6, months=RAIN, noise=0.6, long=True),
    _S("health.bed.total", _G.month, 920, noise=0, ahead=True),
    _S("health.bed.occupied", _G.day, 0.83, of="health.bed.total"),
    _S("health.visit.insurance", _G.day, 2_100, days=WORKDAYS),
    _S("health.visit.citizen_id", _G.day, 0.88, of="health.visit.insurance"),
    _S("education.attendance.present", _G.day, 71_000, days=SCHOOLDAYS, months=TERMS, noise=0.02, closed=True),
    _S("labour.jobs.created", _G.month, 980, growth=0.05, cumulative=True),
    _S("labour.vacancies", _G.day, 6_400, noise=0.05),
    _S("population.total", _G.year, 405_000, noise=0, spread=0.05, growth=0.02, ahead=True),
    _S("social.si.health", _G.month, 0.935, of="population.total", noise=0.05),
    # Văn hóa, du lịch, dân cư
    _S("culture.radio.speakers_online", _G.hour, 168, noise=0.03),
    _S("culture.portal.visits", _G.day, 5_200, days=WORKDAYS, growth=0.1),
    _S("tourism.visitor.total", _G.day, 2_300, days=LEISURE, months=SHOPPING, growth=0.12),
    _S("tourism.room.total", _G.month, 1_900, noise=0, ahead=True),
    _S("tourism.room.occupied", _G.day, 0.48, of="tourism.room.total"),
    _S("population.vneid.eligible", _G.month, 298_000, noise=0, spread=0.05, growth=0.02, ahead=True),
    _S("population.vneid.activated", _G.day, 0.86, of="population.vneid.eligible", noise=0.01),
    _S("population.birth.registered", _G.day, 16, days=WORKDAYS),
    # Một cửa
    _S("tthc.dossier.received", _G.day, 420, days=WORKDAYS, noise=0.4, long=True),
    _S("tthc.dossier.received.online", _G.day, 0.82, of="tthc.dossier.received", long=True),
    _S("tthc.dossier.received.online_full", _G.day, 0.55, of="tthc.dossier.received.online"),
    _S("tthc.dossier.received.online_partial", _G.day, of="tthc.dossier.received.online", less=["tthc.dossier.received.online_full"]),
    _S("tthc.dossier.received.postal", _G.day, 0.03, of="tthc.dossier.received"),
    _S("tthc.dossier.received.direct", _G.day, of="tthc.dossier.received", less=["tthc.dossier.received.online", "tthc.dossier.received.postal"]),
    _S("tthc.dossier.resolved", _G.day, 0.97, of="tthc.dossier.received", long=True),
    _S("tthc.dossier.resolved_within", _G.day, 0.955, of="tthc.dossier.resolved", spread=0.6, long=True),
    _S("tthc.dossier.resolved_late", _G.day, of="tthc.dossier.resolved", less=["tthc.dossier.resolved_within"]),
    _S("tthc.dossier.processing", _G.day, 2_150, noise=0.05),
    _S("tthc.dossier.processing_late", _G.day, 0.03, of="tthc.dossier.processing", spread=0.5),
    _S("tthc.satisfaction.votes", _G.day, 0.4, of="tthc.dossier.resolved"),
    _S("tthc.satisfaction.positive", _G.day, 0.93, of="tthc.satisfaction.votes"),
    _S("tthc.queue.tickets", _G.hour, 80, hours=OFFICE, days=SCHOOLDAYS),
    _S("tthc.queue.waiting", _G.instant, 40, hours=OFFICE, days=SCHOOLDAYS, minutes=5),
    _S("tthc.queue.wait_time", _G.hour, 9, each=True, hours=OFFICE, days=SCHOOLDAYS, step="0.1", closed=True),
    _S("tthc.portal.uptime", _G.day, 99.6, each=True, noise=0.004, spread=0, step="0.01"),
    # Chuyển đổi số, văn bản, tư pháp
    _S("digital.app.citizen.visits", _G.day, 9_800, growth=0.25),
    _S("digital.lgsp.transactions", _G.day, 21_000, days=WORKDAYS, growth=0.1),
    _S("digital.line.downtime", _G.day, 5, noise=0.9),
    _S("digital.team.people_guided", _G.month, 1_150),
    _S("admin.doc.outgoing", _G.day, 310, days=WORKDAYS),
    _S("admin.doc.outgoing_signed", _G.day, 0.94, of="admin.doc.outgoing"),
    _S("admin.task.overdue", _G.day, 26, noise=0.1),
    _S("justice.petition.received", _G.month, 64),
    _S("justice.petition.eligible", _G.month, 0.45, of="justice.petition.received"),
    _S("justice.petition.resolved", _G.month, 0.84, of="justice.petition.eligible"),
)  # fmt: skip
BY_INDICATOR = {stream.indicator: stream for stream in STREAMS}


def made_up(stream: Stream, since: datetime, until: datetime, *, daily_since: datetime = datetime.min) -> Iterator[Row]:
    """The readings of every ward for the periods that begin in `[since, ...)` and are due by `until`.

    Of the days before `daily_since` only the last of each month: of a sum since January that is enough.
    """
    since = max(since, WARDS_SINCE)
    if _due_at(stream, next(_periods(stream, since))) > until:
        return
    start, year = since, None
    if stream.cumulative:  # the year so far has to be known, which began before
        january = datetime(Period(stream.grain, bucket_start(stream.grain, since)).anchor.year, 1, 1)
        start = bucket_start(stream.grain, january)  # the first week may begin in December
    totals: dict[str, Decimal] = {}
    for period in _periods(stream, max(start, WARDS_SINCE)):
        if _due_at(stream, period) > until:
            return
        if period.anchor.year != year:
            year, totals = period.anchor.year, dict.fromkeys(WARDS, Decimal(0))
        sent = period.start >= since and (period.start >= daily_since or period.end.day == 1)
        text = label(stream.grain, period.start) if sent else None
        for ward in WARDS:
            if (value := stream.value(ward, period.start)) is None:
                continue
            if stream.cumulative:
                value = totals[ward] = totals[ward] + value
            if text is not None:
                yield Row(stream.indicator, ward, text, value)


def _periods(stream: Stream, since: datetime) -> Iterator[Period]:
    """Those that begin in `[since, ...)`."""
    if stream.grain is Grain.instant:
        step = timedelta(minutes=stream.minutes)
        at = since - (since - WARDS_SINCE) % step
        while True:
            if at >= since:
                yield Period(Grain.instant, at)
            at += step
    yield from (one for one in buckets(stream.grain, since, datetime.max) if one.start >= since)


def _due_at(stream: Stream, period: Period) -> datetime:
    """When it is sent: a plan as its period begins, an instant a minute later, all else when it is over."""
    if stream.ahead:
        return period.start
    return period.start + timedelta(minutes=1) if stream.grain is Grain.instant else period.end
