"""The figures of the five founding articles, as readings of one source per article: what a user sees first is true."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.auth import Caller
from app.catalogue.cache import load_catalogue
from app.catalogue.reference import data_rows
from app.catalogue.units import record_units
from app.changes import announce
from app.readings.batch import Row, Rows
from app.readings.ingest import record_readings
from app.schemas.catalogue import LinkIn, UnitIn
from app.settings import Settings

# As printed in the file's last column; the dates are those of publication, or of the figures.
ARTICLES = {
    "Dầu Tiếng, 29-11-2024": ("bao-dau-tieng-2024", "Bài báo về huyện Dầu Tiếng, 29/11/2024", "Article on Dau Tieng district, 29 Nov 2024"),
    "Bến Cát, figures to 30-09-2024": ("bao-ben-cat-2024", "Bài báo về thành phố Bến Cát, số liệu đến 30/9/2024", "Article on Ben Cat city, figures to 30 Sep 2024"),
    "Bình Dương, 14-01-2023": ("bao-binh-duong-2023", "Bài báo về tỉnh Bình Dương, 14/1/2023", "Article on Binh Duong province, 14 Jan 2023"),
    "Châu Đức, 29-12-2022": ("bao-chau-duc-2022", "Bài báo về huyện Châu Đức, 29/12/2022", "Article on Chau Duc district, 29 Dec 2022"),
    "Đạ Tẻh, 21-03-2023": ("bao-da-teh-2023", "Bài báo về huyện Đạ Tẻh, 21/3/2023", "Article on Da Teh district, 21 Mar 2023"),
}  # fmt: skip
QUALIFIERS = {"exact": None, "about": "khoảng (about)", "over": "trên (over)", "under": "dưới (under)"}


@dataclass(frozen=True, slots=True)
class NewSource:
    code: str
    name_vi: str
    name_en: str
    synthetic: bool = False


async def require_source(session: AsyncSession, new: NewSource) -> models.Source:
    """The source with this code, made when there is none."""
    made = await session.execute(
        insert(models.Source)
        .values(code=new.code, name_vi=new.name_vi, name_en=new.name_en, synthetic=new.synthetic)
        .on_conflict_do_nothing()
        .returning(models.Source.id)
    )
    if made.first() is not None:
        await announce(session, "catalogue")
    return (await session.scalars(select(models.Source).where(models.Source.code == new.code))).one()


def operator_of(source: models.Source) -> Caller:
    """The operator, loading on behalf of a source: everything is allowed."""
    return Caller(None, source.id, source.code, frozenset({"readings:write"}), None, None)


# Bến Cát the city ended with the districts on 30 June 2025; its operations centre lives on over the wards that succeed it.
BEN_CAT_SUCCESSORS = ("25768", "25813", "25837", "25840", "25843", "25846", "25849")
BEN_CAT = UnitIn(
    code="bencat",
    kind="region",
    name_vi="Vùng Bến Cát (7 phường kế thừa)",
    name_en="Ben Cat region (7 successor wards)",
    valid_from=date(2025, 7, 1),
    members=[LinkIn(unit=f"{code}@2025-07-01") for code in BEN_CAT_SUCCESSORS],
)


async def load_seed_figures(session: AsyncSession, settings: Settings, now: datetime) -> int:
    """Also makes the region `bencat`. Returns how many figures were new; loading them again changes nothing."""
    created = 0
    await record_units(session, [BEN_CAT])
    rows = data_rows("seed_figures.csv")
    sources = {
        article: await require_source(session, NewSource(*ARTICLES[article]))
        for article in dict.fromkeys(row["article"] for row in rows)
    }
    catalogue = await load_catalogue(session, -1)
    for article, source in sources.items():
        readings = [
            Row(
                indicator=row["indicator"],
                unit=row["unit"],
                period=row["period"],
                value=Decimal(row["value"]),
                status=row["status"],  # type: ignore[arg-type]
                note=QUALIFIERS[row["qualifier"]],
            )
            for row in rows
            if row["article"] == article
        ]
        batch = Rows.of(readings, tabular=True)
        receipt = await record_readings(
            session, operator_of(source), catalogue, batch, partial=False, now=now, settings=settings
        )
        created += receipt.created
    return created
