"""The migrations lead to the declared tables, from nothing, however many start at once."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from app import models
from app.migrate import HEAD, migrate
from tests.conftest import fresh_database


def without_partitions(name: str | None, kind: str, _: object) -> bool:
    return kind != "table" or not str(name).startswith("reading_") or name == "reading_history"


def test_migrations_from_nothing_give_exactly_the_declared_tables(empty_database: str) -> None:
    engine = create_engine(empty_database)
    with engine.connect() as connection:
        opts = {"compare_server_default": True, "include_name": without_partitions}
        context = MigrationContext.configure(connection, opts=opts)
        differences = compare_metadata(context, models.Change.metadata)
        assert context.get_current_revision() == HEAD
    engine.dispose()

    assert differences == []


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", "migrations")

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_several_hubs_that_start_together_migrate_once(cluster: str) -> None:
    with fresh_database(cluster, "template0") as url, ThreadPoolExecutor(4) as hubs:
        migrated = list(hubs.map(migrate, [url] * 4))

    assert sorted(migrated) == [False, False, False, True]


def test_a_code_cannot_belong_to_two_units_on_one_day(empty_database: str) -> None:
    engine = create_engine(empty_database)
    add = text(
        "INSERT INTO unit (code, kind, name_vi, name_en, valid_from, valid_to) VALUES ('1', 'commune', 'a', 'a', :since, :until)"
    )
    with engine.begin() as connection:
        connection.execute(add, {"since": None, "until": "2025-07-01"})
        connection.execute(add, {"since": "2025-07-01", "until": None})
    with pytest.raises(IntegrityError) as refused, engine.begin() as connection:
        connection.execute(add, {"since": "2025-06-30", "until": "2025-07-02"})
    engine.dispose()

    assert isinstance(refused.value.orig, psycopg.errors.ExclusionViolation)
