"""Behind a proxy that lets only /v1/predict pass nothing else is carried out, and everybody gets their own answer."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from tests.hostile.conftest import REPOSITORY
from tests.hostile.form import INNER_ID, NEXT, Form
from tests.hostile.proxies import INSTALL, NAMES, installed, proxy
from tests.hostile.served import Served
from tests.hostile.test_forms import FORMS
from tests.hostile.wire import PATIENCE_SECONDS, Address, connected

_HONEST_CLIENTS = 4
_LEAST_OF_EACH = 100
_LONGEST_FORM = 1 << 20
_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.005


@pytest.fixture(params=NAMES)
def through(
    request: pytest.FixtureRequest, served: Served, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Address]:
    name: str = request.param
    if not installed(name):
        pytest.skip(f"{name} is not there: {INSTALL}")
    with proxy(name, tmp_path_factory.mktemp(name), served.address) as address:
        yield address


def test_nothing_hidden_in_a_request_is_carried_out_and_honest_clients_get_their_own_answers(
    served: Served, through: Address
) -> None:
    rows = _known_rows(served)
    logged_before = len(served.log())
    with ThreadPoolExecutor(2 * _HONEST_CLIENTS) as threads:
        attack = threads.submit(_attack, through)
        honest = [threads.submit(_ask, through, f"honest-{one}", rows, attack) for one in range(_HONEST_CLIENTS)]
        seen = attack.result()
        wrong = [fault for client in honest for fault in client.result()]
    assert wrong == []
    assert f'"{INNER_ID}"' not in served.log()[logged_before:], "a request inside another was carried out"
    assert b"honest-" not in seen, "an attacker was given the answer to somebody else"


def _attack(through: Address) -> bytes:
    """Send every form; all that came back."""
    forms = [form for form in FORMS if len(form.sent) < _LONGEST_FORM]
    with ThreadPoolExecutor(_HONEST_CLIENTS) as threads:
        return b"".join(threads.map(lambda form: _send(through, form), forms * 2))


def _send(through: Address, form: Form) -> bytes:
    """What comes back for a form; its body comes in a packet of its own, and the proxy lets its path pass."""
    head, end, body = form.sent.replace(b"GET /livez ", b"POST /v1/predict ").partition(b"\r\n\r\n")
    came = b""
    with connected(through) as client:
        client.settimeout(_PATIENCE_SECONDS)
        with contextlib.suppress(OSError):
            client.sendall(head + end)
            time.sleep(_PAUSE_SECONDS)
            client.sendall(body + NEXT)
            while part := client.recv(1 << 16):
                came += part
    return came


def _known_rows(served: Served) -> list[tuple[bytes, list[dict[str, object]]]]:
    """Bodies, and what the model says to each when it is asked directly."""
    pixels = np.load(REPOSITORY / "training" / "digits-heldout.npz")["pixels"][:20] / 255
    bodies = [json.dumps({"features": row.tolist()}).encode() for row in pixels]
    return [
        (body, _predictions(httpx.post(f"{served.url}/v1/predict", content=body, headers=_JSON))) for body in bodies
    ]


_JSON = {"Content-Type": "application/json"}


def _predictions(answer: httpx.Response) -> list[dict[str, object]]:
    found: list[dict[str, object]] = answer.json()["predictions"]
    return found


def _ask(
    through: Address, name: str, rows: list[tuple[bytes, list[dict[str, object]]]], attack: Future[bytes]
) -> list[str]:
    """What went wrong for a client that asks as long as the attack lasts, a hundred times at least."""
    wrong = []
    number = 0
    with httpx.Client(base_url=f"http://{through.host}:{through.port}", timeout=PATIENCE_SECONDS) as client:
        while number < _LEAST_OF_EACH or not attack.done():
            own_id = f"{name}-{number}"
            body, expected = rows[number % len(rows)]
            answer = client.post("/v1/predict", content=body, headers={**_JSON, "X-Request-Id": own_id})
            if answer.status_code != 200:
                wrong.append(f"{own_id} was answered {answer.status_code}")
            elif answer.headers["x-request-id"] != own_id or _predictions(answer) != expected:
                wrong.append(f"{own_id} was given the answer to {answer.headers['x-request-id']}")
            number += 1
    return wrong
