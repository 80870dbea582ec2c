"""Each process's copy of the catalogue: how it is read, and when it is read again."""

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.catalogue import Catalogue, Domain, Edge, Indicator, Source, Succession, Tree, Unit
from app.changes import latest_change
from app.errors import Text
from app.periods import midnight


class CatalogueCache:
    """One process's copy, replaced when the change counter says so."""

    def __init__(self, copy: Catalogue | None = None) -> None:
        self._copy = copy
        self._reading = asyncio.Lock()

    @property
    def latest(self) -> Catalogue | None:
        """The copy as it is: for who finds out in its own transaction whether it is still right."""
        return self._copy

    def forget(self) -> None:
        self._copy = None

    async def current(self, session: AsyncSession) -> Catalogue:
        """The catalogue as this transaction sees it."""
        version = await latest_change(session, "catalogue")
        if self._copy is not None and self._copy.version == version:
            return self._copy
        async with self._reading:  # after a change all requests miss at once; one reads, the others wait for its copy
            if self._copy is None or self._copy.version != version:
                before = self._copy
                copy = await load_catalogue(session, version, before)
                if before is not None and before.version > version:
                    return copy  # an older transaction is still entitled to its older catalogue
                self._copy = copy
                if before is None or copy.units is not before.units:
                    # A hundred thousand objects that stay: the garbage collector need not walk them again and again. What was
                    # frozen by accident the last time is looked at once more.
                    gc.unfreeze()
                    gc.collect()
                    gc.freeze()
            return self._copy


async def load_catalogue(session: AsyncSession, version: int, before: Catalogue | None = None) -> Catalogue:
    """Read all of it. The units of the whole country take some hundred milliseconds; unchanged they are those of `before`."""
    units_version = await latest_change(session, "units")
    # What refers is read before what it refers to: outside a snapshot, what others commit in between must not be missing.
    if before is not None and before.units_version == units_version:
        country = _Country(before.units, before.edges, before.successions, before.units_by_code, before.tree)
    else:
        country = await _load_country(session)
    indicator = models.Indicator.__table__
    indicator_rows = (await session.execute(select(indicator).order_by(indicator.c.code.collate("C")))).all()
    domains = {
        row.id: Domain(row.id, row.code, Text(row.name_vi, row.name_en), row.position, row.active)
        for row in await session.scalars(select(models.Domain).order_by(models.Domain.position))
    }
    indicators = [
        Indicator(
            id=row.id,
            code=row.code,
            domain=domains[row.domain_id],
            name=Text(row.name_vi, row.name_en),
            measure=row.measure,
            periodicity=row.periodicity,
            over_time=row.over_time,
            over_units=row.over_units,
            numerator_id=row.numerator_id,
            denominator_id=row.denominator_id,
            direction=row.direction,
            public=row.public,
            origin=row.origin,
        )
        for row in indicator_rows
    ]
    sources = {
        row.id: Source(row.id, row.code, Text(row.name_vi, row.name_en), row.synthetic)
        for row in await session.execute(select(models.Source.__table__))
    }
    forgotten = select(models.Forgotten.before).where(models.Forgotten.what == "instants")
    return Catalogue(
        version=version,
        units_version=units_version,
        domains={domain.code: domain for domain in domains.values()},
        indicators={indicator.code: indicator for indicator in indicators},
        sources=sources,
        units=country.units,
        edges=country.edges,
        successions=country.successions,
        indicators_by_id={indicator.id: indicator for indicator in indicators},
        units_by_code=country.units_by_code,
        tree=country.tree,
        indicators_by_domain=Counter(indicator.domain.code for indicator in indicators),
        instants_since=await session.scalar(forgotten) or datetime.min,
    )


class _Country(NamedTuple):
    """All units there are and were, and who reports to whom."""

    units: Mapping[int, Unit]
    edges: Sequence[Edge]
    successions: Sequence[Succession]
    units_by_code: Mapping[str, Sequence[Unit]]
    tree: Tree


async def _load_country(session: AsyncSession) -> _Country:
    unit, edge, successor = models.Unit.__table__, models.UnitParent.__table__, models.UnitSuccessor.__table__
    edge_rows = (await session.execute(select(edge).order_by(edge.c.id))).all()
    successor_rows = (await session.execute(select(successor).order_by(successor.c.id))).all()
    unit_rows = await session.execute(
        select(unit).order_by(unit.c.code.collate("C"), unit.c.valid_from.asc().nulls_first())
    )
    units = {
        row.id: Unit(
            id=row.id,
            code=row.code,
            kind=sys.intern(row.kind),
            name=Text(row.name_vi, row.name_en),
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            latitude=row.latitude,
            longitude=row.longitude,
            start=_start(row.valid_from),
            end=_end(row.valid_to),
        )
        for row in unit_rows
    }
    by_code: dict[str, list[Unit]] = {}
    for one in units.values():
        by_code.setdefault(one.code, []).append(one)
    edges = [_edge(units[row.parent_id], units[row.child_id], row) for row in edge_rows]
    successions = [
        Succession(units[row.unit_id], units[row.successor_id], row.on_day, row.kind, row.divided)
        for row in successor_rows
    ]
    return _Country(units, edges, successions, by_code, Tree(one for one in edges if one.known(None)))


def _edge(parent: Unit, child: Unit, row: Row[Any]) -> Edge:
    """An edge lasts no longer than its ends: a unit that was closed later is not expected any more."""
    return Edge(
        parent=parent,
        child=child,
        start=max(_start(row.valid_from), parent.start, child.start),
        end=min(_end(row.valid_to), parent.end, child.end),
        recorded_at=row.recorded_at,
        superseded_at=row.superseded_at,
    )


@cache
def _start(day: date | None) -> datetime:
    return datetime.min if day is None else midnight(day)


@cache
def _end(day: date | None) -> datetime:
    return datetime.max if day is None else midnight(day)
