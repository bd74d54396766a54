"""Settings of the service, read once from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, FilePath, HttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Each field is the environment variable of its name with the prefix `SEARCH_`."""

    model_config = SettingsConfigDict(env_prefix="SEARCH_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8010, description="Port of the API. 0 chooses a free port.")
    database_url: str = Field(
        "sqlite:///search.db",
        description="SQLAlchemy's URL of the database: sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE.",
    )
    plimsoll_url: HttpUrl = Field(HttpUrl("http://127.0.0.1:8000"), description="Address of Plimsoll.")
    plimsoll_key_file: FilePath | None = Field(None, description="File with the API key for Plimsoll.")
    model: str = Field("minilm", description="Name of the model of embeddings.", min_length=1)
    model_version: str | None = Field(
        None, description="Version of the model. Default: the version that answers first."
    )
    dimensions: Annotated[int, Field(ge=1, le=2000)] = Field(384, description="Numbers in an embedding of the model.")
    key_file: FilePath | None = Field(None, description="File with the API keys of clients, one a line.")
    allow_anonymous: bool = Field(
        default=False, description="Serve without keys on an address that other machines can reach."
    )
    max_documents: Annotated[int, Field(ge=1)] = Field(
        100_000,
        description="Most documents. With SQLite all embeddings are in memory: 1.5 kB a document at 384 numbers.",
    )
    embed_seconds: Annotated[float, Field(gt=0, le=300)] = Field(
        30, description="Longest time for the embeddings of one request, retries included."
    )

    @property
    def only_local(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in {"127.0.0.1", "::1", "localhost"}


def table() -> str:
    """The settings as a table in Markdown: variable, default, description."""
    rows = ["| variable | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{str(field.default).lower()}`"
        rows.append(f"| `SEARCH_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def key_in(path: Path) -> str:
    """The key that is the whole content of a file.

    Raises:
        OSError: the file cannot be read.
        UnicodeError: it holds something else than ASCII.
    """
    return path.read_text(encoding="ascii").strip()
