from __future__ import annotations

import json
import ssl
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from plimsoll.errors import OperatorError
from plimsoll.rollout import prometheus as module
from plimsoll.rollout.history import HistoryUnavailable
from plimsoll.rollout.prometheus import Grid, Prometheus, QueryRefused, ReplyTooLong
from tenacity import wait_none

from tests.doubles.servers import CannedServer

NOTHING = {"status": "success", "data": {"resultType": "vector", "result": []}}
SECRET = "very-secret-token"  # noqa: S105  # of nobody
Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer, token_file: Path | None = None, url: str = "http://prometheus:9090") -> Prometheus:
    return Prometheus(url, token_file, transport=httpx.MockTransport(answer), pause=wait_none())


def always(status: int, **content: object) -> Answer:
    return lambda _: httpx.Response(status, **content)  # type: ignore[arg-type]


def complaint(asked: Prometheus) -> str:
    with pytest.raises(HistoryUnavailable) as caught:
        asked.ask("up")
    return caught.value.message


def test_a_range_is_asked_at_its_points_and_read_by_them() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        result = [{"metric": {"pod": "a"}, "values": [[100, "1"], [115.001, "NaN"]]}]
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": result}})

    grid = Grid(100.0, 15.0, 3)
    (series,) = client(answer, url="http://prometheus/prefix/").ask_range("up", grid)
    assert [(grid.place(at), value) for at, value in series.values] == [(0, "1"), (1, "NaN")]
    assert seen[0].url == "http://prometheus/prefix/api/v1/query_range"
    assert seen[0].content == b"query=up&start=100.000&end=131.500&step=15.000"


def test_the_token_is_read_for_each_query(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, json=NOTHING)

    file = tmp_path / "token"
    asked = client(answer, file)
    for token in ("first\n", "second"):
        file.write_text(token)
        asked.ask("up")
    assert seen == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\nb", "ä"])
def test_a_file_without_a_token_is_refused_before_anything_is_sent(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    said = complaint(client(always(500), file))
    assert said == "the token file token holds no token; expected one line of visible ASCII"


def test_a_token_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "the token file token cannot be read: No such file" in complaint(client(always(500), tmp_path / "token"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_not_shown(tmp_path: Path, status: int) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)
    said = complaint(client(always(status, text="no"), file))
    assert f"refuses the request with {status}; given was the token in token, expected is --token-file" in said
    assert SECRET not in said
    assert "given was no token" in complaint(client(always(status, text="no")))


def test_a_password_in_the_url_is_not_shown() -> None:
    said = complaint(client(always(404, text="no"), url="http://me:very-secret@prometheus:9090"))
    assert "Prometheus at http://prometheus:9090 answers 404, and not as a Prometheus does" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "answer",
    [
        always(200, text="<html>log in</html>"), always(302, headers={"Location": "/login"}), always(404, text="no"),
        always(200, json={"status": "success"}), always(200, json=[1]), always(200, json={"detail": "x"}),
        always(200, text="[" * 100_000), always(200, content=b"\xff"), always(500, text="broken"),
    ],
)  # fmt: skip
def test_what_is_no_prometheus_is_said_to_be_none(answer: Answer) -> None:
    assert "and not as a Prometheus does; expected is the URL to which /api/v1/query can be added" in complaint(
        client(answer)
    )


def test_a_query_that_is_refused_has_the_words_of_prometheus() -> None:
    reply = {"status": "error", "errorType": "bad_data", "error": "parse error at char 3"}
    with pytest.raises(QueryRefused) as caught:
        client(always(400, json=reply)).ask("a b")
    assert caught.value.message.endswith("refuses the query (400): parse error at char 3")
    assert caught.value.said == "parse error at char 3"


def test_an_expression_that_selects_no_series_is_refused() -> None:
    reply = {"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}
    with pytest.raises(QueryRefused, match="answers with a scalar; expected is an expression that selects series"):
        client(always(200, json=reply)).ask("2")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_failure_that_may_pass_is_tried_again(status: int) -> None:
    replies: Iterator[httpx.Response] = iter(
        [httpx.Response(status, text="later"), httpx.Response(status), httpx.Response(200, json=NOTHING)]
    )
    assert client(lambda _: next(replies)).ask("up") == []


@pytest.mark.parametrize(
    ("status", "said", "times", "sentence"),
    [
        (503, "Service Unavailable", 3, "answers 503: Service Unavailable; wait until it is ready"),
        (422, "too many samples", 1, "refuses the query (422): too many samples"),
    ],
)
def test_an_error_that_may_pass_is_tried_three_times_and_any_other_once(
    status: int, said: str, times: int, sentence: str
) -> None:
    tries = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request)
        return httpx.Response(status, json={"status": "error", "error": said})

    assert complaint(client(answer)).endswith(sentence)
    assert len(tries) == times


def test_where_nobody_listens_it_says_so() -> None:
    said = complaint(Prometheus("http://127.0.0.1:9", pause=wait_none()))
    assert said.startswith("no answer from Prometheus at http://127.0.0.1:9: ")
    assert said.endswith("; check that it runs there and can be reached from here")


def test_a_reply_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REPLY_BYTES", 1000)

    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 400

    with pytest.raises(ReplyTooLong):
        client(lambda _: httpx.Response(200, content=endless())).ask("up")


def test_the_samples_of_a_long_reply_are_not_all_in_memory_at_once() -> None:
    samples = ",".join(f'[{at},"{at}"]' for at in range(10_000))
    series = ",".join(f'{{"metric":{{"n":"{number}"}},"values":[{samples}]}}' for number in range(40))
    body = f'{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}}}'.encode()
    assert 4 << 20 < len(body) < module.MOST_REPLY_BYTES
    asked = client(always(200, content=body))
    tracemalloc.start()
    found = asked.ask_range("up", Grid(0.0, 1.0, 10_000))
    assert [len(each.values) for each in found] == [10_000] * 40
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(body)


def test_samples_that_are_none_are_refused_when_they_are_read() -> None:
    reply = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1]]}]}}
    (series,) = client(always(200, json=reply)).ask_range("up", Grid(0.0, 1.0, 2))
    with pytest.raises(HistoryUnavailable, match="samples that are none"):
        _ = series.values


def test_a_reply_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REPLY_SECONDS", -1.0)
    assert "has not finished its answer" in complaint(client(always(200, json=NOTHING)))


@pytest.mark.parametrize(
    "url", ["prometheus:9090", "ftp://host", "http://", "", "http://h?x=1", "http://h:p", "http://h#f"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(OperatorError, match="should begin with http:// or https://"):
        Prometheus(url)


def test_the_certificate_authority_is_read_for_each_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def trusting(cadata: str) -> ssl.SSLContext:
        made.append(cadata)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr("ssl.create_default_context", trusting)
    file = tmp_path / "ca.crt"
    with CannedServer(body=json.dumps(NOTHING).encode()).running() as url:
        asked = Prometheus(url, ca_file=file)
        for content in ("one", "one", "two"):
            file.write_text(content)
            asked.ask("up")
        asked.close()
    assert made == ["one", "two"]


def test_a_ca_file_without_certificates_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text("no certificate")
    assert complaint(Prometheus("https://127.0.0.1:9", ca_file=file)) == (
        "the CA bundle ca.crt holds no certificates in PEM"
    )


def test_a_certificate_that_cannot_be_verified_names_the_option() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    assert complaint(client(answer)).endswith("give its certificate authority by --ca-file")
