"""Calls the client of OpenAI, as its own users do: with a base URL and an API key."""

from __future__ import annotations

import asyncio
from typing import Any

from openai import AsyncOpenAI, OpenAI

from tests.clients.programs.remote_calls import answer_calls


def embeddings(url: str, key: str, **options: Any) -> dict[str, Any]:
    """The answer to a request for embeddings, as the client has read it."""
    with OpenAI(base_url=url, api_key=key, max_retries=0, timeout=30) as client:
        found: dict[str, Any] = client.embeddings.create(**options).model_dump()
        return found


def embeddings_at_once(url: str, key: str, texts: list[str], **options: Any) -> list[dict[str, Any]]:
    """The answers to one request for each text, all sent at once by the client for asyncio."""

    async def results() -> list[dict[str, Any]]:
        async with AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=30) as client:
            answers = await asyncio.gather(*(client.embeddings.create(input=each, **options) for each in texts))
            return [each.model_dump() for each in answers]

    return asyncio.run(results())


def version_of(url: str, key: str, **options: Any) -> str:
    """The version that has answered, from the head of the answer."""
    with OpenAI(base_url=url, api_key=key, max_retries=0, timeout=30) as client:
        return str(client.embeddings.with_raw_response.create(**options).headers["x-plimsoll-version"])


def models(url: str, key: str) -> list[dict[str, Any]]:
    """The models, as the client lists them."""
    with OpenAI(base_url=url, api_key=key, max_retries=0, timeout=30) as client:
        return [each.model_dump() for each in client.models.list()]


def model(url: str, key: str, name: str) -> dict[str, Any]:
    """One model."""
    with OpenAI(base_url=url, api_key=key, max_retries=0, timeout=30) as client:
        found: dict[str, Any] = client.models.retrieve(name).model_dump()
        return found


if __name__ == "__main__":
    answer_calls(embeddings, embeddings_at_once, version_of, models, model)
