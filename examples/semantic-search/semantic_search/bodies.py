"""Bodies of requests and answers, with their limits; the OpenAPI document shows them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from semantic_search import limits

EXAMPLE_TEXT = "Shipping of goods on the Danube"


def _storable(text: str) -> str:
    """Postgres stores no NUL."""
    if "\0" in text:
        raise ValueError("the character U+0000 is not allowed")
    return text


def _with_words(text: str) -> str:
    if not text.strip():
        raise ValueError("the text has nothing but spaces")
    return _storable(text)


Text = Annotated[str, StringConstraints(max_length=limits.TEXT_CHARACTERS), AfterValidator(_with_words)]
Id = Annotated[
    str, StringConstraints(min_length=1, max_length=limits.ID_CHARACTERS, pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]*$")
]
Key = Annotated[
    str, StringConstraints(min_length=1, max_length=limits.METADATA_KEY_CHARACTERS), AfterValidator(_storable)
]
Words = Annotated[str, StringConstraints(max_length=limits.METADATA_VALUE_CHARACTERS), AfterValidator(_storable)]
Integer = Annotated[int, Field(ge=-limits.LARGEST_INTEGER, le=limits.LARGEST_INTEGER)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-limits.LARGEST_INTEGER, le=limits.LARGEST_INTEGER)]
Value = bool | Integer | Number | Words
Values = Annotated[list[Value], Field(min_length=1, max_length=limits.FILTER_VALUES)]
Metadata = Annotated[dict[Key, Value], Field(max_length=limits.METADATA_FIELDS)]
Filter = Annotated[
    dict[Key, Value | Values],
    Field(
        max_length=limits.METADATA_FIELDS,
        description="Values of the metadata; a document must meet all. A list means any of its values.",
    ),
]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewDocument(_Closed):
    """A document to add; without an id it gets one."""

    id: Id = Field(default_factory=lambda: uuid.uuid4().hex)
    text: Text = Field(examples=[EXAMPLE_TEXT])
    metadata: Metadata = Field(default_factory=dict, examples=[{"country": "Hungary", "year": 2015}])


class NewDocuments(_Closed):
    """Documents to add, all or none; one with the id of a stored document replaces it."""

    documents: Annotated[list[NewDocument], Field(min_length=1, max_length=limits.DOCUMENTS_A_REQUEST)]


class Added(BaseModel):
    """The ids of the documents, in the order of the request."""

    ids: list[str]
    tokens_cut: list[int] = Field(
        description="Tokens at the end of each text that the model has not read: a search does not look there."
    )


class StoredDocument(BaseModel):
    """A document."""

    id: str
    text: str
    metadata: Mapping[str, bool | int | float | str]


class Page(BaseModel):
    """Documents in the order in which they were added."""

    documents: Sequence[StoredDocument]
    next: int | None = Field(description="Give it as `after` to get the next page. null on the last page.")


class Query(_Closed):
    """A search."""

    query: Text = Field(examples=["river transport in Hungary"])
    k: int = Field(10, ge=1, le=limits.RESULTS, description="Most results.")
    filter: Filter = Field(default_factory=dict, examples=[{"country": ["Hungary", "Serbia"]}])


class Result(StoredDocument):
    """A document and how near it is to the query."""

    score: float = Field(description="Cosine of the angle between both embeddings, from -1 to 1.")


class Results(BaseModel):
    """The nearest documents, best first."""

    results: Sequence[Result]


class CollectionFacts(BaseModel):
    """All documents together."""

    model: str
    model_version: str | None
    dimensions: int
    documents: int


class ErrorFacts(BaseModel):
    """An error in words."""

    code: str
    message: str
    expected: str | None = None
    given: str | None = None


class ErrorBody(BaseModel):
    """The body of every error."""

    error: ErrorFacts
