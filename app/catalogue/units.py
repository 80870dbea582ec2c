"""Add and change units: regions, agencies, sites, and whatever the country reorganises next."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.cache import load_catalogue
from app.catalogue.catalogue import ADMINISTRATIVE, Catalogue, Tree, Unit
from app.changes import announce
from app.errors import OutsideKeyUnits, PeriodConflict, Text, TreeConflict
from app.marks import Restated, mark_units
from app.periods import FIRST_YEAR, LAST_YEAR
from app.schemas.catalogue import LinkIn, UnitIn

TREE_LOCK = 720_723


@dataclass(frozen=True, slots=True)
class UnitsChanged:
    created: int
    changed: int
    unchanged: int


async def record_units(
    session: AsyncSession, units: Sequence[UnitIn], *, allowed: frozenset[int] | None = None
) -> UnitsChanged:
    """Add units or change those with the same (code, valid_from), with their places in the tree; all or none.

    Earlier edges are superseded, not deleted, so that `asOf` finds the tree of that time. `allowed`: the subtrees (unit ids) in
    which a key may do so; None for everywhere.

    Raises:
        PeriodConflict: a code would belong to two units on one day.
        UnknownUnit, UnitNotValid: a parent or member does not exist.
        TreeConflict: a unit below itself, or below two administrative units at once.
        OutsideKeyUnits: a place outside `allowed`.
    """
    # One writer at a time: whether the tree stays a tree cannot be seen by two who look at the same moment.
    await session.execute(select(func.pg_advisory_xact_lock(TREE_LOCK)))
    fresh: set[int] = set()
    changed: set[int] = set()
    touched: list[tuple[models.Unit, UnitIn]] = []
    with session.no_autoflush:
        for place, new in enumerate(units):
            row, is_new, is_changed = await _record_unit(session, new)
            touched.append((row, new))
            if is_new:
                fresh.add(place)
            elif is_changed:
                changed.add(place)
    try:
        await session.flush()
    except IntegrityError as error:
        raise PeriodConflict(value=_conflicting(error)) from error
    before = catalogue = await load_catalogue(session, -1)
    mine = None if allowed is None else _check_allowed(catalogue, touched, {touched[n][0].id for n in fresh}, allowed)
    for place, (row, new) in enumerate(touched):
        unit = catalogue.units[row.id]
        for links, of_child in ((new.parents, True), (new.members, False)):
            if links is not None and await _replace_edges(
                session, catalogue, unit, links, of_child=of_child, mine=mine
            ):
                changed.add(place)
    try:
        await session.flush()
    except IntegrityError as error:
        raise PeriodConflict(value=_conflicting(error)) from error
    catalogue = await load_catalogue(session, -1)
    for row, _ in touched:
        _check_tree(catalogue, catalogue.units[row.id])
    changed -= fresh
    if fresh or changed:
        moved = {touched[place][0].id for place in changed}
        await mark_units(session, _restated(before.tree, catalogue, moved))
        await announce(session, "units")
        await announce(session, "catalogue")
    return UnitsChanged(len(fresh), len(changed), len(units) - len(fresh) - len(changed))


def _restated(before: Tree, catalogue: Catalogue, changed: Set[int]) -> Iterator[Restated]:
    """Whose rollups a change of the tree makes stale: of the units that have other children, and of those around a unit that changed."""
    for unit in catalogue.units.values():
        was = {(edge.child.id, edge.start, edge.end) for edge in before.children(unit)}
        now = {(edge.child.id, edge.start, edge.end) for edge in catalogue.tree.children(unit)}
        if unit.id in changed or any(edge.child.id in changed for edge in catalogue.tree.children(unit)):
            days = [(datetime.min, datetime.max)]  # its own days may have changed, and with them what is expected of it
        else:
            days = [(start, end) for _, start, end in was ^ now]
        if days:
            # A year that a changed day lies in is another year now; and so is the week across its end.
            start = max(min(first for first, _ in days), datetime(FIRST_YEAR, 1, 1))
            end = min(max(last for _, last in days), datetime(LAST_YEAR, 12, 31))
            below = {
                key for tree in (before, catalogue.tree) for key in tree.subtree([unit], datetime.min, datetime.max)
            }
            yield Restated(
                unit.id, sorted(below), datetime(start.year, 1, 1) - _WEEK, datetime(end.year + 1, 1, 1) + _WEEK
            )


_WEEK = timedelta(days=7)


async def _record_unit(session: AsyncSession, new: UnitIn) -> tuple[models.Unit, bool, bool]:
    table = models.Unit
    present = (
        await session.scalars(
            select(table).where(table.code == new.code, table.valid_from.is_not_distinct_from(new.valid_from))
        )
    ).one_or_none()
    fields = {
        "kind": new.kind,
        "name_vi": new.name_vi,
        "name_en": new.name_en or new.name_vi,
        "valid_to": new.valid_to,
        "latitude": new.latitude,
        "longitude": new.longitude,
    }
    if present is None:
        row = table(code=new.code, valid_from=new.valid_from, **fields)
        session.add(row)
        return row, True, False
    # What is absent stays as it is: a file that adds a ward to a region must not wipe where the ward lies.
    given = new.model_fields_set | ({"name_en"} if new.name_en else set())
    changed = {name: value for name, value in fields.items() if name in given and getattr(present, name) != value}
    for name, value in changed.items():
        setattr(present, name, value)
    return present, False, bool(changed)


async def _replace_edges(
    session: AsyncSession,
    catalogue: Catalogue,
    unit: Unit,
    links: Sequence[LinkIn],
    *,
    of_child: bool,
    mine: Set[int] | None,
) -> bool:
    """Make these the unit's edges to parents (or to members); returns whether anything changed.

    Parents that are regions are added to those that the unit has; other parents take the place of the others. Who leaves a region is
    taken out of the region's members. `mine`: the units that a limited key may change; edges to others stay.
    """
    wanted: dict[tuple[int, date | None, date | None], None] = {}
    for link in links:
        other = _linked(catalogue, unit, link)
        if other is unit:
            raise TreeConflict(value=unit.code, why=_BELOW_ITSELF)
        start, end = (
            max(_early(link.valid_from), unit.start, other.start),
            min(_late(link.valid_to), unit.end, other.end),
        )
        if start >= end:
            why = Text(
                f"{other.address} không cùng thời gian hiệu lực", f"{other.address} is not valid at the same time"
            )
            raise TreeConflict(value=unit.code, why=why)
        wanted[other.id, _day(start), _day(end)] = None
    table = models.UnitParent
    this, others = (table.child_id, table.parent_id) if of_child else (table.parent_id, table.child_id)
    present = {
        (other, start, end): key
        for key, other, start, end in await session.execute(
            select(table.id, others, table.valid_from, table.valid_to).where(
                this == unit.id, table.superseded_at.is_(None)
            )
        )
    }
    gone = [key for edge, key in present.items() if edge not in wanted]
    if of_child:
        regions = {key for key, one in catalogue.units.items() if one.kind == "region"}
        only_regions = {other for other, _, _ in wanted} <= regions and bool(wanted)
        gone = (
            []
            if only_regions
            else [key for edge, key in present.items() if edge not in wanted and edge[0] not in regions]
        )
    if mine is not None:
        gone = [key for (other, _, _), key in present.items() if key in gone and other in mine]
    if gone:
        await session.execute(update(table).where(table.id.in_(gone)).values(superseded_at=func.clock_timestamp()))
    fresh = [edge for edge in wanted if edge not in present]
    for key, first, last in fresh:
        child, parent = (unit.id, key) if of_child else (key, unit.id)
        session.add(table(child_id=child, parent_id=parent, valid_from=first, valid_to=last))
    return bool(gone or fresh)


_BELOW_ITSELF = Text("nó sẽ nằm dưới chính nó", "it would be below itself")
_NOBODYS_CHILD = Text(
    "vùng không là con của đơn vị nào, nếu không số liệu bị tính hai lần",
    "a region is nobody's child, or its members would count twice",
)


def _linked(catalogue: Catalogue, unit: Unit, link: LinkIn) -> Unit:
    """The unit of a link: by its day, or else the latest of that code that lives at the same time."""
    start, end = max(_early(link.valid_from), unit.start), min(_late(link.valid_to), unit.end)
    return catalogue.require_units(link.unit, start, end, str(link.valid_from or unit.valid_from or "–"))[-1]


def _check_tree(catalogue: Catalogue, unit: Unit) -> None:
    """Refuse what would no longer be a tree, for the unit and all that is below it.

    Raises:
        TreeConflict: a unit below itself, a region below anything, or an ancestor that is reached by two ways at one time: what goes
            up would count twice there.
    """
    tree = catalogue.tree
    for one in tree.subtree([unit], datetime.min, datetime.max).values():
        if one.kind == "region" and tree.parents(one):
            raise TreeConflict(value=one.code, why=_NOBODYS_CHILD)
        _check_administrative(tree, one)
        ways: dict[int, list[tuple[datetime, datetime]]] = {}
        waiting = [(one, datetime.min, datetime.max)]
        while waiting:
            below, start, end = waiting.pop()
            for edge in tree.parents(below):
                since, until = max(start, edge.start), min(end, edge.end)
                if since >= until:
                    continue
                if edge.parent is one:
                    raise TreeConflict(value=one.code, why=_BELOW_ITSELF)
                earlier = ways.setdefault(edge.parent.id, [])
                if any(first < until and since < last for first, last in earlier):
                    raise TreeConflict(value=one.code, why=_twice(edge.parent))
                earlier.append((since, until))
                waiting.append((edge.parent, since, until))


def _twice(ancestor: Unit) -> Text:
    return Text(
        f"nó sẽ được tính hai lần ở {ancestor.address}, vì đến đó bằng hai đường",
        f"it would count twice in {ancestor.address}, which it reaches by two ways",
    )


def _check_administrative(tree: Tree, unit: Unit) -> None:
    edges = sorted(
        (edge for edge in tree.parents(unit) if edge.parent.kind in ADMINISTRATIVE), key=lambda edge: edge.start
    )
    for earlier, later in pairwise(edges):
        if later.start < earlier.end:
            both = (earlier.parent.address, later.parent.address)
            why = Text(
                f"{both[0]} và {both[1]} sẽ cùng là đơn vị hành chính cấp trên của nó",
                f"{both[0]} and {both[1]} would both be its administrative parent",
            )
            raise TreeConflict(value=unit.code, why=why)


def _check_allowed(
    catalogue: Catalogue, touched: Sequence[tuple[models.Unit, UnitIn]], fresh: set[int], allowed: frozenset[int]
) -> Set[int]:
    """Returns the units that a limited key may change: a key changes only what is below its units already, and ties new units only to those.

    Otherwise it could draw any unit into its own subtree, and with it the right to write that unit's readings; or take its
    own units out of the figures of those above.
    """
    roots = [catalogue.units[key] for key in sorted(allowed)]
    mine = catalogue.tree.subtree(roots, datetime.min, datetime.max).keys() | fresh
    scope = ", ".join(root.address for root in roots)
    for row, new in touched:
        unit = catalogue.units[row.id]
        if unit.id not in mine - allowed or (unit.id in fresh and not new.parents):
            raise OutsideKeyUnits(value=new.code, scope=scope)
        for link in [*(new.parents or ()), *(new.members or ())]:
            if _linked(catalogue, unit, link).id not in mine:
                raise OutsideKeyUnits(value=link.unit, scope=scope)
    return mine


def _conflicting(error: IntegrityError) -> str:
    """What Postgres says of the two rows; it names columns and values only."""
    detail = getattr(getattr(error.orig, "diag", None), "message_detail", None)
    return detail or "–"


def _early(day: date | None) -> datetime:
    return datetime.min if day is None else datetime(day.year, day.month, day.day)


def _late(day: date | None) -> datetime:
    return datetime.max if day is None else datetime(day.year, day.month, day.day)


def _day(moment: datetime) -> date | None:
    return None if moment in (datetime.min, datetime.max) else moment.date()
