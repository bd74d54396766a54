"""A database that is open for one collection of documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as NoConnection

from semantic_search.errors import Unavailable
from semantic_search.tables import Tables, tables_for

DIALECTS = ("sqlite", "postgresql")
_SET_UP_LOCK = 0x5EA2C4
"""Replicas that start together create the tables one after the other."""


class WrongDatabase(Exception):
    """The service cannot start with this database; the message says why."""


class Database:
    """Transactions on the tables of a collection; a failure of the database is `Unavailable`."""

    def __init__(self, engine: Engine, tables: Tables) -> None:
        self._engine = engine
        self.tables = tables
        self.dialect = engine.dialect.name

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, which is committed unless an exception leaves the block.

        Raises:
            Unavailable: the database cannot be reached, or is locked.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except (NoConnection, DBAPIError) as error:
            raise Unavailable("database_unavailable", "the database cannot be asked now") from error

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def open_database(url: str, model: str, dimensions: int) -> Database:
    """Open the database at a URL for embeddings of this model, and create the tables if there are none.

    Raises:
        WrongDatabase: the URL is wrong, the database cannot be reached, or it holds embeddings of another model.
    """
    try:
        dialect = make_url(url).get_backend_name()
        if dialect not in DIALECTS:
            raise WrongDatabase(f"SEARCH_DATABASE_URL must begin with sqlite or postgresql, and begins with {dialect}")
        engine = _sqlite(url) if dialect == "sqlite" else create_engine(url, pool_pre_ping=True, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise WrongDatabase(f"SEARCH_DATABASE_URL is no URL of a database that is installed: {error}") from error
    tables = tables_for(dimensions)
    try:
        with engine.begin() as connection:
            _set_up(connection, tables, model, dimensions)
    except DBAPIError as error:
        raise WrongDatabase(f"the database cannot be set up: {error.orig}") from error
    return Database(engine, tables)


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: SqliteConnection, _: object) -> None:
        connection.isolation_level = None  # the driver's own transactions would not cover reads
        for pragma in ("journal_mode = WAL", "busy_timeout = 5000", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _set_up(connection: Connection, tables: Tables, model: str, dimensions: int) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SET_UP_LOCK})
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    tables.metadata.create_all(connection)
    found = connection.execute(select(tables.collection)).one_or_none()
    if found is None:
        row = {"model": model, "dimensions": dimensions, "documents": 0, "generation": 0}
        connection.execute(insert(tables.collection).values(row))
    elif (found.model, found.dimensions) != (model, dimensions):
        raise WrongDatabase(
            f"the database holds embeddings of the model {found.model} with {found.dimensions} numbers, and the"
            f" settings name {model} with {dimensions}: embeddings of two models cannot be compared, so use another"
            " database"
        )
