"""Citizens' field reports (phản ánh hiện trường), what became of them, and the rules by which they are promised an answer.

The rules are effective-dated data, for each province decides its own: a row is in force from its `valid_from` on, until the
next row of the same key begins. A change never touches what was promised before: a report keeps its own deadlines.
"""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Instant
from app.models.catalogue import Unit
from app.models.readings import Source


class ReportCategory(Base):
    """What a report may be about (lĩnh vực phản ánh)."""

    __tablename__ = "report_category"

    code: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    name_vi: Mapped[str] = mapped_column()
    name_en: Mapped[str] = mapped_column()
    position: Mapped[int] = mapped_column(comment="order in lists")
    urgency: Mapped[str] = mapped_column(comment="urgent, normal, complex (khẩn, bình thường, phức tạp)")
    public: Mapped[bool] = mapped_column(comment="reports of it may be published")
    coarse: Mapped[bool] = mapped_column(comment="the public sees the place only roughly")
    active: Mapped[bool] = mapped_column(comment="false: from this day on no new ones")
    origin: Mapped[str] = mapped_column(comment="where the row comes from")


class ReportTarget(Base):
    """How long a step may take (thời hạn)."""

    __tablename__ = "report_target"

    step: Mapped[str] = mapped_column(primary_key=True, comment="intake, handling, reopening")
    urgency: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(primary_key=True, comment="code; '' is any without a row of its own")
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column()
    measure: Mapped[str] = mapped_column(comment="minutes (of the clock), working-hours, working-days")
    extensions: Mapped[int] = mapped_column(SmallInteger, comment="how many times it may be extended")
    origin: Mapped[str] = mapped_column()


class ReportRoute(Base):
    """Who acts on a category in a unit and all below it (phân công xử lý). The nearest unit counts, then the category's own row."""

    __tablename__ = "report_route"

    category: Mapped[str] = mapped_column(primary_key=True, comment="code; '' is any")
    unit_id: Mapped[int] = mapped_column(ForeignKey(Unit.id), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    agency_id: Mapped[int | None] = mapped_column(ForeignKey(Unit.id), index=True, comment="null: the route has ended")
    origin: Mapped[str] = mapped_column()


class Shift(Base):
    """When people work on a weekday (giờ làm việc)."""

    __tablename__ = "shift"

    weekday: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, comment="Monday is 0")
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    hours: Mapped[list[str]] = mapped_column(comment="such as 07:30-11:30; none: a day off")
    origin: Mapped[str] = mapped_column()


class CalendarDay(Base):
    """A day that is not like others of its weekday: a holiday, or worked in exchange for one (ngày nghỉ, ngày làm bù)."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    works_like: Mapped[int | None] = mapped_column(SmallInteger, comment="the weekday whose shifts it has; null: off")
    name_vi: Mapped[str] = mapped_column()
    name_en: Mapped[str] = mapped_column()
    origin: Mapped[str] = mapped_column()


ROUGHLY = 0.005  # degrees: squares of some 500 m


def _shown(coordinate: str) -> str:
    return f"CASE WHEN coarse THEN (floor({coordinate} / {ROUGHLY}) + 0.5) * {ROUGHLY} ELSE {coordinate} END"


class Report(Base):
    """A citizen's report as it stands now. What it went through is in its events."""

    __tablename__ = "report"
    __table_args__ = (
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
        Index("report_place_idx", "latitude", "longitude"),
        Index(
            "report_public_place_idx", "public_latitude", "public_longitude",
            postgresql_where=text("published_at IS NOT NULL"),
        ),
        Index("report_unit_id_state_idx", "unit_id", "state"),
        Index("report_agency_id_state_idx", "agency_id", "state"),
        Index("report_change_idx", "change"),
        Index("report_changed_at_idx", "changed_at"),
        Index("report_state_idx", "state", postgresql_where=text("state IN ('approved', 'published')")),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="made by who sent it, so that sending again is harmless")
    number: Mapped[int] = mapped_column(
        BigInteger, Identity(), unique=True, comment="for people: what is said on the phone"
    )
    digest: Mapped[bytes] = mapped_column(comment="of what was sent but the contact, HMAC-SHA256 keyed with IOC_SECRET")
    source_id: Mapped[int] = mapped_column(ForeignKey(Source.id), index=True)
    subject: Mapped[bytes | None] = mapped_column(
        index=True, comment="the citizen as the app's back end names him, keyed hash; null: nobody in particular"
    )
    channel: Mapped[str] = mapped_column(comment="app, hotline, zalo, web, staff")
    category: Mapped[str] = mapped_column(comment="ReportCategory.code")
    urgency: Mapped[str] = mapped_column()
    unit_id: Mapped[int | None] = mapped_column(
        ForeignKey(Unit.id), comment="where it is; null: only an address so far"
    )
    agency_id: Mapped[int | None] = mapped_column(ForeignKey(Unit.id), comment="who must act; null: nobody yet")
    description: Mapped[str] = mapped_column()
    address: Mapped[str | None] = mapped_column()
    latitude: Mapped[float | None] = mapped_column(comment="WGS 84")
    longitude: Mapped[float | None] = mapped_column()
    coarse: Mapped[bool] = mapped_column(comment="the public sees the place only roughly")
    public_latitude: Mapped[float | None] = mapped_column(
        Computed(_shown("latitude"), persisted=True), comment="what the public sees, and by what it finds"
    )
    public_longitude: Mapped[float | None] = mapped_column(Computed(_shown("longitude"), persisted=True))
    visibility: Mapped[str] = mapped_column(comment="what the citizen wishes: public, withheld (identity), private")
    occurred_at: Mapped[Instant] = mapped_column()
    received_at: Mapped[Instant] = mapped_column()
    state: Mapped[str] = mapped_column(comment="app.reports.workflow.State: where the last event led")
    outcome: Mapped[str | None] = mapped_column(comment="app.reports.workflow.Outcome, of the last answer")
    reply: Mapped[str | None] = mapped_column(comment="the last answer in words")
    intake_due_at: Mapped[Instant] = mapped_column()
    intake_measure: Mapped[str] = mapped_column(comment="of the target at that time: how a pause is counted")
    handling_due_at: Mapped[Instant | None] = mapped_column(comment="null: not accepted yet")
    handling_measure: Mapped[str | None] = mapped_column()
    published_at: Mapped[Instant | None] = mapped_column(comment="since when the public sees it; null: it does not")
    withdrawn_at: Mapped[Instant | None] = mapped_column(
        comment="since when the public sees it no longer; null: it never was withdrawn, or is back"
    )
    followers: Mapped[int] = mapped_column(
        server_default=text("0"), comment="how many rows of report_follower there are"
    )
    follow_up: Mapped[bytes | None] = mapped_column(
        index=True, comment="of the token of who sent it without a name, keyed hash; null: there is none"
    )
    duplicate_of: Mapped[UUID | None] = mapped_column(ForeignKey("report.id"), index=True)
    change: Mapped[int] = mapped_column(BigInteger, comment="number in the change feed when it was last touched")
    changed_at: Mapped[Instant] = mapped_column()


class Reporter(Base):
    """Who reported, apart from what: encrypted under a data key of its own (`app.reports.identity`)."""

    __tablename__ = "reporter"

    report_id: Mapped[UUID] = mapped_column(ForeignKey(Report.id), primary_key=True)
    key_id: Mapped[str] = mapped_column(comment="of the key-encryption key")
    wrapped_key: Mapped[bytes | None] = mapped_column(comment="null: erased, nobody can read it any more")
    ciphertext: Mapped[bytes] = mapped_column()
    phone_index: Mapped[bytes | None] = mapped_column(index=True, comment="blind: the same for the same telephone")
    email_index: Mapped[bytes | None] = mapped_column(index=True)
    erased_at: Mapped[Instant | None] = mapped_column()


class ReportPhoto(Base):
    """A photo of a report; its pictures are in the photo store, named by the hash of what was sent."""

    __tablename__ = "report_photo"

    report_id: Mapped[UUID] = mapped_column(ForeignKey(Report.id), primary_key=True)
    number: Mapped[int] = mapped_column(
        SmallInteger, primary_key=True, autoincrement=False, comment="as its sender counts"
    )
    kind: Mapped[str] = mapped_column(comment="before (the citizen's), after (the agency's)")
    size: Mapped[int] = mapped_column(comment="bytes, as sent")
    sha256: Mapped[str] = mapped_column(index=True, comment="of what was sent")
    fingerprint: Mapped[int] = mapped_column(BigInteger, comment="app.reports.photos: alike in few different bits")
    width: Mapped[int] = mapped_column()
    height: Mapped[int] = mapped_column()
    taken_at: Mapped[Instant | None] = mapped_column()
    heading: Mapped[Decimal | None] = mapped_column(comment="where the camera looked, degrees from north")
    received_at: Mapped[Instant] = mapped_column()


class PhotoPiece(Base):
    """Bytes of a photo that is still under way."""

    __tablename__ = "photo_piece"

    report_id: Mapped[UUID] = mapped_column(ForeignKey(Report.id), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    start: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(comment="of the whole photo")
    content: Mapped[bytes] = mapped_column()
    received_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())


class PhotoUnderway(Base):
    """A photo whose files are put where photos are kept, before a report shows it. After some days it is one of a report, or nobody's."""

    __tablename__ = "photo_underway"

    sha256: Mapped[str] = mapped_column(primary_key=True, comment="of what was sent")
    since: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp(), comment="when it was last begun")


class ReportEvent(Base):
    """One move of a report: who, when, from where to where, why. Appended, never changed."""

    __tablename__ = "report_event"
    __table_args__ = (
        Index("report_event_at_idx", "at"),
        Index("report_event_answer_idx", "at", postgresql_where=text("to_state = 'resolved'")),
        Index("report_event_agency_id_idx", "agency_id", postgresql_where=text("agency_id IS NOT NULL")),
        Index("report_event_unit_id_idx", "unit_id", postgresql_where=text("unit_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    report_id: Mapped[UUID] = mapped_column(ForeignKey(Report.id), index=True)
    at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str] = mapped_column(comment="app.reports.workflow.Actor")
    key_prefix: Mapped[str | None] = mapped_column(comment="which API key; null: the hub itself")
    person: Mapped[str | None] = mapped_column(comment="who of the staff, as their system says")
    from_state: Mapped[str | None] = mapped_column(comment="null: the report came in")
    to_state: Mapped[str] = mapped_column()
    reason: Mapped[str | None] = mapped_column()
    rejection: Mapped[str | None] = mapped_column()
    outcome: Mapped[str | None] = mapped_column()
    reply: Mapped[str | None] = mapped_column()
    agency_id: Mapped[int | None] = mapped_column(ForeignKey(Unit.id))
    unit_id: Mapped[int | None] = mapped_column(
        ForeignKey(Unit.id), comment="where it was taken to be until the move; null: there it stayed"
    )
    intake_due_at: Mapped[Instant] = mapped_column(comment="what was promised after the move")
    handling_due_at: Mapped[Instant | None] = mapped_column()


class ReportFollower(Base):
    """Who wants to know what becomes of somebody else's report, instead of sending it again."""

    __tablename__ = "report_follower"

    report_id: Mapped[UUID] = mapped_column(ForeignKey(Report.id), primary_key=True)
    subject: Mapped[bytes] = mapped_column(primary_key=True, index=True, comment="as in report: keyed hash")
    followed_at: Mapped[Instant] = mapped_column()


class ReportRating(Base):
    """What who sent a report thinks of the answer of a round."""

    __tablename__ = "report_rating"
    __table_args__ = (CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),)

    report_id: Mapped[UUID] = mapped_column(ForeignKey(Report.id), primary_key=True)
    round: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, comment="from 1")
    stars: Mapped[int] = mapped_column(SmallInteger)
    words: Mapped[str | None] = mapped_column()
    rated_at: Mapped[Instant] = mapped_column(comment="when it was given, or last changed")


class ReportComment(Base):
    """What was said about a report beside its moves."""

    __tablename__ = "report_comment"
    __table_args__ = (Index("report_comment_report_id_number_idx", "report_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="made by who sent it, so that sending again is harmless")
    number: Mapped[int] = mapped_column(BigInteger, Identity(), comment="their order")
    report_id: Mapped[UUID] = mapped_column(ForeignKey(Report.id))
    digest: Mapped[bytes] = mapped_column(comment="of what was sent, keyed")
    at: Mapped[Instant] = mapped_column()
    actor: Mapped[str] = mapped_column(comment="citizen, moderator, agency")
    own: Mapped[bool] = mapped_column(comment="by who sent the report")
    key_prefix: Mapped[str | None] = mapped_column(comment="which API key; null: by the token of the report")
    person: Mapped[str | None] = mapped_column(comment="who of the staff, as their system says")
    internal: Mapped[bool] = mapped_column(comment="for the staff concerned only")
    words: Mapped[str] = mapped_column()
    shown_at: Mapped[Instant | None] = mapped_column(comment="since when the public may read it; null: it may not")


class ReportMark(Base):
    """A report that has changed since the figures of a unit were counted (`app.reports.counting`). Appended, and taken away when they are."""

    __tablename__ = "report_mark"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    report_id: Mapped[UUID] = mapped_column()
    unit_id: Mapped[int] = mapped_column(comment="where it is, or was until then")
    throughout: Mapped[bool] = mapped_column(
        comment="it came to the unit or left it: all days since it came in are others"
    )
