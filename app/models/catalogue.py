"""Domains, indicators, units and their tree, targets: what figures are about."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Instant, LocalTime


class Domain(Base):
    """One of the fields an IOC watches (lĩnh vực, phân hệ). A row that an operator can switch off."""

    __tablename__ = "domain"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name_vi: Mapped[str] = mapped_column()
    name_en: Mapped[str] = mapped_column()
    position: Mapped[int] = mapped_column(comment="order on screens and in lists")
    active: Mapped[bool] = mapped_column(server_default=text("true"))


class Indicator(Base):
    """What is measured, and the two laws by which it adds up (chỉ tiêu)."""

    __tablename__ = "indicator"
    __table_args__ = (
        CheckConstraint(
            "(over_time = 'ratio') = (numerator_id IS NOT NULL) AND (over_time = 'ratio') = (denominator_id IS NOT NULL)"
            " AND (over_time = 'ratio') = (over_units = 'ratio')",
            name="ratio_parts",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    domain_id: Mapped[int] = mapped_column(ForeignKey(Domain.id), index=True)
    name_vi: Mapped[str] = mapped_column()
    name_en: Mapped[str] = mapped_column()
    measure: Mapped[str] = mapped_column(comment="unit of measure (UCUM where there is one); never called unit")
    periodicity: Mapped[str] = mapped_column(comment="grain of its readings: realtime, hourly ... yearly")
    over_time: Mapped[str] = mapped_column(comment="law along time")
    over_units: Mapped[str] = mapped_column(comment="law up the tree")
    numerator_id: Mapped[int | None] = mapped_column(ForeignKey("indicator.id"))
    denominator_id: Mapped[int | None] = mapped_column(ForeignKey("indicator.id"))
    direction: Mapped[str] = mapped_column(comment="up_good, down_good, neutral")
    public: Mapped[bool] = mapped_column(comment="readable without a key")
    origin: Mapped[str] = mapped_column(comment="where the definition comes from; [v] read, [m] memory, [i] inferred")


class Unit(Base):
    """A node of the reporting tree. (code, validity) is its identity for people: codes were reused in 2025."""

    __tablename__ = "unit"
    __table_args__ = (
        ExcludeConstraint(
            ("code", "="),
            (text("daterange(valid_from, valid_to)"), "&&"),
            name="unit_code_validity_excl",
            using="gist",
        ),
        CheckConstraint("valid_from < valid_to", name="validity"),
        Index("unit_code_idx", "code"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column()
    kind: Mapped[str] = mapped_column(comment="province, district, commune, region, agency, site")
    name_vi: Mapped[str] = mapped_column()
    name_en: Mapped[str] = mapped_column()
    valid_from: Mapped[date | None] = mapped_column(comment="first day; null: since before our records")
    valid_to: Mapped[date | None] = mapped_column(comment="first day on which it is no more; null: still valid")
    latitude: Mapped[float | None] = mapped_column()
    longitude: Mapped[float | None] = mapped_column()


class UnitParent(Base):
    """An edge of the tree, valid for some days (`valid_*`) and known for some time (`recorded_at` to `superseded_at`)."""

    __tablename__ = "unit_parent"
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="validity"),
        CheckConstraint("child_id <> parent_id", name="not_itself"),
        ExcludeConstraint(
            ("child_id", "="),
            ("parent_id", "="),
            (text("daterange(valid_from, valid_to)"), "&&"),
            name="unit_parent_validity_excl",
            using="gist",
            where=text("superseded_at IS NULL"),
        ),
        Index("unit_parent_parent_id_idx", "parent_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    child_id: Mapped[int] = mapped_column(ForeignKey(Unit.id))
    parent_id: Mapped[int] = mapped_column(ForeignKey(Unit.id))
    valid_from: Mapped[date | None] = mapped_column()
    valid_to: Mapped[date | None] = mapped_column()
    recorded_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
    superseded_at: Mapped[Instant | None] = mapped_column()


class UnitSuccessor(Base):
    """What became of a unit: the units that took over its land or its name on a day."""

    __tablename__ = "unit_successor"
    __table_args__ = (UniqueConstraint("unit_id", "successor_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey(Unit.id))
    successor_id: Mapped[int] = mapped_column(ForeignKey(Unit.id), index=True)
    on_day: Mapped[date] = mapped_column()
    kind: Mapped[str] = mapped_column(comment="rename, merge, split, transfer")
    divided: Mapped[bool] = mapped_column(
        comment="the successor has only a part of it: a restated series is an estimate"
    )


class Target(Base):
    """What should be: one setter's value for an indicator, a unit and a period. Several may stand side by side."""

    __tablename__ = "target"
    __table_args__ = (
        Index(
            "target_current_key",
            "indicator_id", "unit_id", "grain", "period_start", "setter",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    indicator_id: Mapped[int] = mapped_column(ForeignKey(Indicator.id))
    unit_id: Mapped[int] = mapped_column(ForeignKey(Unit.id))
    grain: Mapped[int] = mapped_column(comment="periods.Grain")
    period_start: Mapped[LocalTime] = mapped_column(comment="local calendar")
    value: Mapped[Decimal | None] = mapped_column(comment="null: taken back")
    setter: Mapped[str] = mapped_column(comment="who set it: the province, the district ...")
    document: Mapped[str | None] = mapped_column(comment="number of the decision or plan")
    on_track_pct: Mapped[Decimal] = mapped_column()
    at_risk_pct: Mapped[Decimal] = mapped_column()
    recorded_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
    superseded_at: Mapped[Instant | None] = mapped_column()
