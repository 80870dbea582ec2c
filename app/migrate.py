"""Bring the schema to the version that this code expects, once, however many processes start together."""

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

MIGRATION_LOCK = 720_721  # any number that no other advisory lock of the hub uses


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("migrations")))
    return config


def head_revision() -> str:
    """The newest revision that ships with this code."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def migrate(url: str) -> bool:
    """Apply what is missing, in one transaction. Returns whether anything was.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            # Two servers that start at once must not migrate at once; the second finds nothing left to do.
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            if _present(connection) == head_revision():
                return False
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return True
    finally:
        engine.dispose()


def _present(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
