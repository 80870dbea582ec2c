"""The catalogue in memory: what there is to measure, and who reports to whom.

It is small (a thousand indicators, fourteen thousand units), read by every request and seldom changed, so each process keeps an
immutable copy and asks the change counter whether it is still the newest. Times of validity are held as naive local
midnights, `[start, end)`, open ends as `datetime.min` and `datetime.max`.
"""

import difflib
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from itertools import islice

from app.errors import Text, UnitNotValid, UnknownDomain, UnknownIndicator, UnknownUnit
from app.periods import Grain, PeriodError, count_base_periods, midnight, parse_period

BASE_GRAIN: Mapping[str, Grain] = {
    # A realtime indicator has instants; what adds up is their hour.
    "realtime": Grain.hour,
    "hourly": Grain.hour,
    "daily": Grain.day,
    "weekly": Grain.week,
    "monthly": Grain.month,
    "quarterly": Grain.quarter,
    "yearly": Grain.year,
}
ADMINISTRATIVE = frozenset({"province", "district", "commune"})


@lru_cache(maxsize=32_768)  # all names of the country, once somebody searches
def fold(text: str) -> str:
    """Lower case without Vietnamese accents, for search: "Bến Cát" and "ben cat" are the same."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


@dataclass(frozen=True, slots=True)
class Domain:
    id: int
    code: str
    name: Text
    position: int
    active: bool


@dataclass(frozen=True, slots=True)
class Source:
    id: int
    code: str
    name: Text
    synthetic: bool


@dataclass(frozen=True, slots=True)
class Indicator:
    id: int
    code: str
    domain: Domain
    name: Text
    measure: str
    periodicity: str
    over_time: str
    over_units: str
    numerator_id: int | None
    denominator_id: int | None
    direction: str
    public: bool
    origin: str

    @property
    def search(self) -> str:
        return fold(f"{self.code} {self.name.vi} {self.name.en}")

    @property
    def base(self) -> Grain:
        return BASE_GRAIN[self.periodicity]

    @property
    def finest(self) -> Grain:
        """The finest grain in which readings may come."""
        return Grain.instant if self.periodicity == "realtime" else self.base

    @property
    def factor(self) -> int:
        """What a ratio is multiplied by, so that it is in its measure."""
        return _FACTORS.get(self.measure, 1)

    @property
    def counts(self) -> bool:
        """Whether it counts things one by one: its figures are whole numbers from zero up."""
        return self.measure in COUNTED and self.over_units == "sum"


# Not among them: points, days and nights, of which there are halves.
COUNTED = frozenset(
    {
        "accounts", "admissions", "agencies", "alerts", "articles", "attacks", "beds", "boards", "calls", "cameras",
        "cards", "cases", "certificates", "classes", "clusters", "codes", "communes", "cooperatives", "criteria",
        "customers", "datasets", "documents", "doses", "dossiers", "drills", "enterprises", "establishments",
        "events", "facilities", "farms", "fields", "files", "groups", "hamlets", "heads", "hospitals", "households",
        "houses", "hydrants", "incidents", "indicators", "inspections", "installs", "intersections", "invoices",
        "items", "jobs", "libraries", "licences", "lights", "machines", "markets", "masts", "medals", "meetings",
        "mentions", "modules", "outbreaks", "packages", "parcels", "parks", "passengers", "patrols", "permits",
        "persons", "petitions", "procedures", "products", "profiles", "projects", "records", "reports", "rooms",
        "schools", "sellers", "sessions", "signals", "signatures", "sites", "spaces", "stations", "subscribers",
        "systems", "targets", "tasks", "teams", "tickets", "titles", "transactions", "trees", "units", "vehicles",
        "visitors", "visits", "votes", "vulnerabilities", "works",
    }
)  # fmt: skip
_FACTORS = {"%": 100, "per_1000_persons": 1_000, "per_10k_persons": 10_000, "per_100k_persons": 100_000}


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    id: int
    code: str
    kind: str
    name: Text
    valid_from: date | None
    valid_to: date | None
    latitude: float | None
    longitude: float | None
    start: datetime
    end: datetime

    @property
    def search(self) -> str:
        return fold(f"{self.code} {self.name.vi} {self.name.en}")

    @property
    def address(self) -> str:
        """An address that stays right when the code is used again: `code@day`."""
        return f"{self.code}@{self.valid_from}" if self.valid_from else f"{self.code}@{date(1900, 1, 1)}"

    def valid_at(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def validity(self) -> Text:
        match self.valid_from, self.valid_to:
            case None, None:
                return Text("luôn luôn", "always")
            case None, until:
                return Text(f"trước {until}", f"before {until}")
            case since, None:
                return Text(f"từ {since}", f"since {since}")
            case since, until:
                return Text(f"từ {since} đến trước {until}", f"from {since} until before {until}")


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """`child` reports to `parent` during `[start, end)`."""

    parent: Unit
    child: Unit
    start: datetime
    end: datetime
    recorded_at: datetime
    superseded_at: datetime | None

    @property
    def valid_from(self) -> date | None:
        return None if self.start == datetime.min else self.start.date()

    @property
    def valid_to(self) -> date | None:
        return None if self.end == datetime.max else self.end.date()

    def known(self, as_of: datetime | None) -> bool:
        if as_of is None:
            return self.superseded_at is None
        return self.recorded_at <= as_of and (self.superseded_at is None or self.superseded_at > as_of)


@dataclass(frozen=True, slots=True, eq=False)
class Succession:
    unit: Unit
    successor: Unit
    on: date
    kind: str
    divided: bool


class Tree:
    """Who reports to whom, as known at one moment."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._silent: dict[tuple[int, int, Grain], int] = {}
        self._above: dict[int, frozenset[int]] = {}
        self._heights: dict[int, int] = {}
        self._children: dict[int, list[Edge]] = {}
        self._parents: dict[int, list[Edge]] = {}
        for edge in edges:
            self._children.setdefault(edge.parent.id, []).append(edge)
            self._parents.setdefault(edge.child.id, []).append(edge)
        self.turns = sorted(  # the moments at which the tree changes
            {
                moment
                for edges in self._children.values()
                for edge in edges
                for moment in (edge.start, edge.end, edge.child.start, edge.child.end)
            }
        )

    def epoch(self, start: datetime, end: datetime) -> int | None:
        """Which stretch between two turns holds `[start, end)`; None when the tree changes inside."""
        turn = bisect_right(self.turns, start)
        return turn if turn == bisect_left(self.turns, end) else None

    def parent_ids(self, unit_id: int) -> Iterable[int]:
        """The units above one at any time."""
        return (edge.parent.id for edge in self._parents.get(unit_id, ()))

    def above(self, unit_id: int) -> frozenset[int]:
        """All units above one, directly or not, at any time."""
        if (found := self._above.get(unit_id)) is None:
            found = frozenset().union(*({parent} | self.above(parent) for parent in self.parent_ids(unit_id)))
            self._above[unit_id] = found
        return found

    def height(self, unit_id: int) -> int:
        """The longest way down to a unit without children; a parent is always higher than its children."""
        if (height := self._heights.get(unit_id)) is None:
            below = [self.height(edge.child.id) for edge in self._children.get(unit_id, ())]
            height = self._heights[unit_id] = 1 + max(below, default=-1)
        return height

    def children(self, unit: Unit) -> Sequence[Edge]:
        return self._children.get(unit.id, ())

    def parents(self, unit: Unit) -> Sequence[Edge]:
        return self._parents.get(unit.id, ())

    def children_in(self, unit: Unit, start: datetime, end: datetime) -> list[Unit]:
        """The children at some time in `[start, end)`, in the order of their codes, each once."""
        found = {edge.child.id: edge.child for edge in self.children(unit) if edge.start < end and start < edge.end}
        return sorted(found.values(), key=lambda child: (child.code, child.start))

    def edges_in(
        self, unit: Unit, start: datetime, end: datetime, *, at_end: bool
    ) -> Iterator[tuple[Edge, datetime, datetime]]:
        """The children that count in `[start, end)`, each with the part of it in which it is a child.

        `at_end`: only those that are still children at the end. A stock is that of the end: units that left before are not in it,
        their successors are.
        """
        for edge in self.children(unit):
            since, until = max(start, edge.start), min(end, edge.end)
            if since < until and (until == end or not at_end):
                yield edge, since, until

    def silent(self, base: Grain, unit: Unit, start: datetime, end: datetime, *, at_end: bool) -> int:
        """How many reporters are expected where nobody reported: the communes, not each camera. At least one."""
        epoch = self.epoch(start, end) if count_base_periods(base, start, end) else None
        key = None if epoch is None else (unit.id, epoch, base)
        if key is not None and key in self._silent:  # the tree does not change between two turns
            return self._silent[key]
        leaves = sum(
            self.silent(base, edge.child, since, until, at_end=at_end)
            for edge, since, until in self.edges_in(unit, start, end, at_end=at_end)
            if edge.child.kind in ADMINISTRATIVE and count_base_periods(base, since, until)
        )
        if key is not None:
            self._silent[key] = leaves or 1
        return leaves or 1

    def subtree(self, units: Iterable[Unit], start: datetime, end: datetime) -> dict[int, Unit]:
        """The units and all that reported to them, directly or not, at some time in `[start, end)`."""
        found: dict[int, Unit] = {}
        waiting = list(units)
        while waiting:
            unit = waiting.pop()
            if unit.id not in found:
                found[unit.id] = unit
                waiting.extend(self.children_in(unit, start, end))
        return found


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Everything, at the version of the change counter at which it was read."""

    version: int
    units_version: int  # of the last change of a unit, or of its place in the tree
    domains: Mapping[str, Domain]
    indicators: Mapping[str, Indicator]
    sources: Mapping[int, Source]
    units: Mapping[int, Unit]
    edges: Sequence[Edge]
    successions: Sequence[Succession]
    indicators_by_id: Mapping[int, Indicator]
    units_by_code: Mapping[str, Sequence[Unit]]
    tree: Tree
    indicators_by_domain: Mapping[str, int]
    # Local time. Instants from before it were forgotten (app.readings.retention); only their hours are known.
    instants_since: datetime

    @cached_property
    def parent_ids(self) -> frozenset[int]:
        """The units that have children, or had some by an edge that was superseded."""
        return frozenset(edge.parent.id for edge in self.edges)

    @cached_property
    def edges_below(self) -> Mapping[int, Sequence[Edge]]:
        """Of each unit all edges to children that were ever recorded, those that were superseded too."""
        found: dict[int, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.parent.id, []).append(edge)
        return found

    @cached_property
    def predecessors(self) -> Mapping[int, Sequence[Succession]]:
        """By the unit that came after."""
        found: dict[int, list[Succession]] = {}
        for one in self.successions:
            found.setdefault(one.successor.id, []).append(one)
        return found

    @cached_property
    def _settled(self) -> datetime:
        """Since when nothing has been recorded about the tree."""
        moments = (moment for edge in self.edges for moment in (edge.recorded_at, edge.superseded_at))
        return max((moment for moment in moments if moment is not None), default=datetime.min.replace(tzinfo=UTC))

    @cached_property
    def synthetic(self) -> frozenset[int]:
        """The sources whose figures are made up."""
        return frozenset(key for key, source in self.sources.items() if source.synthetic)

    @cached_property
    def counting(self) -> frozenset[int]:
        """The indicators that count things one by one."""
        return frozenset(key for key, one in self.indicators_by_id.items() if one.counts)

    @cached_property
    def _trees(self) -> dict[datetime, Tree]:
        """Those of earlier times that were asked for last: one answer needs the same several times."""
        return {}

    def tree_as_of(self, as_of: datetime | None) -> Tree:
        if as_of is None or as_of >= self._settled:
            return self.tree
        if (tree := self._trees.get(as_of)) is None:
            tree = Tree(edge for edge in self.edges if edge.known(as_of))
            while len(self._trees) >= _MOST_TREES:
                self._trees.pop(next(iter(self._trees)), None)
            self._trees[as_of] = tree
        return tree

    def require_domain(self, code: str) -> Domain:
        if (domain := self.domains.get(code)) is None:
            raise UnknownDomain(value=code, nearest=", ".join(self.domains))
        return domain

    def require_indicator(self, code: str) -> Indicator:
        if (indicator := self.indicators.get(code)) is None:
            raise UnknownIndicator(value=code, nearest=self.nearest_indicators(code))
        return indicator

    def parts_of(self, indicator: Indicator) -> tuple[Indicator, ...]:
        """Numerator and denominator of a ratio; of others nothing."""
        if indicator.numerator_id is None or indicator.denominator_id is None:
            return ()
        return self.indicators_by_id[indicator.numerator_id], self.indicators_by_id[indicator.denominator_id]

    def units_at(self, address: str, start: datetime, end: datetime) -> list[Unit]:
        """The units that `code`, or `code@2024-10-05`, means at some time in `[start, end)`, earliest first."""
        code, _, day = address.partition("@")
        if day:
            try:
                start = parse_period(day, UTC).start
            except PeriodError:
                return []
            return [unit for unit in self.units_by_code.get(code, ()) if unit.valid_at(start)]
        return [unit for unit in self.units_by_code.get(code, ()) if unit.start < end and start < unit.end]

    def require_units(self, address: str, start: datetime, end: datetime, when: str) -> list[Unit]:
        """Like `units_at`, but never empty.

        Raises:
            UnknownUnit: no unit ever had the code.
            UnitNotValid: one had it at another time; the message says when.
        """
        if not (units := self.units_at(address, start, end)):
            self.refuse_unit(address, when)
        return units

    def require_unit(self, address: str, on: date | None, today: date) -> Unit:
        """The unit on a day; without one, today's unit of this code or else the last one that had it."""
        if on is not None:
            return self.require_units(address, midnight(on), midnight(on).replace(hour=1), str(on))[0]
        now = midnight(today)
        if current := self.units_at(address, now, now.replace(hour=1)):
            return current[0]
        return self.require_units(address, datetime.min, datetime.max, str(today))[-1]

    def refuse_unit(self, address: str, when: str) -> None:
        code = address.partition("@")[0]
        if known := self.units_by_code.get(code):
            raise UnitNotValid(
                value=address, when=when, validity=self.validity_of(known), successors=self.successors_of(known)
            )
        raise UnknownUnit(value=address, nearest=self.nearest_units(address))

    def validity_of(self, units: Sequence[Unit]) -> Text:
        return Text(
            "; ".join(f"{unit.name.vi} {unit.validity.vi}" for unit in units),
            "; ".join(f"{unit.name.en} {unit.validity.en}" for unit in units),
        )

    def successors_of(self, units: Sequence[Unit]) -> Text:
        """What became of units, as addresses with names."""
        found = [one.successor for one in self.successions if one.unit in units]
        return Text(
            ", ".join(f"{unit.code} {unit.name.vi}" for unit in found[:12]) or "–",
            ", ".join(f"{unit.code} {unit.name.en}" for unit in found[:12]) or "–",
        )

    def nearest_indicators(self, code: str) -> Text:
        """Which codes may have been meant."""
        return _nearest(code, self.indicators, lambda one: Text(one, one), FIND_INDICATOR)

    def nearest_units(self, address: str) -> Text:
        """Which codes may have been meant, with the names: those of units are mere numbers."""
        return _nearest(address.partition("@")[0], self.units_by_code, self._called, FIND_UNIT)

    def _called(self, code: str) -> Text:
        name = self.units_by_code[code][-1].name
        return Text(f"{code} ({name.vi})", f"{code} ({name.en})")

    def search_units(
        self, *, on: date, parent: Unit | None, kind: str | None, words: str, after: str, limit: int
    ) -> list[Unit]:
        """Units valid on a day, by code; `words` are searched in code and names without accents."""
        moment = midnight(on)
        needles = fold(words).split()
        if parent is None:
            candidates: Iterable[Unit] = (unit for _, units in self._units_in_order for unit in units)
        else:
            candidates = self.tree.children_in(parent, moment, moment.replace(hour=1))
        matching = (
            unit
            for unit in candidates
            if unit.code > after
            and unit.valid_at(moment)
            and (kind is None or unit.kind == kind)
            and all(needle in unit.search for needle in needles)
        )
        return list(islice(matching, limit))

    @property
    def _units_in_order(self) -> Iterable[tuple[str, Sequence[Unit]]]:
        return self.units_by_code.items()  # loaded in the order of the codes

    def search_indicators(self, *, domain: Domain | None, words: str, after: str, limit: int) -> list[Indicator]:
        """Indicators by code; those of a domain that is switched off only when that domain is asked for."""
        needles = fold(words).split()
        matching = (
            indicator
            for indicator in self.indicators.values()  # loaded in the order of the codes
            if indicator.code > after
            and (indicator.domain.active if domain is None else indicator.domain is domain)
            and all(needle in indicator.search for needle in needles)
        )
        return list(islice(matching, limit))


_MOST_TREES = 4


# What is said where no code is like it, or too many have been looked for.
FIND_INDICATOR = Text("Tìm mã bằng /v1/indicators?q=", "Find the code with /v1/indicators?q=")
FIND_UNIT = Text("Tìm mã bằng /v1/units?q=", "Find the code with /v1/units?q=")


def _nearest(code: str, codes: Iterable[str], called: Callable[[str], Text], instead: Text) -> Text:
    """It takes some ten milliseconds."""
    near = difflib.get_close_matches(code, codes, n=3, cutoff=0.5) if len(code) <= 100 else []
    if not near:
        return instead
    words = [called(one) for one in near]
    return Text(f"Gần nhất: {', '.join(one.vi for one in words)}", f"Nearest: {', '.join(one.en for one in words)}")
