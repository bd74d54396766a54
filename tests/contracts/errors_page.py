"""The table of docs/errors.md: each error that a client can get, by class or by a `code=` of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from plimsoll import errors
from plimsoll.errors import ClientError, ModelFailed, PlimsollError, Unavailable

SERVICE = Path(errors.__file__).parent


class Answer(NamedTuple):
    """One row of the table."""

    status: int
    code: str
    meaning: str
    remedy: str


MEANINGS = {
    "empty_body": "The body is empty.",
    "internal": "The server has a fault.",
    "model_not_found": "No such model; or none was named, and there are several.",
    "no_golden_request": "The version has no request that could be shown with its answer.",
    "not_found": "No such route.",
    "not_csv": "The body is not CSV.",
    "not_multipart": "The body is not the form that its head says.",
    "not_json": "The body is not JSON.",
    "upgrade_required": "A session was asked for without the handshake of a WebSocket.",
    "not_protobuf": "The message of a gRPC call is not the one of its method.",
    "version_not_found": "The model has no such version, or this pod does not serve it.",
}
"""Meanings of codes for which the docstring of the class says too much or too little."""

REMEDIES = {
    "internal": "Ask again once. If it comes back, give the operator the `request_id`: the log has the cause.",
    "malformed_request": "Use an HTTP library; if you do, look at the proxies on the way.",
    "not_multipart": "Send a form of multipart/form-data, with its boundary, as an HTTP library makes it.",
    "not_csv": "Send lines of numbers separated by commas, in UTF-8.",
    "not_json": "Send one JSON document in UTF-8, with finite numbers.",
    "not_protobuf": "Generate the client from the protocol's own file, or use a client of it: [grpc.md](grpc.md).",
    "host_not_allowed": "Use a name from `expected`. Operator: `PLIMSOLL_ALLOWED_HOSTS`.",
    "unauthorized": "Send `Authorization: Bearer <key>` with a key that is in the key file: [access.md](access.md).",
    "forbidden": "Use a key with the scope in `expected`.",
    "origin_not_allowed": "Ask from a program. Operator: `PLIMSOLL_ALLOWED_ORIGINS` lists the pages that may.",
    "not_found": "Correct the path; `GET /docs` lists the routes.",
    "method_not_allowed": "Use a method from `expected`, which `Allow` lists too.",
    "head_too_slow": "Send all headers right after connecting. This connection is closed: ask again over a new one. "
    "Clients that connect in advance see this on connections not used in time. Operator: `PLIMSOLL_HEAD_SECONDS`.",
    "body_too_slow": "Send the body in one go. The connection is closed: ask again over a new one.",
    "desired_state_not_writable": "Do what `message` says of the file; on a cluster, `helm upgrade`.",
    "body_too_large": "Send fewer rows in each request. Operator: `PLIMSOLL_MAX_BODY_BYTES`.",
    "request_line_too_long": "Shorten the path and the query; rows belong in the body.",
    "not_compressed": "Send one whole stream in the encoding of `Content-Encoding`; `deflate` means zlib's.",
    "unsupported_media_type": "Send `Content-Type: application/json`, uncompressed.",
    "invalid_input": "Correct the field or row that `message` and `index` name, to what `expected` says.",
    "head_too_large": "Send fewer or shorter header fields; cookies are the usual cause.",
    "overloaded": "Wait as long as `Retry-After` says, then ask again. If it lasts, the operator adds pods.",
    "loading": "Wait as long as `Retry-After` says, then ask again.",
    "failed": "Do not ask again. The operator reads which check failed at `GET /v1/models/<name>`.",
    "draining": "Ask again after `Retry-After`, over a new connection: another replica answers.",
    "stuck": "Ask again after `Retry-After`. If it lasts, the operator reads the state at `GET /v1/models/<name>`.",
    "deadline_exceeded": "Allow more time by `X-Request-Timeout-Ms`, or send fewer rows. Nothing is computed any more.",
    "out_of_device_memory": "Send fewer rows. If one row is too many, the model needs a larger device.",
    "model_failed": "Try other rows: other requests are answered. Give the operator the `request_id`.",
    "empty_body": "Send the JSON document as the body of the request.",
    "model_not_found": "Use a model from `expected`, in the path `/v1/models/<name>/predict`.",
    "no_golden_request": "Wait until the version is ready, or give its bundle a golden request of at most 1 MiB.",
    "upgrade_required": "Use a WebSocket library. If you do, let the proxies on the way pass on `Upgrade`.",
    "version_not_found": "Use a version from `expected`, or leave the version out.",
}
"""What a client can do, by code. Whoever adds an error says it here; the page cannot be made without it."""


def reaching_clients() -> list[type[PlimsollError]]:
    """The classes whose code and message are sent to clients, and `PlimsollError`, which is sent as `internal`."""
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PlimsollError)]
    public = [each for each in classes if issubclass(each, (ClientError, Unavailable, ModelFailed))]
    return [PlimsollError, *(each for each in public if not each.__subclasses__())]


def own_codes(source: str) -> Iterator[tuple[str, str]]:
    """Each class and code of `NotFound(…, code="model_not_found")` in a text of Python."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and hasattr(errors, node.func.id):
            given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            for each in (inner for value in given for inner in ast.walk(value)):
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield node.func.id, each.value


def codes() -> dict[str, type[PlimsollError]]:
    """Every code that a client can get, and the class that brings its status."""
    found = {each.code: each for each in reaching_clients()}
    for file in SERVICE.rglob("*.py"):
        found |= {code: getattr(errors, name) for name, code in own_codes(file.read_text(encoding="utf-8"))}
    return found


def answers() -> list[Answer]:
    """The rows, by status and code. Raises a `KeyError` for a code without a remedy."""
    found = codes().items()
    return sorted(
        Answer(each.status, code, MEANINGS.get(code) or _meaning(each), REMEDIES[code]) for code, each in found
    )


def table() -> str:
    """The rows as Markdown."""
    rows = ["| status | code | meaning | what to do |", "|---|---|---|---|"]
    rows += [f"| {each.status} | `{each.code}` | {each.meaning} | {each.remedy} |" for each in answers()]
    return "\n".join(rows)


def _meaning(error: type[PlimsollError]) -> str:
    """The first paragraph of its docstring, on one line."""
    return " ".join((error.__doc__ or "").partition("\n\n")[0].split())
