"""The indicators that reports are counted by (`report.*`): those of the catalogue, some of the hub's own, a few for each category."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.reference import load_indicators
from app.changes import announce
from app.readings.seed import NewSource, require_source
from app.reports.rules import data_rows

SOURCE = NewSource("ioc-hub.reports", "Trung tâm dữ liệu đếm từ phản ánh", "Counted by the hub from reports")
WEB = NewSource("ioc-hub.web", "Trang phản ánh của trung tâm dữ liệu", "The hub's own page for reports")

RECEIVED, PROCESSING, LATE = "report.received", "report.processing", "report.processing_late"  # of each hour
MEDIAN = "handling_time_median"  # of each day and month; it adds up to nothing
# Of each day; what each of them counts: `app.reports.counting`.
DAILY = (
    "received.app", "received.hotline", "received.zalo", "received.web", "received.anonymous", "refused", "assigned", "resolved",
    "resolved_ontime", "resolved_late", "handling_hours", "returned", "extended", "reopened", "published", "rated",
    "rated_satisfied", "rating_points",
)  # fmt: skip
# The mean of a day in a commune, where there was any; it goes up as the catalogue says, by the mean of the communes.
INTAKE_TIME, PROCESSING_TIME = "intake_time", "processing_time"
# The same of one category, after its own; "" is how many came in.
OF_CATEGORY = ("", ".resolved", ".resolved_ontime")


def of_category(code: str) -> str:
    """How the indicators of a category begin, after `report.`: those of the catalogue write urban_order, the rules urban-order."""
    return f"category.{code.replace('-', '_')}"


@cache
def groups() -> Mapping[str, Sequence[str]]:
    """The indicators of the catalogue that several categories count for, or one of another name, by the code of the category."""
    found: dict[str, list[str]] = {}
    for row in data_rows("groups.csv"):
        found.setdefault(row["category"], []).append(f"category.{row['indicator']}")
    return found


async def prepare_counting(session: AsyncSession) -> int:
    """Make the sources and indicators that counting needs and that are not there yet; returns how many indicators were made.

    What there is stays as it is: an operator may have given it other names.
    """
    for source in (SOURCE, WEB):
        await require_source(session, source)
    known = set(await session.scalars(select(models.Indicator.code)))
    if not known:  # a hub without a catalogue
        return 0
    newest = select(models.ReportCategory).order_by(models.ReportCategory.code, models.ReportCategory.valid_from)
    categories = {row.code: row for row in await session.scalars(newest)}
    shipped = data_rows("indicators.csv")
    rows = shipped + [row for one in categories.values() for row in rows_of_category(one, shipped[0])]
    missing = [row for row in rows if row["code"] not in known]
    if missing:
        await load_indicators(session, missing, lambda *_: None)
        await announce(session, "catalogue")
    return len(missing)


def rows_of_category(category: models.ReportCategory, like: dict[str, str]) -> Iterator[dict[str, str]]:
    """Its indicators, as in a CSV; `like`: a row of which the rest is taken."""
    code, vi, en = f"report.{of_category(category.code)}", category.name_vi, category.name_en
    said: Iterable[tuple[str, str, str, str, str, str]] = (
        ("", "Số phản ánh", "Reports", "reports", "sum", "neutral"),
        (".resolved", "Số phản ánh đã xử lý", "Reports resolved", "reports", "sum", "up_good"),
        (".resolved_ontime", "Số phản ánh xử lý đúng hạn", "Reports resolved on time", "reports", "sum", "up_good"),
        (".ontime_rate", "Tỷ lệ phản ánh xử lý đúng hạn", "Report on-time rate", "%", "ratio", "up_good"),
        (f".{MEDIAN}", "Thời gian xử lý (trung vị)", "Time that a report took, median", "h", "none", "down_good"),
    )
    for suffix, name_vi, name_en, measure, law, direction in said:
        parts = {"numerator": f"{code}.resolved_ontime", "denominator": f"{code}.resolved"}
        yield like | {
            "code": f"{code}{suffix}", "name_vi": f"{name_vi} lĩnh vực {vi}", "name_en": f"{name_en}: {en}", "measure": measure,
            "over_time": law, "over_units": law, "direction": direction,
            **(parts if law == "ratio" else dict.fromkeys(parts, "")),
        }  # fmt: skip
