"""Who may do what with a report, and with what it is handled: the rules of the day, the catalogue, the clock."""

import base64
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from app import models
from app.auth import Caller
from app.catalogue.access import answered_for
from app.catalogue.catalogue import Catalogue
from app.errors import InvalidRequest, RowError
from app.reports.deadlines import Target, WorkingCalendar, deadline
from app.reports.identity import IdentityKeys
from app.reports.rules import Category, Rules
from app.reports.workflow import ENDS, Actor, State
from app.settings import Settings

SUBMIT, MODERATE, HANDLE = "reports:submit", "reports:moderate", "reports:handle"
IDENTIFY, CONFIGURE = "reports:identify", "reports:configure"


_ANSWERED = frozenset({State.published, State.closed})


def wrong(*mistakes: RowError) -> InvalidRequest:
    """What was sent cannot be accepted, for these reasons."""
    return InvalidRequest(count=len(mistakes), errors=mistakes)


@dataclass(frozen=True)
class Desk:
    """What a report is handled with, at one moment.

    `caller` is who asks: a citizen's app (`reports:submit`) acts for the citizens whose reports it sent; the centre's moderators
    (`reports:moderate`) see the reports of the units of their key, agencies (`reports:handle`) those that units of their key must
    act on. Who sent a report without a name acts for it with its `token`. Nobody else sees more than what is published.
    """

    catalogue: Catalogue
    rules: Rules
    settings: Settings
    pepper: bytes
    identities: IdentityKeys
    now: datetime  # aware
    caller: Caller | None
    token: str | None = None  # of one report, by which who sent it follows it up
    visitor: bytes | None = None  # on the hub's own page: the keyed hash of the browser's token

    def on_wall(self, moment: datetime) -> datetime:
        """A moment on the local calendar, naive."""
        return moment.astimezone(self.settings.tz).replace(tzinfo=None)

    def shown(self, moment: datetime | None) -> str | None:
        """With the offset of the local calendar, by which people promise each other things."""
        return None if moment is None else moment.astimezone(self.settings.tz).isoformat(timespec="seconds")

    @property
    def local(self) -> datetime:
        return self.on_wall(self.now)

    @cached_property
    def calendar(self) -> WorkingCalendar:
        return self.rules.calendar(self.local.date())

    def due(self, target: Target) -> datetime:
        """By when a target that begins to run now must be met."""
        return deadline(self.calendar, self.local, target).replace(tzinfo=self.settings.tz)

    def category_of(self, report: models.Report) -> Category | None:
        """As it was when the report came in, or as it is, if it is younger than the report."""
        then, today = self.on_wall(report.received_at).date(), self.local.date()
        return self.rules.category(report.category, then) or self.rules.category(report.category, today)

    def require_category(self, code: str) -> Category:
        """One that takes reports today. Raises: InvalidRequest."""
        category = self.rules.category(code, self.local.date())
        if category is None or not category.active:
            codes = ", ".join(one.code for one in self.rules.categories_on(self.local.date()))
            raise wrong(RowError("not-one-of", pointer="/category", value=code, facts={"expected": codes}))
        return category

    def digest(self, content: str) -> bytes:
        """Of what was sent. Keyed: a telephone number has too few digits for a plain hash to hide it."""
        return hmac.digest(self.pepper, f"report {content}".encode(), "sha256")

    def hashed(self, subject: str) -> bytes:
        """A citizen as one source names them; another source's same name is somebody else."""
        source = "" if self.caller is None else self.caller.source_code
        return hmac.digest(self.pepper, f"subject {source} {subject}".encode(), "sha256")

    def follow_up(self, report_id: UUID, digest: bytes) -> str:
        """The token of a report that came without a name. The same for the same report, so that who did not hear the answer to
        sending it may send it again and has not lost it; what is stored is a hash of it.
        """
        secret = hmac.digest(self.pepper, b"follow-up " + report_id.bytes + digest, "sha256")
        return base64.urlsafe_b64encode(secret).decode().rstrip("=")

    def hashed_token(self, token: str) -> bytes:
        return hmac.digest(self.pepper, f"token {token}".encode(), "sha256")

    @cached_property
    def _presented(self) -> bytes | None:
        return None if self.token is None else self.hashed_token(self.token)

    def subject_of(self, named: str | None) -> bytes | None:
        """Of which citizen the caller speaks: a visitor only ever of himself."""
        return self.visitor if self.visitor is not None or named is None else self.hashed(named)

    @cached_property
    def units(self) -> frozenset[int] | None:
        """Those for which the units of the key answer today. None: everywhere."""
        if self.caller is None or self.caller.unit_ids is None:
            return None
        return self.within(self.caller.unit_ids)

    def within(self, unit_ids: Iterable[int]) -> frozenset[int]:
        """Those for which units answer today: all below them, and what went into one of these."""
        return frozenset(key for key, until in self._answered(unit_ids).items() if until > self.local)

    def _answered(self, unit_ids: Iterable[int]) -> Mapping[int, datetime]:
        return answered_for(unit_ids, self.catalogue, self.local, self.settings.tz)

    @property
    def keyless(self) -> bool:
        """A visitor, or who has the token of one report only."""
        return self.caller is None or self.visitor is not None

    def may(self, scope: str) -> bool:
        return self.caller is not None and scope in self.caller.scopes

    def roles(self, report: models.Report) -> list[Actor]:
        """In which of its roles the caller has to do with a report; none: it sees what the public sees."""
        found = []
        if self.may(MODERATE) and (self.units is None or report.unit_id in self.units):
            found.append(Actor.moderator)
        if self.may(HANDLE) and report.agency_id is not None and (self.units is None or report.agency_id in self.units):
            found.append(Actor.agency)
        if self._has_token(report) or (self.may(SUBMIT) and self.sent(report)):
            found.append(Actor.citizen)
        return found

    def sent(self, report: models.Report) -> bool:
        """Whether the caller did, for whomever; all visitors are one source, so each has only his own."""
        mine = self.caller is not None and report.source_id == self.caller.source_id
        return mine and (self.visitor is None or report.subject == self.visitor)

    def _has_token(self, report: models.Report) -> bool:
        return self._presented is not None and hmac.compare_digest(report.follow_up or b"", self._presented)

    def staff(self, report: models.Report) -> list[Actor]:
        """Its roles that are not the citizen's."""
        return [role for role in self.roles(report) if role is not Actor.citizen]

    def acts_for(self, report: models.Report, subject: str | None) -> bool:
        """Whether the caller speaks for who sent the report: an app's back end does so for that citizen, and for no other of its users;
        who has its token, such as a visitor in another browser, names nobody.
        """
        if subject is None and self._has_token(report):
            return True
        return Actor.citizen in self.roles(report) and report.subject == self.subject_of(subject)

    def sees(self, report: models.Report) -> bool:
        return report.published_at is not None or bool(self.roles(report))

    def is_for_public(self, report: models.Report) -> bool:
        """Whether it may be published: neither its sender nor its category forbids it."""
        category = self.category_of(report)
        return report.visibility != "private" and (category is None or category.public)

    def is_outlined(self, report: models.Report) -> bool:
        """Whether everybody may know that there is one, so as not to send it again, though not what it says."""
        is_open = report.state not in ENDS and report.duplicate_of is None and report.withdrawn_at is None
        return is_open and report.latitude is not None and self.is_for_public(report)

    def answer_is_public(self, report: models.Report) -> bool:
        """The public reads an answer once the centre has published it, not while a further round goes on."""
        return report.published_at is not None and report.state in _ANSWERED

    def shows(self, report: models.Report, since: datetime) -> bool:
        """Whether the caller sees what came then: the public sees nothing that came after a publication, until the next."""
        return bool(self.roles(report)) or (report.published_at is not None and since <= report.published_at)

    @property
    def seen(self) -> ColumnElement[bool]:
        """`sees` as a condition: the only way in which reports are looked for."""
        return or_(models.Report.published_at.is_not(None), self.concerned)

    @property
    def concerned(self) -> ColumnElement[bool]:
        """`roles` as a condition: some role."""
        conditions: list[ColumnElement[bool]] = [false()]
        if self.may(MODERATE):
            conditions.append(_among(models.Report.unit_id, self.units))
        if self.may(HANDLE):
            conditions.append(models.Report.agency_id.is_not(None) & _among(models.Report.agency_id, self.units))
        if self.caller is not None and self.may(SUBMIT):
            own = true() if self.visitor is None else models.Report.subject == self.visitor
            conditions.append((models.Report.source_id == self.caller.source_id) & own)
        if self._presented is not None:
            conditions.append(models.Report.follow_up == self._presented)
        return or_(*conditions)

    @property
    def gone(self) -> ColumnElement[bool]:
        """What the caller could see once and sees no more: withdrawn from the public, given to another agency, found to be in
        another unit, or in one that others answer for now."""
        report, event = models.Report, models.ReportEvent
        conditions: list[ColumnElement[bool]] = [report.withdrawn_at.is_not(None)]
        for scope, column in ((HANDLE, event.agency_id), (MODERATE, event.unit_id)):
            if self.may(scope):
                was = (event.report_id == report.id, column.is_not(None), self._was_among(column, event.at))
                conditions.append(exists().where(*was))
        if self.may(MODERATE):
            conditions.append(self._was_among(report.unit_id, report.received_at))
        return and_(self.seen.is_not(true()), or_(*conditions))

    def _was_among(
        self, column: InstrumentedAttribute[int | None], at: InstrumentedAttribute[datetime]
    ) -> ColumnElement[bool]:
        """In one of the caller's units of today, or in one that left them after that moment."""
        left: dict[datetime, list[int]] = {}
        for key, until in self._answered((self.caller and self.caller.unit_ids) or ()).items():
            if until <= self.local:
                left.setdefault(until.replace(tzinfo=self.settings.tz), []).append(key)
        return or_(_among(column, self.units), *(column.in_(keys) & (at < until) for until, keys in left.items()))


def _among(column: InstrumentedAttribute[int | None], units: Iterable[int] | None) -> ColumnElement[bool]:
    return true() if units is None else column.in_(list(units))
