"""`BodyReader`: what is read, and where reading stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.api.request_body import client_gone
from plimsoll.errors import BodyTooLarge, ClientGone, DeadlineExceeded, UnsupportedMediaType
from plimsoll.inference.call import begin_call
from plimsoll.inference.request_head import RequestHead
from starlette.types import Message, Receive, Scope, Send

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.bodies import LONGEST, piece, read
from tests.unit.eventually import PATIENCE_SECONDS


class Reading:
    """A request whose body arrives in chunks; counts what was read of it."""

    def __init__(
        self, chunks: Iterable[bytes | None], *, complete: bool = True, seconds: float = 60, **headers: str
    ) -> None:
        named = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        scope = http_scope("/v1/predict", "POST", {name: value for name, value in named.items() if value})
        self.body = b""

        async def app(scope: Scope, receive: Receive, _send: Send) -> None:
            self.body = await read(receive, RequestHead(scope["headers"]), seconds=seconds)

        self._exchange = Exchange(app, scope, chunks, complete=complete)

    async def run(self) -> bytes:
        """The body."""
        await self._exchange.run()
        return self.body

    @property
    def chunks_read(self) -> int:
        """How many chunks were asked for."""
        return self._exchange.read


@given(chunks=st.lists(st.binary(max_size=30), min_size=1, max_size=5))
async def test_a_body_is_its_chunks_joined_as_long_as_it_fits(chunks: list[bytes]) -> None:
    reading = Reading(chunks)
    if sum(map(len, chunks)) <= LONGEST:
        assert await reading.run() == b"".join(chunks)
    else:
        with pytest.raises(BodyTooLarge):
            await reading.run()
    assert reading.chunks_read == len(chunks)


async def test_a_body_that_the_server_has_whole_is_not_received() -> None:
    async def receive() -> Message:
        raise AssertionError("nothing is left to receive")

    assert await read(receive, whole=lambda: b"[1]") == b"[1]"
    assert await read(receive, whole=lambda: b"") == b""
    with pytest.raises(BodyTooLarge, match="too long"):
        await read(receive, whole=lambda: b"x" * (LONGEST + 1))


async def test_a_body_that_the_server_has_in_part_is_received() -> None:
    messages = iter([piece(b"[1", more=True), piece(b"]", more=False)])

    async def receive() -> Message:
        return next(messages)

    assert await read(receive, whole=lambda: None) == b"[1]"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", " application/json ;x"],
)
async def test_json_is_read_however_its_type_is_written(content_type: str) -> None:
    assert await Reading([b"{}"], content_type=content_type).run() == b"{}"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/jsonp", "application/x-www-form-urlencoded", "a" * 200]
)
async def test_another_type_is_refused_before_anything_is_read(content_type: str) -> None:
    reading = Reading([b"{}"], content_type=content_type)
    with pytest.raises(UnsupportedMediaType) as caught:
        await reading.run()
    assert caught.value.expected == "Content-Type: application/json"
    assert caught.value.given is not None
    assert caught.value.given.startswith(f"'{content_type[:64]}")
    assert reading.chunks_read == 0


async def test_a_missing_type_is_called_none() -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        await Reading([b"{}"], content_type="").run()
    assert caught.value.given == "none"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
async def test_a_compressed_body_is_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="the body is compressed") as caught:
        await Reading([b"{}"], content_encoding=encoding).run()
    assert caught.value.given == f"'{encoding}'"


@pytest.mark.parametrize("encoding", ["identity", "Identity"])
async def test_a_body_that_says_it_is_not_compressed_is_read(encoding: str) -> None:
    assert await Reading([b"{}"], content_encoding=encoding).run() == b"{}"


async def test_a_moderate_surplus_is_read_and_thrown_away_so_that_the_client_can_read_the_answer() -> None:
    reading = Reading([b"x" * LONGEST] * 8, content_length="800")
    with pytest.raises(BodyTooLarge) as caught:
        await reading.run()
    assert (caught.value.expected, caught.value.given) == ("at most 100 bytes", "800 bytes")
    assert reading.chunks_read == 8


async def test_a_body_without_end_is_not_read_to_its_end() -> None:
    reading = Reading([b"x" * LONGEST] * 50)
    with pytest.raises(BodyTooLarge) as caught:
        await reading.run()
    assert caught.value.given == "at least 900 bytes"
    assert reading.chunks_read == 9


async def test_a_length_that_is_no_number_is_not_repeated() -> None:
    with pytest.raises(BodyTooLarge) as caught:
        await Reading([b"x" * (LONGEST + 1)], content_length="many").run()
    assert caught.value.given == "at least 101 bytes"


async def test_a_client_that_leaves_is_told_apart_from_one_that_sends_nothing() -> None:
    with pytest.raises(ClientGone):
        await Reading([b"{", None]).run()
    assert await Reading([b""]).run() == b""


@pytest.mark.parametrize("seconds", [0.01, 0.0, -1.0])
async def test_a_body_that_does_not_come_to_its_end_in_time_is_late(seconds: float) -> None:
    with pytest.raises(DeadlineExceeded, match="the body did not arrive"):
        await Reading([b'{"features": '], complete=False, seconds=seconds).run()


async def test_a_client_is_gone_when_it_has_closed_its_connection_and_not_before() -> None:
    watching = asyncio.Event()

    async def app(scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        watching.set()
        await client_gone(begin_call(scope), receive)()

    exchange = Exchange(app, http_scope("/v1/predict", "POST"), [b"{}"])
    asking = asyncio.create_task(exchange.run())
    await asyncio.wait_for(watching.wait(), PATIENCE_SECONDS)
    await asyncio.sleep(0)
    assert not asking.done()
    exchange.leave()
    await asking


async def test_a_body_that_comes_in_time_is_read_however_long_it_took() -> None:
    steps = [asyncio.sleep(0), asyncio.sleep(0.01), asyncio.sleep(0), asyncio.sleep(0.01)]

    async def receive() -> Message:
        for step in (steps.pop(), steps.pop()):
            await step
        return {"type": "http.request", "body": b"x", "more_body": bool(steps)}

    assert await read(receive) == b"xx"


async def test_who_reads_a_body_can_be_cancelled_and_what_it_waited_for_hears_of_it() -> None:
    ended: list[str] = []

    async def receive() -> Message:
        try:
            await asyncio.sleep(0)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return {}

    reading = asyncio.create_task(read(receive))
    for _ in range(3):
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert ended == ["cancelled"]


async def test_what_goes_wrong_while_a_body_comes_is_passed_on() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0)
        raise RuntimeError("the connection broke")

    with pytest.raises(RuntimeError, match="broke"):
        await read(receive)


@pytest.mark.parametrize(("expect", "declared"), [("100-continue", "101"), ("", "801")])
async def test_a_body_that_is_declared_too_long_is_refused_unread_where_reading_it_would_help_nobody(
    expect: str, declared: str
) -> None:
    reading = Reading([b"x" * LONGEST] * 9, expect=expect, content_length=declared)
    with pytest.raises(BodyTooLarge) as caught:
        await reading.run()
    assert caught.value.given == f"{declared} bytes"
    assert reading.chunks_read == 0


async def test_a_length_of_thousands_of_digits_is_no_length() -> None:
    assert await Reading([b"{}"], content_length="9" * 5000).run() == b"{}"
