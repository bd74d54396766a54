"""Tables of documents, their embeddings and their metadata, for SQLite and for Postgres with pgvector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector.sqlalchemy import Vector
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)  # fmt: skip
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from semantic_search.limits import ID_CHARACTERS, METADATA_KEY_CHARACTERS

_Number = BigInteger().with_variant(Integer, "sqlite")
"""SQLite generates numbers for columns of the type INTEGER alone."""


class UnitVector(TypeDecorator[NDArray[np.float32]]):
    """A float32 vector of length 1: a `vector` of pgvector, or little-endian bytes in SQLite."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.dimensions = dimensions

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the column in a database."""
        return dialect.type_descriptor(Vector(self.dimensions) if dialect.name == "postgresql" else LargeBinary())

    def process_bind_param(
        self, value: NDArray[np.float32] | None, dialect: Dialect
    ) -> bytes | NDArray[np.float32] | None:
        """What the database stores."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.astype("<f4").tobytes()

    def process_result_value(
        self, value: bytes | NDArray[np.float32] | None, dialect: Dialect
    ) -> NDArray[np.float32] | None:
        """The vector that was stored."""
        if value is None:
            return None
        return np.array(value, np.float32) if dialect.name == "postgresql" else np.frombuffer(value, "<f4")


@dataclass(frozen=True)
class Tables:
    """The tables of one collection."""

    metadata: MetaData
    collection: Table
    """One row: which model the embeddings are of, how many documents there are, and how often they changed."""
    documents: Table
    """A document never changes: one that is replaced gets a new `number`."""
    facts: Table
    """One row for each value in the metadata of a document, as JSON, so that filters work alike in both databases."""


def tables_for(dimensions: int) -> Tables:
    """The tables for embeddings of so many numbers."""
    metadata = MetaData()
    collection = Table(
        "collection",
        metadata,
        Column("model", Text, primary_key=True),
        Column("model_version", Text),
        Column("dimensions", Integer, nullable=False),
        Column("documents", Integer, nullable=False),
        Column("generation", _Number, nullable=False),
    )
    documents = Table(
        "documents",
        metadata,
        Column("number", _Number, primary_key=True, autoincrement=True),
        Column("id", String(ID_CHARACTERS), nullable=False, unique=True),
        Column("text", Text, nullable=False),
        Column("metadata", JSON, nullable=False),
        Column("embedding", UnitVector(dimensions), nullable=False),
        sqlite_autoincrement=True,
    )
    Index(
        "documents_by_embedding",
        documents.c.embedding,
        postgresql_using="hnsw",
        postgresql_ops={"embedding": "vector_cosine_ops"},
    ).ddl_if(dialect="postgresql")
    facts = Table(
        "facts",
        metadata,
        Column("number", _Number, ForeignKey("documents.number", ondelete="CASCADE"), primary_key=True),
        Column("key", String(METADATA_KEY_CHARACTERS), primary_key=True),
        Column("value", Text, nullable=False),
    )
    Index("facts_by_value", facts.c.key, facts.c.value, facts.c.number)
    return Tables(metadata, collection, documents, facts)
