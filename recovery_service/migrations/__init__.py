"""Alembic migrations: linear, forward only."""

from pathlib import Path

from alembic import command
from alembic.config import Config

FOLDER = Path(__file__).parent


def configuration(database_url: str) -> Config:
    """Return Alembic's configuration for the owner's URL."""
    config = Config(FOLDER / "alembic.ini")
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database to a revision; a second run changes nothing."""
    command.upgrade(configuration(database_url), revision)
