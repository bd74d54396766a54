"""Says why a path of the Open Inference Protocol or of Triton has no route."""

from __future__ import annotations

import re

_ABSENT = (
    (
        re.compile(r"/v2/repository/models/[^/]+/(un)?load"),
        "models are loaded and unloaded on the admin port, PLIMSOLL_ADMIN_PORT, which needs PLIMSOLL_DESIRED_STATE",
    ),
    (
        re.compile(r"/v2/(system|cuda)sharedmemory(/.*)?"),
        "this server does not read shared memory; send the tensors in the body",
    ),
    (
        re.compile(r"/v2/(models/[^/]+/)?trace/setting"),
        "this server has no trace settings; OTEL_EXPORTER_OTLP_ENDPOINT turns traces on when it starts",
    ),
    (re.compile(r"/v2/logging"), "this server has no log settings; PLIMSOLL_LOG_LEVEL sets the level when it starts"),
    (
        re.compile(r"/v2/models/[^/]+(/versions/[^/]+)?/generate(_stream)?"),
        "this server does not generate text; /v2/models/{name}/infer asks a model for tensors",
    ),
)


def absence_of(path: str) -> str:
    """A sentence about a path without a route; empty if there is nothing to say."""
    return next((sentence for pattern, sentence in _ABSENT if pattern.fullmatch(path)), "")
