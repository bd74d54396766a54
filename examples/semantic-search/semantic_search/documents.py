"""Stored documents: add, get, delete, list and search, each in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, insert, select, update

from semantic_search.errors import Full, NotFound, Unavailable
from semantic_search.vector_search import MatrixSearch, PgvectorSearch, VectorSearch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from semantic_search.database import Database
    from semantic_search.embedder import Embeddings

Value = str | int | float | bool
_OTHER_VERSION_SECONDS = 30


@dataclass(frozen=True)
class Document:
    """A text with an id of the client and metadata."""

    id: str
    text: str
    metadata: Mapping[str, Value]


@dataclass(frozen=True)
class Collection:
    """Facts about all documents together; `model_version` is None before the first document."""

    model: str
    model_version: str | None
    dimensions: int
    documents: int


class Documents:
    """The documents of one database."""

    def __init__(self, database: Database, dimensions: int, max_documents: int) -> None:
        self._database = database
        self._tables = database.tables
        self._max_documents = max_documents
        self._search: VectorSearch = (
            PgvectorSearch(database.tables)
            if database.dialect == "postgresql"
            else MatrixSearch(database.tables, dimensions)
        )

    def collection(self) -> Collection:
        """Facts about all documents together."""
        with self._database.transaction() as connection:
            found = connection.execute(select(self._tables.collection)).one()
        return Collection(found.model, found.model_version, found.dimensions, found.documents)

    def add(self, documents: Sequence[Document], embeddings: Embeddings) -> None:
        """Store documents with distinct ids, all or none; a document with the id of a stored one replaces it.

        Raises:
            Full: there would be more documents than the limit.
            Unavailable: the embeddings are of another version of the model than those of the stored documents.
        """
        with self._database.transaction() as connection:
            self._begin_change(connection)
            self._check_version(connection, embeddings.version)
            self._delete(connection, [each.id for each in documents])
            count = connection.execute(select(self._tables.collection.c.documents)).scalar_one() + len(documents)
            if count > self._max_documents:
                raise Full(
                    f"the collection would have {count} documents",
                    expected=f"at most {self._max_documents} (SEARCH_MAX_DOCUMENTS)",
                )
            connection.execute(
                update(self._tables.collection).values(documents=count, model_version=embeddings.version)
            )
            self._insert(connection, documents, embeddings.vectors)

    def get(self, id_: str) -> Document:
        """A stored document.

        Raises:
            NotFound: there is no document with this id.
        """
        with self._database.transaction() as connection:
            columns = self._tables.documents.c
            found = connection.execute(self._selected().where(columns.id == id_)).one_or_none()
        if found is None:
            raise NotFound("there is no document with this id")
        return _document(found)

    def delete(self, id_: str) -> None:
        """Delete a document.

        Raises:
            NotFound: there is no document with this id.
        """
        with self._database.transaction() as connection:
            self._begin_change(connection)
            if not self._delete(connection, [id_]):
                raise NotFound("there is no document with this id")

    def page(self, after: int, limit: int, filters: Mapping[str, Sequence[Value]]) -> tuple[list[Document], int | None]:
        """Documents in the order in which they were added, and the number to continue after if there are more."""
        columns = self._tables.documents.c
        query = self._selected().where(columns.number > after, *self._conditions(filters))
        with self._database.transaction() as connection:
            rows = connection.execute(query.order_by(columns.number).limit(limit + 1)).all()
        more = len(rows) > limit
        return [_document(row) for row in rows[:limit]], rows[limit - 1].number if more else None

    def search(self, query: Embeddings, k: int, filters: Mapping[str, Sequence[Value]]) -> list[tuple[Document, float]]:
        """The best `k` documents that meet the filters, each with its cosine score.

        Raises:
            Unavailable: the query is of another version of the model than the stored documents.
        """
        columns = self._tables.documents.c
        with self._database.transaction() as connection:
            self._check_version(connection, query.version)
            near = self._search.nearest(connection, query.vectors[0], k, self._conditions(filters))
            rows = connection.execute(self._selected().where(columns.number.in_([each.number for each in near])))
            by_number = {row.number: _document(row) for row in rows}
        return [(by_number[each.number], each.score) for each in near if each.number in by_number]

    def _selected(self) -> Select[int, str, str, dict[str, Value]]:
        columns = self._tables.documents.c
        return select(columns.number, columns.id, columns.text, columns.metadata)

    def _begin_change(self, connection: Connection) -> None:
        """Count the change first: the update locks the row, so that changes happen one after the other."""
        collection = self._tables.collection
        connection.execute(update(collection).values(generation=collection.c.generation + 1))

    def _check_version(self, connection: Connection, version: str) -> None:
        stored = connection.execute(select(self._tables.collection.c.model_version)).scalar_one()
        if stored is not None and stored != version:
            raise Unavailable(
                "other_model_version",
                f"version {version} of the model answers, and the documents have embeddings of version {stored}, which"
                " cannot be compared: set SEARCH_MODEL_VERSION, or load the documents into a new database",
                _OTHER_VERSION_SECONDS,
            )

    def _delete(self, connection: Connection, ids: Sequence[str]) -> int:
        deleted = connection.execute(delete(self._tables.documents).where(self._tables.documents.c.id.in_(ids)))
        if deleted.rowcount:
            collection = self._tables.collection
            connection.execute(update(collection).values(documents=collection.c.documents - deleted.rowcount))
        return deleted.rowcount

    def _insert(self, connection: Connection, documents: Sequence[Document], vectors: NDArray[np.float32]) -> None:
        columns = self._tables.documents.c
        rows = [
            {"id": each.id, "text": each.text, "metadata": dict(each.metadata), "embedding": vector}
            for each, vector in zip(documents, vectors, strict=True)
        ]
        connection.execute(insert(self._tables.documents), rows)
        ids = [each.id for each in documents]
        found = connection.execute(select(columns.id, columns.number).where(columns.id.in_(ids)))
        numbers = {row.id: row.number for row in found}
        facts = [
            {"number": numbers[each.id], "key": key, "value": _written(value)}
            for each in documents
            for key, value in each.metadata.items()
        ]
        if facts:
            connection.execute(insert(self._tables.facts), facts)

    def _conditions(self, filters: Mapping[str, Sequence[Value]]) -> list[ColumnElement[bool]]:
        facts = self._tables.facts.c
        return [
            self._tables.documents.c.number.in_(
                select(facts.number).where(facts.key == key, facts.value.in_([_written(each) for each in values]))
            )
            for key, values in filters.items()
        ]


def _document(row: Row[int, str, str, dict[str, Value]]) -> Document:
    return Document(row.id, row.text, row.metadata)


def _written(value: Value) -> str:
    """A value as JSON, in which 2 and 2.0 are one number, and true is none."""
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
