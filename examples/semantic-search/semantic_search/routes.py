"""Handlers of the API; each reads a typed body and calls the embedder and the documents."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from fastapi import Query as InQuery
from pydantic import TypeAdapter, ValidationError

from semantic_search import bodies
from semantic_search.documents import Document, Documents, Value
from semantic_search.embedder import Embedder
from semantic_search.errors import InvalidInput
from semantic_search.keys import Keys
from semantic_search.limits import ID_CHARACTERS, LARGEST_INTEGER, PAGE

_FILTER: TypeAdapter[dict[str, Value | list[Value]]] = TypeAdapter(bodies.Filter)
_LONGEST_FILTER = 10_000
_Responses = dict[int | str, dict[str, Any]]
IdInPath = Annotated[str, Path(max_length=ID_CHARACTERS)]
ERRORS: _Responses = {
    status: {"model": bodies.ErrorBody, "description": description}
    for status, description in {
        401: "No key, or an unknown one.",
        413: "The body is too long.",
        422: "A value is wrong; the message names it.",
        503: "Plimsoll or the database is not available, or too many requests run. Retry after Retry-After seconds.",
    }.items()
}
NOT_FOUND: _Responses = {404: {"model": bodies.ErrorBody, "description": "There is no document with this id."}}
FULL: _Responses = {
    507: {"model": bodies.ErrorBody, "description": "The collection has as many documents as it may have."}
}


class Routes:
    """The API of one collection."""

    def __init__(self, documents: Documents, embedder: Embedder, keys: Keys) -> None:
        self._documents = documents
        self._embedder = embedder
        self.router = APIRouter(dependencies=[Depends(keys.check)], responses=ERRORS)
        add = self.router.add_api_route
        add("/documents", self.add, methods=["POST"], status_code=201, responses=FULL)
        add("/documents", self.page, methods=["GET"])
        add("/documents/{id}", self.get, methods=["GET"], responses=NOT_FOUND)
        add("/documents/{id}", self.delete, methods=["DELETE"], status_code=204, responses=NOT_FOUND)
        add("/search", self.search, methods=["POST"])
        add("/collection", self.collection, methods=["GET"])

    def add(self, body: bodies.NewDocuments) -> bodies.Added:
        """Add documents, all or none; a document with the id of a stored one replaces it."""
        ids = [each.id for each in body.documents]
        if len(set(ids)) < len(ids):
            twice = next(each for at, each in enumerate(ids) if each in ids[:at])
            raise InvalidInput(f"two documents have the id {twice}", expected="an id of its own for each document")
        embeddings = self._embedder.embed([each.text for each in body.documents])
        self._documents.add([Document(each.id, each.text, each.metadata) for each in body.documents], embeddings)
        return bodies.Added(ids=ids, tokens_cut=embeddings.tokens_cut)

    def page(
        self,
        after: Annotated[int, InQuery(ge=0, le=LARGEST_INTEGER, description="`next` of the page before.")] = 0,
        limit: Annotated[int, InQuery(ge=1, le=PAGE)] = 20,
        filter: Annotated[  # noqa: A002  # the name of the parameter
            str | None, InQuery(max_length=_LONGEST_FILTER, description='As in a search, as JSON: {"country": "Peru"}.')
        ] = None,
    ) -> bodies.Page:
        """List documents, in the order in which they were added."""
        documents, following = self._documents.page(after, limit, _filters(_filter_in(filter)))
        return bodies.Page(documents=[bodies.StoredDocument(**vars(each)) for each in documents], next=following)

    def get(self, id: IdInPath) -> bodies.StoredDocument:  # noqa: A002  # the name in the path
        """Get a document."""
        return bodies.StoredDocument(**vars(self._documents.get(id)))

    def delete(self, id: IdInPath) -> Response:  # noqa: A002  # the name in the path
        """Delete a document."""
        self._documents.delete(id)
        return Response(status_code=204)

    def search(self, body: bodies.Query) -> bodies.Results:
        """Find the documents that are nearest to a query in meaning."""
        embeddings = self._embedder.embed([body.query])
        found = self._documents.search(embeddings, body.k, _filters(body.filter))
        return bodies.Results(results=[bodies.Result(**vars(each), score=score) for each, score in found])

    def collection(self) -> bodies.CollectionFacts:
        """Get the model and the number of documents."""
        return bodies.CollectionFacts(**vars(self._documents.collection()))


def _filter_in(text: str | None) -> dict[str, Value | list[Value]]:
    try:
        return _FILTER.validate_python({} if text is None else json.loads(text), strict=True)
    except (ValidationError, ValueError, RecursionError) as error:
        message = "the parameter filter is not valid"
        raise InvalidInput(message, expected='an object in JSON, as {"country": "Peru"}') from error


def _filters(given: dict[str, Value | list[Value]]) -> dict[str, list[Value]]:
    return {key: value if isinstance(value, list) else [value] for key, value in given.items()}
