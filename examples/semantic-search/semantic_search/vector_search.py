"""The nearest documents to a vector: by a matrix in memory for SQLite, by pgvector in Postgres."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from sqlalchemy import Connection, Float, bindparam, literal, select, text

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement

    from semantic_search.tables import Tables

_CANDIDATES = 200
"""Documents that the index of pgvector keeps in view; more than a request may ask for, so that few are missed."""


@dataclass(frozen=True)
class Near:
    """A document by its number, and the cosine of the angle between it and the query."""

    number: int
    score: float


class VectorSearch(Protocol):
    """Finds the documents whose embeddings are nearest."""

    def nearest(
        self, connection: Connection, vector: NDArray[np.float32], k: int, conditions: Sequence[ColumnElement[bool]]
    ) -> list[Near]:
        """At most `k` documents that meet all conditions, best first; of equal scores the older document first."""


@dataclass(frozen=True)
class _Snapshot:
    generation: int
    numbers: NDArray[np.int64]
    vectors: NDArray[np.float32]


class MatrixSearch:
    """Compares the query with every embedding; they are in memory, and read again as far as the database changed."""

    def __init__(self, tables: Tables, dimensions: int) -> None:
        self._tables = tables
        self._lock = threading.Lock()
        self._snapshot = _Snapshot(-1, np.empty(0, np.int64), np.empty((0, dimensions), np.float32))

    def nearest(
        self, connection: Connection, vector: NDArray[np.float32], k: int, conditions: Sequence[ColumnElement[bool]]
    ) -> list[Near]:
        """By an exact comparison with each document that meets the conditions."""
        snapshot = self._current(connection)
        numbers, vectors = snapshot.numbers, snapshot.vectors
        if conditions:
            allowed = _numbers(connection, self._tables, conditions)
            chosen = np.isin(numbers, allowed, assume_unique=True)
            numbers, vectors = numbers[chosen], vectors[chosen]
        scores = vectors @ vector
        best = np.lexsort((numbers, -scores))[:k]
        return [Near(int(numbers[at]), float(scores[at])) for at in best]

    def _current(self, connection: Connection) -> _Snapshot:
        """The embeddings of this transaction; a document never changes, so only new ones are read."""
        generation = connection.execute(select(self._tables.collection.c.generation)).scalar_one()
        with self._lock:
            known = self._snapshot
            if known.generation < generation:
                known = self._snapshot = self._read(connection, known, generation)
        return known

    def _read(self, connection: Connection, known: _Snapshot, generation: int) -> _Snapshot:
        documents = self._tables.documents.c
        present = _numbers(connection, self._tables, ())
        kept = np.isin(known.numbers, present, assume_unique=True)
        newest = int(known.numbers[-1]) if len(known.numbers) else -1
        query = select(documents.embedding).where(documents.number > newest).order_by(documents.number)
        added: list[NDArray[np.float32]] = list(connection.execute(query).scalars())
        vectors = np.concatenate([known.vectors[kept], np.stack(added)]) if added else known.vectors[kept]
        return _Snapshot(generation, present, vectors)


class PgvectorSearch:
    """Asks pgvector: by its index without conditions, and exactly among the documents that meet conditions."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def nearest(
        self, connection: Connection, vector: NDArray[np.float32], k: int, conditions: Sequence[ColumnElement[bool]]
    ) -> list[Near]:
        """By cosine distance."""
        documents = self._tables.documents.c
        query: Any = bindparam("query", vector, documents.embedding.type)
        distance = documents.embedding.op("<=>", return_type=Float())(query)
        # The index gives its candidates first, and the conditions are applied to those alone: it may miss documents.
        # A sum is no expression of the index, so that Postgres compares every document that meets the conditions.
        order = distance + literal(0.0) if conditions else distance
        connection.execute(text(f"SET LOCAL hnsw.ef_search = {_CANDIDATES}"))
        connection.execute(text("SET LOCAL hnsw.iterative_scan = strict_order"))
        rows = connection.execute(
            select(documents.number, distance.label("distance")).where(*conditions).order_by(order).limit(k)
        )
        found = [Near(row.number, 1 - row.distance) for row in rows]
        return sorted(found, key=lambda each: (-each.score, each.number))


def _numbers(connection: Connection, tables: Tables, conditions: Sequence[ColumnElement[bool]]) -> NDArray[np.int64]:
    query = select(tables.documents.c.number).where(*conditions).order_by(tables.documents.c.number)
    return np.fromiter(connection.execute(query).scalars(), np.int64)
