"""Every error Plimsoll raises on purpose, and the HTTP status each one becomes.

::

    PlimsollError                   500 internal
    ├── ClientError                 the caller can mend it
    │   ├── MalformedRequest        400 malformed_request: not HTTP/1.1; the connection is closed
    │   ├── MalformedBody           400 not_json, not_csv, not_multipart, not_compressed, not_protobuf, empty_body
    │   ├── HostNotAllowed          400 host_not_allowed
    │   ├── Unauthorized            401 unauthorized
    │   ├── Forbidden               403 forbidden
    │   ├── OriginNotAllowed        403 origin_not_allowed
    │   ├── NotFound                404 not_found, model_not_found, version_not_found, no_golden_request
    │   ├── NoDefaultModel          404 model_not_found: no model is named, and none is the default
    │   ├── MethodNotAllowed        405 method_not_allowed
    │   ├── HeadTooSlow             408 head_too_slow
    │   ├── BodyTooSlow             408 body_too_slow
    │   ├── DesiredStateNotWritable 409 desired_state_not_writable
    │   ├── BodyTooLarge            413 body_too_large
    │   ├── RequestLineTooLong      414 request_line_too_long
    │   ├── UnsupportedMediaType    415 unsupported_media_type
    │   ├── InvalidInput            422 invalid_input
    │   └── HeadTooLarge            431 head_too_large
    ├── Unavailable                 the caller can come back
    │   ├── Overloaded              429 overloaded
    │   ├── Loading                 503 loading
    │   ├── LoadFailed              503 failed
    │   ├── Draining                503 draining
    │   ├── Stuck                   503 stuck
    │   ├── DeadlineExceeded        504 deadline_exceeded
    │   └── OutOfDeviceMemory       507 out_of_device_memory
    ├── ClientGone                  499 client_gone: counted, and never sent
    ├── ModelFailed                 500 model_failed: the model could not answer this request
    └── OperatorError               the operator can mend it; never raised while answering a request
        ├── BundleError             one check of a bundle failed; says which
        ├── DesiredStateError       the desired state cannot be read
        └── DeviceError             the device asked for is not there

A message of a `ClientError`, `Unavailable` or `ModelFailed` reaches the client: it never holds a path or a secret.
"""

from __future__ import annotations

from typing import ClassVar


class PlimsollError(Exception):
    """Base of the tree. `code` is stable and machine-readable, `message` is for people.

    `expected` and `given` are the contract and what came instead; `index` is the row at fault, `model` the model whose
    state is the cause. With `closes_connection` the rest of the request is not read, and the connection is closed.
    """

    status: ClassVar[int] = 500
    code = "internal"
    closes_connection = False
    retry_after_seconds: int | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        expected: str | None = None,
        given: str | None = None,
        index: int | None = None,
        model: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.given = given
        self.index = index
        self.model = model
        if code is not None:
            self.code = code


class ClientError(PlimsollError):
    """The request cannot be answered as it stands; sending it again unchanged will not help."""

    status = 400
    code = "bad_request"


class MalformedRequest(ClientError):
    """The request is not valid HTTP/1.1, or two readers could understand it differently."""

    code = "malformed_request"


class MalformedBody(ClientError):
    """The body is empty, or not in the format that it is said to be in."""

    code = "not_json"


class HostNotAllowed(ClientError):
    """The request names a host that this server does not answer for."""

    code = "host_not_allowed"


class Unauthorized(ClientError):
    """No API key, or one that is not known."""

    status = 401
    code = "unauthorized"


class Forbidden(ClientError):
    """A known API key that lacks the scope of this route."""

    status = 403
    code = "forbidden"


class OriginNotAllowed(ClientError):
    """A web page of another site has sent the request."""

    status = 403
    code = "origin_not_allowed"


class NotFound(ClientError):
    """No such route, model or version."""

    status = 404
    code = "not_found"


class NoDefaultModel(ClientError):
    """The request names no model, and there is no default."""

    status = 404
    code = "model_not_found"


class MethodNotAllowed(ClientError):
    """The route exists, the verb does not."""

    status = 405
    code = "method_not_allowed"


class HeadTooSlow(ClientError):
    """The head of the request did not come in time."""

    status = 408
    code = "head_too_slow"


class BodyTooSlow(ClientError):
    """The body arrives too slowly."""

    status = 408
    code = "body_too_slow"
    closes_connection = True


class DesiredStateNotWritable(ClientError):
    """The server cannot write the desired state, for example on a cluster."""

    status = 409
    code = "desired_state_not_writable"


class BodyTooLarge(ClientError):
    """The body is longer than the server reads."""

    status = 413
    code = "body_too_large"
    closes_connection = True


class RequestLineTooLong(ClientError):
    """The first line of the request is longer than the server reads."""

    status = 414
    code = "request_line_too_long"


class UnsupportedMediaType(ClientError):
    """The body is of a type, or compressed in a way, that this route does not read."""

    status = 415
    code = "unsupported_media_type"


class InvalidInput(ClientError):
    """Well-formed JSON that does not fit the model's signature."""

    status = 422
    code = "invalid_input"


class HeadTooLarge(ClientError):
    """The head of the request has more bytes or fields than the server reads."""

    status = 431
    code = "head_too_large"


class Unavailable(PlimsollError):
    """The server cannot answer now; the answer says when to retry."""

    status = 503
    code = "unavailable"
    retry_after_seconds: int | None = 1


class Overloaded(Unavailable):
    """The limit of requests in flight, or of bodies being read, is reached; nothing was computed."""

    status = 429
    code = "overloaded"


class Loading(Unavailable):
    """The model is known and not ready yet."""

    code = "loading"


class LoadFailed(Unavailable):
    """The version failed a check when it was loaded; an operator has to correct it."""

    code = "failed"
    retry_after_seconds: int | None = None


class Draining(Unavailable):
    """The server or this version is stopping; another replica or version will answer."""

    code = "draining"


class Stuck(Unavailable):
    """The model or the task of this version does not return; another version or replica will answer."""

    code = "stuck"


class DeadlineExceeded(Unavailable):
    """The timeout of the request is over."""

    status = 504
    code = "deadline_exceeded"
    retry_after_seconds: int | None = None


class OutOfDeviceMemory(Unavailable):
    """The request does not fit the accelerator's memory, even alone; a smaller one may."""

    status = 507
    code = "out_of_device_memory"
    retry_after_seconds: int | None = None


class ClientGone(PlimsollError):
    """The client left before it was answered. 499 is nginx's status for that."""

    status = 499
    code = "client_gone"


class ModelFailed(PlimsollError):
    """The model or its task raised something, or broke the signature; what it raised is the `__cause__` alone."""

    code = "model_failed"


class OperatorError(PlimsollError):
    """A fault that the operator of the server has to correct."""


class BundleError(OperatorError):
    """One check of a bundle failed.

    `check` names it: manifest, task, files, digest, format, weights, signature, golden, independence, padding, warm-up
    or start-up. `message` is our own sentence and may reach clients. `detail` holds the words of a model or of its
    factory, which may name paths: it goes to the log and to the person at the command line only. `str` gives both.
    """

    def __init__(self, check: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.check = check
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message}: {self.detail}" if self.detail else self.message


class DesiredStateError(OperatorError):
    """The desired state is not readable or names what does not exist."""


class DeviceError(OperatorError):
    """The requested device does not exist on this machine."""
