"""`ioc-hub`: the verbs of whoever runs the hub."""

import asyncio
import contextlib
import errno
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app import auth, models, serving
from app.catalogue.access import addresses_of
from app.catalogue.reference import INDICATOR_COLUMNS, FileError, file_rows, is_loaded, load_indicators, load_reference
from app.catalogue.unit_files import read_units
from app.catalogue.units import record_units
from app.changes import announce
from app.displays import add_display, revoke_display
from app.embedded import EmbeddedError, EmbeddedPostgres
from app.errors import HubError, NotValid
from app.hub import Hub, hub_of
from app.logs import configure_logs
from app.main import create_app
from app.migrate import migrate as apply_migrations
from app.mistakes import row_error
from app.page import Page
from app.readings.demo import load_demo, remove_demo
from app.readings.seed import NewSource, load_seed_figures, require_source
from app.reports.counting import catch_up_counting, mark_all
from app.reports.demo import feed_demo_reports, remove_demo_reports
from app.reports.identity import Contact, identity_keys
from app.reports.indicators import prepare_counting
from app.reports.reporters import erase_reporters
from app.reports.rules import load_starting_rules
from app.rollups.rebuild import catch_up, rebuild
from app.rollups.verify import Report
from app.rollups.verify import verify as verify_rollups
from app.schemas.displays import DisplayIn
from app.screens.definitions import load_presets
from app.settings import Settings, SettingsError, load_settings
from app.worker import run_loops

app = typer.Typer(
    help="IOC Hub: KPI readings in, exact aggregates out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
load_verbs = typer.Typer(help="Load the catalogue, the articles' figures, the demo.", no_args_is_help=True)
key_verbs = typer.Typer(help="API keys of the systems that send readings.", no_args_is_help=True)
app.add_typer(load_verbs, name="load")
display_verbs = typer.Typer(help="Walls that look without anybody logging in.", no_args_is_help=True)
report_verbs = typer.Typer(help="Citizens' field reports.", no_args_is_help=True)
rollup_verbs = typer.Typer(help="What the readings add up to.", no_args_is_help=True)
app.add_typer(key_verbs, name="key")
app.add_typer(display_verbs, name="display")
app.add_typer(report_verbs, name="reports")
app.add_typer(rollup_verbs, name="rollups")

console = Console(stderr=True)
out = Console(width=None if sys.stdout.isatty() else 240)  # a table into a file or a pipe is not cut

DataDir = Annotated[
    Path | None, typer.Option("--data", help="Folder of the embedded Postgres (IOC_DATA_DIR).", envvar=[])
]


class Refusal(Exception):
    """One or more sentences for the operator; the exit code is 1."""


def main() -> None:
    """Entry point: mistakes of the operator are sentences, not tracebacks."""
    try:
        app(standalone_mode=True)
    except (Refusal, SettingsError, EmbeddedError, FileError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        sys.exit(1)
    except HubError as error:
        sentences = [one.detail("en") for one in error.errors] or [error.detail("en")]
        console.print("\n".join(sentences), style="red", markup=False, highlight=False)
        sys.exit(1)
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        console.print(f"The database cannot be reached: {reason}", style="red", markup=False, highlight=False)
        sys.exit(1)


@contextlib.contextmanager
def own_database_of(settings: Settings) -> Iterator[str]:
    """The URL of the database; the embedded one is this process's alone.

    Raises:
        EmbeddedError: another hub runs on the folder.
    """
    if settings.database_url is not None:
        yield settings.database_url
    else:
        embedded = EmbeddedPostgres(settings.data_dir)
        with embedded as url, embedded.kept_running():
            yield url


@contextlib.contextmanager
def database_of(settings: Settings, *, migrated: bool = True, made: bool = False) -> Iterator[str]:
    """The URL of the database: the given one, or the embedded one (started here when no running hub has it).

    Only `made` lets it be made: a mistyped folder must not become an empty hub.
    """
    if settings.database_url is None and not made and not (settings.data_dir / "postgres").exists():
        raise Refusal(f"There is no hub in {settings.data_dir.absolute()}; see --data and IOC_DATA_DIR.")
    running = None if settings.database_url else EmbeddedPostgres(settings.data_dir).running_url()
    if running is not None:
        yield running
        return
    with own_database_of(settings) as url:
        if migrated:
            apply_migrations(url)
        yield url


# --- running ---


@app.command()
def up(
    data: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to serve on (IOC_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on (IOC_PORT); 0 takes a free one.")] = None,
    demo: Annotated[
        bool | None, typer.Option("--demo/--no-demo", help="Load and feed the synthetic demo (IOC_DEMO).")
    ] = None,
) -> None:
    """Start everything: Postgres, migrations, reference data (once), the server. Ctrl-C stops it; the data stays."""
    settings = load_settings(data_dir=data, host=host, port=port, demo=demo)
    configure_logs(settings.log_level)
    _stop_on_sigterm()
    taken = take_port(settings)
    with own_database_of(settings) as url:
        apply_migrations(url)
        asyncio.run(_load_once(settings, url))
        hub = _address(settings, taken.getsockname()[1])
        if settings.database_url is None:  # else the folder need not be there
            _address_file(settings).write_text(hub, encoding="utf-8")
        serving.serve(settings, url, taken, ready=partial(_greet, hub))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to serve on (IOC_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on (IOC_PORT).")] = None,
) -> None:
    """Serve only, on a database that is migrated and loaded already (containers, several machines)."""
    settings = load_settings(host=host, port=port)
    configure_logs(settings.log_level)
    _stop_on_sigterm()
    taken = take_port(settings)
    with database_of(settings, migrated=False) as url:
        serving.serve(settings, url, taken)


@app.command()
def worker() -> None:
    """Run the background loops as a process of their own (start the servers with IOC_WORKER=false)."""
    settings = load_settings()
    configure_logs(settings.log_level)

    async def run(url: str) -> None:
        async with hub_of(settings, url) as hub:
            loops = asyncio.ensure_future(run_loops(hub))
            console.print("The background loops run; Ctrl-C stops them.")
            for name in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(name, loops.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await loops

    with database_of(settings, migrated=False) as url:
        asyncio.run(run(url))


def take_port(settings: Settings) -> socket.socket:
    """Take the port before anything is started: a port in use is a sentence at once, not a traceback at the end."""
    patience = time.monotonic() + 3  # the processes of a hub that was killed need a moment to notice
    while True:
        try:
            return serving.take_port(settings.host, settings.port, settings.processes)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < patience:
                time.sleep(0.1)
                continue
            raise Refusal(
                f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}); is the hub running already? "
                f"Choose another one with --port."
            ) from error


def _stop_on_sigterm() -> None:
    """SIGTERM ends this process as Ctrl-C does: block by block, the embedded Postgres last."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _greet(hub: str) -> None:
    figure = "/v1/aggregates?indicator=digital.task.done&unit=721&grain=quarter&from=2024-Q3&to=2024-Q3"
    wall = (
        f"{hub}/screens/tong-quan"
        if Page().is_built
        else "not built here; `make page` tries again and says what is missing"
    )
    lines = (
        f"\nIOC Hub serves on {hub}   (Ctrl-C stops it, the data stays)",
        f"  the wall        {wall}",
        f"  documentation   {hub}/docs",
        f"  a real figure   {hub}{figure}",
        "  a key to write  .venv/bin/ioc-hub key create --source my-clinic --scope readings:write --units 25813 --domains health\n",
    )
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _address(settings: Settings, port: int) -> str:
    shown = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 (only compared with)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _address_file(settings: Settings) -> Path:
    return settings.data_dir / "address"


def _known_address(settings: Settings) -> str:
    """Where the hub of this folder was last started, which may have been with --port; else where it would serve."""
    known = _address_file(settings)
    if settings.database_url is None and known.exists():
        return known.read_text(encoding="utf-8")
    return _address(settings, settings.port)


async def _load_once(settings: Settings, url: str) -> None:
    async with hub_of(settings, url) as hub:
        async with hub.database.write_session() as session:
            loaded = await is_loaded(session)
            if not loaded:
                with progress_bars({"indicators": 1056, "units": 42_263}) as progress:
                    await load_reference(session, progress)
                await load_seed_figures(session, settings, hub.now())
        async with hub.database.write_session() as session:
            await load_starting_rules(session)
            await prepare_counting(session)
            await load_presets(session, await hub.catalogues.current(session), settings)
        came = settings.demo and await _load_demo_once(hub)
        if came or not loaded:  # a first look at the walls must not find them empty; what senders left is the worker's
            await _roll_up(hub)


async def _load_demo_once(hub: Hub) -> bool:
    """Whether it was not there."""
    async with hub.database.write_session() as session:
        known = (await session.scalars(select(models.Source).where(models.Source.code == "demo"))).first()
        if known is None:
            with progress_bars({"demo": 200_000}) as progress:
                await load_demo(session, hub.settings, hub.now(), progress)
    await feed_demo_reports(hub)
    return known is None


async def _roll_up(hub: Hub) -> None:
    await catch_up_counting(hub)
    async with hub.database.read_session() as session:
        stale = await session.scalar(select(func.count()).select_from(models.StaleMark)) or 0
    if stale:
        with progress_bars({"rollups": stale}) as progress:
            await catch_up(hub, lambda marks: progress("rollups", marks))


@contextlib.contextmanager
def progress_bars(totals: dict[str, int]) -> Iterator[Callable[[str, int], None]]:
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {name: bars.add_task(name, total=total) for name, total in totals.items()}
        yield lambda name, count: bars.advance(tasks[name], count)
        for task in tasks.values():
            bars.update(task, total=bars.tasks[task].completed)


# --- operating ---


@app.command()
def migrate(data: DataDir = None) -> None:
    """Bring the schema of the database up to this version."""
    settings = load_settings(data_dir=data)
    with database_of(settings, migrated=False, made=True) as url:
        console.print("migrated" if apply_migrations(url) else "nothing to migrate")


@app.command()
def openapi(
    check: Annotated[bool, typer.Option("--check", help="Fail when the file differs from the code.")] = False,
    path: Annotated[Path, typer.Argument(help="Where the description is kept.")] = Path("openapi/openapi.json"),
) -> None:
    """Write the description of the API, or check that the committed one is right."""
    described = (
        orjson.dumps(create_app(Settings()).openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    )
    if not check:
        path.write_bytes(described)
    elif not path.exists() or path.read_bytes() != described:
        raise Refusal(f"{path} is not what the code says; run make openapi and read the difference.")


@app.command()
def verify(
    sample: Annotated[
        int | None, typer.Option(min=1, help="Only so many rollups, and so many that readings call for; by chance.")
    ] = None,
    data: DataDir = None,
) -> None:
    """Prove that every rollup is what its readings say. The exit code is 1 when one is not; a running hub may be written to."""
    settings = load_settings(data_dir=data)

    async def run(url: str) -> Report:
        async with hub_of(settings, url) as hub, hub.database.read_session() as session:
            catalogue = await hub.catalogues.current(session)
            kept_since = await session.scalar(
                select(models.Forgotten.before).where(models.Forgotten.what == "instants")
            )
            name, total = ("indicators", len(catalogue.indicators)) if sample is None else ("cells", 2 * sample)
            with progress_bars({name: total}) as progress:
                return await verify_rollups(
                    session, catalogue, sample=sample, instants_since=kept_since,
                    progress=lambda count: progress(name, count),
                )  # fmt: skip

    with database_of(settings) as url:
        report = asyncio.run(run(url))
    if report.differences:
        table = Table("indicator", "unit", "bucket", "the hub has", "the readings say")
        for one in report.differences:
            table.add_row(one.indicator, one.unit, one.bucket, str(one.hub or "no row"), str(one.readings or "no row"))
        out.print(table)
    summary = f"{report.checked:,} rollups checked, {report.differing:,} of them are not what the readings say"
    waiting = f"; {report.waiting:,} left out that wait to be added up again" if report.waiting else ""
    console.print(summary + waiting, highlight=False)
    if report.differing:
        raise typer.Exit(1)


def _with_session(data: Path | None, deed: Callable[[Any, Hub], Any], *, made: bool = False) -> Any:
    settings = load_settings(data_dir=data)

    async def run(url: str) -> Any:
        async with hub_of(settings, url) as hub, hub.database.write_session() as session:
            return await deed(session, hub)

    with database_of(settings, made=made) as url:
        return asyncio.run(run(url))


@load_verbs.command("reference")
def load_reference_verb(data: DataDir = None) -> None:
    """The starting catalogue, the units of Việt Nam and the articles' figures, into an empty hub."""

    async def deed(session: Any, hub: Hub) -> None:
        if await is_loaded(session):
            raise Refusal("The catalogue is loaded already; use load indicators FILE and load units FILE to change it.")
        with progress_bars({"indicators": 1056, "units": 42_263}) as progress:
            await load_reference(session, progress)
        await load_seed_figures(session, hub.settings, hub.now())

    _with_session(data, deed, made=True)


@load_verbs.command("indicators")
def load_indicators_verb(file: Path, data: DataDir = None) -> None:
    """Add or change domains and indicators from a CSV with the columns of app/catalogue/data/indicators.csv."""
    rows = file_rows(file, INDICATOR_COLUMNS)

    async def deed(session: Any, _: Hub) -> None:
        with progress_bars({"indicators": len(rows)}) as progress:
            await load_indicators(session, rows, progress)
        await announce(session, "catalogue")

    _with_session(data, deed)


@load_verbs.command("units")
def load_units_verb(file: Path, data: DataDir = None) -> None:
    """Add or change units from a CSV: code, kind, name_vi; optional name_en, valid_from, valid_to, latitude, longitude, parents, members
    (addresses with spaces between). What is absent stays as it is; regions among the parents are added."""
    units = read_units(file)
    changed = _with_session(data, lambda session, _: record_units(session, units))
    console.print(f"{changed.created} created, {changed.changed} changed, {changed.unchanged} unchanged")


@load_verbs.command("demo")
def load_demo_verb(
    remove: Annotated[bool, typer.Option("--remove", help="Take it away; start with --no-demo from then on.")] = False,
    data: DataDir = None,
) -> None:
    """The synthetic source: this year and last for the seven wards of Bến Cát, marked synthetic everywhere."""

    async def deed(session: Any, hub: Hub) -> None:
        if remove:
            reports = await remove_demo_reports(session)
            console.print(
                f"{await remove_demo(session)} synthetic readings and {reports} reports are gone; start with --no-demo or IOC_DEMO=false"
            )
            return
        with progress_bars({"demo": 200_000}) as progress:
            await load_demo(session, hub.settings, hub.now(), progress)

    _with_session(data, deed)


# --- rollups ---


@rollup_verbs.command("rebuild")
def rebuild_verb(
    indicator: Annotated[list[str] | None, typer.Option(help="Only this indicator; repeat it. Default all.")] = None,
    data: DataDir = None,
) -> None:
    """Compute all rollups again from the readings, while the hub serves. It is never needed, unless verify says so."""
    settings = load_settings(data_dir=data)

    async def run(url: str) -> int:
        async with hub_of(settings, url) as hub:
            async with hub.database.read_session() as session:
                catalogue = await hub.catalogues.current(session)
            wanted = (
                [catalogue.require_indicator(code) for code in indicator]
                if indicator
                else catalogue.indicators.values()
            )
            ids = [one.id for one in wanted if one.over_time != "ratio"]
            with progress_bars({"indicators": len(ids)}) as progress:
                return await rebuild(hub, ids, lambda: progress("indicators", 1))

    with database_of(settings) as url:
        console.print(f"{asyncio.run(run(url))} marks rolled up")


# --- keys ---


def _list(texts: list[str] | None) -> list[str] | None:
    """An option that is repeated, or has commas, or both. None: it was not given."""
    return [part.strip() for part in ",".join(texts).split(",") if part.strip()] if texts else None


def _code(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise typer.BadParameter("letters, digits, . _ and - only, at most 64")
    return text


@key_verbs.command("create")
def create_key_verb(
    source: Annotated[
        str, typer.Option(callback=_code, help="Code of the source that the key speaks for; made when it is new.")
    ],
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(auth.SCOPES)}; repeat it.")],
    units: Annotated[
        list[str] | None, typer.Option(help="Units (code or code@day) whose subtrees it may write; default all.")
    ] = None,
    domains: Annotated[
        list[str] | None, typer.Option(help="Domains it may write, and read where not public; default all.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of a new source.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="Days until it expires; default never.")] = None,
    data: DataDir = None,
) -> None:
    """Make an API key. It is printed once, alone on stdout, and can never be shown again."""
    if wrong := [one for one in scope if one not in auth.SCOPES]:
        raise Refusal(f"'{wrong[0]}' is not a scope; there are {', '.join(auth.SCOPES)}.")

    async def deed(session: Any, hub: Hub) -> str:
        catalogue = await hub.catalogues.current(session)
        today = hub.now().date()
        unit_ids = [catalogue.require_unit(one, None, today).id for one in _list(units) or []] if units else None
        codes = [catalogue.require_domain(one).code for one in _list(domains) or []] if domains else None
        row = await require_source(session, NewSource(source, name or source, name or source))
        expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
        return await auth.create_key(
            session, row, scopes=scope, unit_ids=unit_ids, domains=codes, expires_at=expires_at, pepper=hub.pepper
        )

    key = _with_session(data, deed)
    console.print("Keep it safe; it is not shown again:")
    out.print(key, markup=False, highlight=False)


def _told(moments: Iterable[datetime | None], zone: tzinfo) -> list[str]:
    """Moments for a list, on the clock of the hub, whose offset stands beside them."""
    local = (None if moment is None else moment.astimezone(zone) for moment in moments)
    return ["–" if moment is None else moment.isoformat(" ", "minutes") for moment in local]


@key_verbs.command("list")
def list_keys_verb(data: DataDir = None) -> None:
    """All keys: whose, what for, when last used."""

    async def deed(session: Any, hub: Hub) -> list[Any]:
        catalogue, zone = await hub.catalogues.current(session), hub.settings.tz
        rows = await session.execute(
            select(models.ApiKey, models.Source.code)
            .join(models.Source, models.Source.id == models.ApiKey.source_id)
            .order_by(models.ApiKey.created_at)
        )
        return [
            (
                key,
                source,
                "all" if key.unit_ids is None else ",".join(catalogue.units[one].address for one in key.unit_ids),
                _told([key.created_at, key.expires_at, key.last_used_at, key.revoked_at], zone),
            )
            for key, source in rows
        ]

    table = Table("key", "source", "scopes", "units", "domains", "created", "expires", "last used", "revoked")
    for key, source, of_units, moments in _with_session(data, deed):
        table.add_row(
            f"ioc_{key.prefix}_…",
            source,
            " ".join(key.scopes),
            of_units,
            "all" if key.domains is None else ",".join(key.domains),
            *moments,
        )
    out.print(table)


@key_verbs.command("revoke")
def revoke_key_verb(
    prefix: Annotated[str, typer.Argument(help="The key's middle part, as in the list.")], data: DataDir = None
) -> None:
    """End a key at once."""
    bare = prefix.removeprefix("ioc_").partition("_")[0]
    if not _with_session(data, lambda session, _: auth.revoke_key(session, bare)):
        raise Refusal(f"There is no key '{bare}'.")
    console.print(f"ioc_{bare}_… is revoked")


# --- displays ---


@display_verbs.command("add")
def add_display_verb(
    name: Annotated[str, typer.Argument(help="Where it hangs, for the list.")],
    screens: Annotated[
        list[str] | None, typer.Option(help="Screens it may show, the one to begin with first; default all.")
    ] = None,
    units: Annotated[
        list[str] | None, typer.Option(help="Units (code or code@day) whose subtrees it may show; default all.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="The code on the wall that is to be paired.")] = None,
    data: DataDir = None,
) -> None:
    """Let a wall look without anybody logging in. Without --code its token and a URL with it are printed, once, on stdout."""
    settings = load_settings(data_dir=data)
    try:
        asked = DisplayIn(name=name, screens=_list(screens), units=_list(units), code=code)
    except ValidationError as error:
        mistakes = (f"{one['loc'][0]}: {row_error(one).detail('en')}" for one in error.errors())
        raise Refusal("\n".join(mistakes)) from error

    async def deed(session: Any, hub: Hub) -> tuple[models.Display, str | None]:
        catalogue, now, today = await hub.catalogues.current(session), datetime.now(UTC), hub.now().date()
        return await add_display(session, catalogue, None, asked, now=now, today=today, pepper=hub.pepper)

    display, token = _with_session(data, deed)
    if token is None:
        console.print(f"The wall is display {display.id} now.", highlight=False)
        return
    console.print(
        "Open this URL on the wall (with this machine's name, and the port if it is another); the token is not shown again:"
    )
    first = display.slugs[0] if display.slugs else "tong-quan"
    out.print(token, markup=False, highlight=False)
    unit = f"?unit={asked.units[0]}" if asked.units else ""
    out.print(f"{_known_address(settings)}/screens/{first}{unit}#token={token}", markup=False, highlight=False)


@display_verbs.command("list")
def list_displays_verb(data: DataDir = None) -> None:
    """All displays: what they may show, what they show, when they were last seen."""

    async def deed(session: Any, hub: Hub) -> list[Any]:
        catalogue = await hub.catalogues.current(session)
        displays = await session.scalars(select(models.Display).order_by(models.Display.id))
        return [
            (
                one,
                "all" if one.unit_ids is None else ",".join(addresses_of(one.unit_ids, catalogue)),
                _told([one.created_at, one.last_seen_at, one.revoked_at], hub.settings.tz),
            )
            for one in displays
        ]

    table = Table("id", "name", "screens", "units", "created", "last seen", "shows", "revoked")
    for display, of_units, (created, seen, revoked) in _with_session(data, deed):
        slugs = "all" if display.slugs is None else ",".join(display.slugs)
        shows = "–" if display.screen is None else f"{display.screen} {display.page}"
        table.add_row(str(display.id), escape(display.name), slugs, of_units, created, seen, shows, revoked)
    out.print(table)


@display_verbs.command("revoke")
def revoke_display_verb(
    display: Annotated[int, typer.Argument(min=1, max=2**31 - 1, help="Its number, as in the list.")],
    data: DataDir = None,
) -> None:
    """End a display at once: its wall shows only what everybody may see."""

    async def deed(session: Any, hub: Hub) -> None:
        catalogue, now, today = await hub.catalogues.current(session), datetime.now(UTC), hub.now().date()
        await revoke_display(session, catalogue, None, display, now=now, today=today)

    _with_session(data, deed)
    console.print(f"display {display} is revoked", highlight=False)


# --- reports ---


@report_verbs.command("erase")
def erase_reporters_verb(
    report: Annotated[UUID | None, typer.Option(help="Id of one report.")] = None,
    phone: Annotated[str | None, typer.Option(help="All reports of this telephone.")] = None,
    email: Annotated[str | None, typer.Option(help="All reports of this e-mail address.")] = None,
    data: DataDir = None,
) -> None:
    """Forget who sent reports, for good: nobody can read it any more. The reports stay. (Backups of before still know it.)"""
    kinds: tuple[tuple[Contact, str | None], ...] = (("phone", phone), ("email", email))
    contacts = [(kind, value) for kind, value in kinds if value is not None]
    if report is None and not contacts:
        raise Refusal("Say whom to forget: --report, --phone or --email.")

    async def deed(session: Any, hub: Hub) -> list[UUID]:
        try:
            return await erase_reporters(session, identity_keys(hub.settings), report_id=report, contacts=contacts)
        except NotValid as error:
            raise Refusal(f"{error}.") from error

    erased = _with_session(data, deed)
    for one in erased:
        console.print(f"forgotten: who sent {one}", highlight=False)
    console.print(f"{len(erased)} reporters forgotten", highlight=False)


@report_verbs.command("recount")
def recount_reports_verb(data: DataDir = None) -> None:
    """Count all report.* figures again from the reports, while the hub serves. It is never needed, unless they were not counted."""
    settings = load_settings(data_dir=data)

    async def run(url: str) -> int:
        async with hub_of(settings, url) as hub:
            async with hub.database.write_session() as session:
                await prepare_counting(session)
                marked = await mark_all(session)
            await catch_up_counting(hub)
            return marked

    with database_of(settings) as url:
        console.print(f"{asyncio.run(run(url))} reports counted again", highlight=False)


if __name__ == "__main__":
    main()
