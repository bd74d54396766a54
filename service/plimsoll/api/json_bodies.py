"""Routes that read JSON bodies only. Not compiled: FastAPI reads the annotations, which a compiled function has not."""

from __future__ import annotations

from fastapi import Request

from plimsoll.api.request_body import BodyForms, check_forms
from plimsoll.inference.call import call_of

_JSON = BodyForms(("application/json",))
_JSON_OF_TRITON = BodyForms(("application/json", "application/octet-stream", ""))


def require_json(request: Request) -> None:
    """Require JSON bodies on routes that change something, because no page of another site can send JSON.

    Clients of Triton declare no type or bytes for the JSON that they send to routes under /v2. A page of another site
    can send a body without a type too. It is refused for its `Origin`, which browsers add to every POST; routes that
    take no body rely on that as well.

    Raises:
        UnsupportedMediaType: the body has another type, such as that of a form, or is compressed.
    """
    head = call_of(request.scope).head
    if head.declared_bytes() or head.has(b"transfer-encoding"):
        check_forms(head, _JSON_OF_TRITON if request.scope["path"].startswith("/v2/") else _JSON)
