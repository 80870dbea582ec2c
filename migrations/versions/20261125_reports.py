"""reports: citizens' field reports, the rules by which they are promised an answer, and notices to citizens"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calendar_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("works_like", sa.SmallInteger(), nullable=True, comment="the weekday whose shifts it has; null: off"),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("calendar_day_pkey")),
    )
    op.create_table(
        "report_category",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="order in lists"),
        sa.Column(
            "urgency", sa.Text(), nullable=False, comment="urgent, normal, complex (khẩn, bình thường, phức tạp)"
        ),
        sa.Column("public", sa.Boolean(), nullable=False, comment="reports of it may be published"),
        sa.Column("coarse", sa.Boolean(), nullable=False, comment="the public sees the place only roughly"),
        sa.Column("active", sa.Boolean(), nullable=False, comment="false: from this day on no new ones"),
        sa.Column("origin", sa.Text(), nullable=False, comment="where the row comes from"),
        sa.PrimaryKeyConstraint("code", "valid_from", name=op.f("report_category_pkey")),
    )
    op.create_table(
        "report_target",
        sa.Column("step", sa.Text(), nullable=False, comment="intake, handling, reopening"),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False, comment="code; '' is any without a row of its own"),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False, comment="minutes (of the clock), working-hours, working-days"),
        sa.Column("extensions", sa.SmallInteger(), nullable=False, comment="how many times it may be extended"),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("step", "urgency", "category", "valid_from", name=op.f("report_target_pkey")),
    )
    op.create_table(
        "shift",
        sa.Column("weekday", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Monday is 0"),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("hours", postgresql.ARRAY(sa.Text()), nullable=False, comment="such as 07:30-11:30; none: a day off"),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("weekday", "valid_from", name=op.f("shift_pkey")),
    )
    op.create_table(
        "report",
        sa.Column("id", sa.Uuid(), nullable=False, comment="made by who sent it, so that sending again is harmless"),
        sa.Column(
            "number",
            sa.BigInteger(),
            sa.Identity(always=False),
            nullable=False,
            comment="for people: what is said on the phone",
        ),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="of what was sent but the contact, HMAC-SHA256 keyed with IOC_SECRET",
        ),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column(
            "subject",
            sa.LargeBinary(),
            nullable=True,
            comment="the citizen as the app's back end names him, keyed hash; null: nobody in particular",
        ),
        sa.Column("channel", sa.Text(), nullable=False, comment="app, hotline, zalo, web, staff"),
        sa.Column("category", sa.Text(), nullable=False, comment="ReportCategory.code"),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True, comment="where it is; null: only an address so far"),
        sa.Column("agency_id", sa.Integer(), nullable=True, comment="who must act; null: nobody yet"),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True, comment="WGS 84"),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("coarse", sa.Boolean(), nullable=False, comment="the public sees the place only roughly"),
        sa.Column(
            "public_latitude",
            sa.Double(),
            sa.Computed(
                "CASE WHEN coarse THEN (floor(latitude / 0.005) + 0.5) * 0.005 ELSE latitude END", persisted=True
            ),
            nullable=True,
            comment="what the public sees, and by what it finds",
        ),
        sa.Column(
            "public_longitude",
            sa.Double(),
            sa.Computed(
                "CASE WHEN coarse THEN (floor(longitude / 0.005) + 0.5) * 0.005 ELSE longitude END", persisted=True
            ),
            nullable=True,
        ),
        sa.Column(
            "visibility",
            sa.Text(),
            nullable=False,
            comment="what the citizen wishes: public, withheld (identity), private",
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="app.reports.workflow.State: where the last event led"),
        sa.Column("outcome", sa.Text(), nullable=True, comment="app.reports.workflow.Outcome, of the last answer"),
        sa.Column("reply", sa.Text(), nullable=True, comment="the last answer in words"),
        sa.Column("intake_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "intake_measure", sa.Text(), nullable=False, comment="of the target at that time: how a pause is counted"
        ),
        sa.Column("handling_due_at", sa.DateTime(timezone=True), nullable=True, comment="null: not accepted yet"),
        sa.Column("handling_measure", sa.Text(), nullable=True),
        sa.Column(
            "published_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="since when the public sees it; null: it does not",
        ),
        sa.Column(
            "withdrawn_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="since when the public sees it no longer; null: it never was withdrawn, or is back",
        ),
        sa.Column(
            "followers",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="how many rows of report_follower there are",
        ),
        sa.Column(
            "follow_up",
            sa.LargeBinary(),
            nullable=True,
            comment="of the token of who sent it without a name, keyed hash; null: there is none",
        ),
        sa.Column("duplicate_of", sa.Uuid(), nullable=True),
        sa.Column(
            "change", sa.BigInteger(), nullable=False, comment="number in the change feed when it was last touched"
        ),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name=op.f("report_point_check")),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("report_agency_id_fkey")),
        sa.ForeignKeyConstraint(["duplicate_of"], ["report.id"], name=op.f("report_duplicate_of_fkey")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("report_source_id_fkey")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("report_unit_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("report_pkey")),
        sa.UniqueConstraint("number", name=op.f("report_number_key")),
    )
    op.create_index("report_agency_id_state_idx", "report", ["agency_id", "state"], unique=False)
    op.create_index("report_change_idx", "report", ["change"], unique=False)
    op.create_index("report_changed_at_idx", "report", ["changed_at"], unique=False)
    op.create_index(op.f("report_follow_up_idx"), "report", ["follow_up"], unique=False)
    op.create_index(
        "report_state_idx",
        "report",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state IN ('approved', 'published')"),
    )
    op.create_index(op.f("report_duplicate_of_idx"), "report", ["duplicate_of"], unique=False)
    op.create_index("report_place_idx", "report", ["latitude", "longitude"], unique=False)
    op.create_index(
        "report_public_place_idx",
        "report",
        ["public_latitude", "public_longitude"],
        unique=False,
        postgresql_where=sa.text("published_at IS NOT NULL"),
    )
    op.create_index(op.f("report_source_id_idx"), "report", ["source_id"], unique=False)
    op.create_index(op.f("report_subject_idx"), "report", ["subject"], unique=False)
    op.create_index("report_unit_id_state_idx", "report", ["unit_id", "state"], unique=False)
    op.create_table(
        "report_route",
        sa.Column("category", sa.Text(), nullable=False, comment="code; '' is any"),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("agency_id", sa.Integer(), nullable=True, comment="null: the route has ended"),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("report_route_agency_id_fkey")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("report_route_unit_id_fkey")),
        sa.PrimaryKeyConstraint("category", "unit_id", "valid_from", name=op.f("report_route_pkey")),
    )
    op.create_index(op.f("report_route_agency_id_idx"), "report_route", ["agency_id"], unique=False)
    op.create_table(
        "photo_piece",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False, comment="of the whole photo"),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("photo_piece_report_id_fkey")),
        sa.PrimaryKeyConstraint("report_id", "number", "start", name=op.f("photo_piece_pkey")),
    )
    op.create_table(
        "photo_underway",
        sa.Column("sha256", sa.Text(), nullable=False, comment="of what was sent"),
        sa.Column(
            "since",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="when it was last begun",
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("photo_underway_pkey")),
    )
    op.create_table(
        "report_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="app.reports.workflow.Actor"),
        sa.Column("key_prefix", sa.Text(), nullable=True, comment="which API key; null: the hub itself"),
        sa.Column("person", sa.Text(), nullable=True, comment="who of the staff, as their system says"),
        sa.Column("from_state", sa.Text(), nullable=True, comment="null: the report came in"),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("rejection", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("agency_id", sa.Integer(), nullable=True),
        sa.Column(
            "unit_id",
            sa.Integer(),
            nullable=True,
            comment="where it was taken to be until the move; null: there it stayed",
        ),
        sa.Column(
            "intake_due_at", sa.DateTime(timezone=True), nullable=False, comment="what was promised after the move"
        ),
        sa.Column("handling_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("report_event_agency_id_fkey")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("report_event_report_id_fkey")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("report_event_unit_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("report_event_pkey")),
    )
    op.create_index(
        "report_event_answer_idx",
        "report_event",
        ["at"],
        unique=False,
        postgresql_where=sa.text("to_state = 'resolved'"),
    )
    op.create_index(
        "report_event_agency_id_idx",
        "report_event",
        ["agency_id"],
        unique=False,
        postgresql_where=sa.text("agency_id IS NOT NULL"),
    )
    op.create_index(
        "report_event_unit_id_idx",
        "report_event",
        ["unit_id"],
        unique=False,
        postgresql_where=sa.text("unit_id IS NOT NULL"),
    )
    op.create_index("report_event_at_idx", "report_event", ["at"], unique=False)
    op.create_index(op.f("report_event_report_id_idx"), "report_event", ["report_id"], unique=False)
    op.create_table(
        "report_mark",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False, comment="where it is, or was until then"),
        sa.Column(
            "throughout",
            sa.Boolean(),
            nullable=False,
            comment="it came to the unit or left it: all days since it came in are others",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("report_mark_pkey")),
    )
    op.create_table(
        "report_photo",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), autoincrement=False, nullable=False, comment="as its sender counts"),
        sa.Column("kind", sa.Text(), nullable=False, comment="before (the citizen's), after (the agency's)"),
        sa.Column("size", sa.Integer(), nullable=False, comment="bytes, as sent"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of what was sent"),
        sa.Column(
            "fingerprint", sa.BigInteger(), nullable=False, comment="app.reports.photos: alike in few different bits"
        ),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heading", sa.Numeric(), nullable=True, comment="where the camera looked, degrees from north"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("report_photo_report_id_fkey")),
        sa.PrimaryKeyConstraint("report_id", "number", name=op.f("report_photo_pkey")),
    )
    op.create_index(op.f("report_photo_sha256_idx"), "report_photo", ["sha256"], unique=False)
    op.create_table(
        "reporter",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False, comment="of the key-encryption key"),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True, comment="null: erased, nobody can read it any more"),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True, comment="blind: the same for the same telephone"),
        sa.Column("email_index", sa.LargeBinary(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("reporter_report_id_fkey")),
        sa.PrimaryKeyConstraint("report_id", name=op.f("reporter_pkey")),
    )
    op.create_index(op.f("reporter_email_index_idx"), "reporter", ["email_index"], unique=False)
    op.create_index(op.f("reporter_phone_index_idx"), "reporter", ["phone_index"], unique=False)
    op.create_table(
        "report_follower",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False, comment="as in report: keyed hash"),
        sa.Column("followed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("report_follower_report_id_fkey")),
        sa.PrimaryKeyConstraint("report_id", "subject", name=op.f("report_follower_pkey")),
    )
    op.create_index(op.f("report_follower_subject_idx"), "report_follower", ["subject"], unique=False)
    op.create_table(
        "report_rating",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.SmallInteger(), autoincrement=False, nullable=False, comment="from 1"),
        sa.Column("stars", sa.SmallInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False, comment="when it was given, or last changed"),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("report_rating_stars_check")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("report_rating_report_id_fkey")),
        sa.PrimaryKeyConstraint("report_id", "round", name=op.f("report_rating_pkey")),
    )
    op.create_table(
        "report_comment",
        sa.Column("id", sa.Uuid(), nullable=False, comment="made by who sent it, so that sending again is harmless"),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="their order"),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="of what was sent, keyed"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="citizen, moderator, agency"),
        sa.Column("own", sa.Boolean(), nullable=False, comment="by who sent the report"),
        sa.Column("key_prefix", sa.Text(), nullable=True, comment="which API key; null: by the token of the report"),
        sa.Column("person", sa.Text(), nullable=True, comment="who of the staff, as their system says"),
        sa.Column("internal", sa.Boolean(), nullable=False, comment="for the staff concerned only"),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column(
            "shown_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="since when the public may read it; null: it may not",
        ),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("report_comment_report_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("report_comment_pkey")),
    )
    op.create_index("report_comment_report_id_number_idx", "report_comment", ["report_id", "number"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.Uuid(), nullable=False, comment="made by who wrote it, so that sending again is harmless"),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("title_vi", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("body_vi", sa.Text(), nullable=False),
        sa.Column("body_en", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True, comment="null: until it is taken away"),
        sa.Column("source_id", sa.Integer(), nullable=False, comment="whose key wrote it last"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("notice_source_id_fkey")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("notice_unit_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("notice_pkey")),
    )
    op.create_index(op.f("notice_unit_id_idx"), "notice", ["unit_id"], unique=False)
    op.add_column(
        "webhook",
        sa.Column(
            "unit_ids",
            postgresql.ARRAY(sa.Integer()),
            nullable=True,
            comment="of reports it wants, and all below; null: of all",
        ),
    )
    op.add_column(
        "webhook",
        sa.Column(
            "categories",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="ReportCategory.code of reports it wants; null: all",
        ),
    )


def downgrade() -> None:
    op.drop_column("webhook", "categories")
    op.drop_column("webhook", "unit_ids")
    for table in (
        "notice", "report_mark", "report_comment", "report_rating", "report_follower",
        "report_event", "reporter", "report_photo", "photo_underway", "photo_piece", "report", "calendar_day", "shift", "report_route", "report_target",
        "report_category",
    ):  # fmt: skip
        op.drop_table(table)
