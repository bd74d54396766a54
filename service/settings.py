"""Every setting, and the only place where Plimsoll reads or writes the environment.

Precedence: command line > environment (`PLIMSOLL_...`) > `.env` in the working directory > files in
`/run/secrets/plimsoll` > default.
"""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as PydanticSettingsError

from service.bundle.manifest import FACTORY
from service.errors import OperatorError

PREFIX = "PLIMSOLL_"
SECRETS_FOLDER = Path("/run/secrets/plimsoll")

Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(OperatorError):
    """A setting has a value that cannot be used; the message names the variable."""


class Settings(BaseSettings):
    """What an operator may choose. Frozen; passed down as plain values."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, allow_inf_nan=False
    )

    host: str = Field("127.0.0.1", description="Address to listen on. The image sets 0.0.0.0.")
    port: Port = Field(8000, description="Port of the API and the probes; 0 takes a free one.")
    metrics_port: Port | None = Field(
        None, description="Serve /metrics on this port instead of the main one (one worker only). The chart sets 8001."
    )
    admin_host: str = Field("127.0.0.1", description="Address of the admin API; beyond loopback it needs keys.")
    admin_port: Port = Field(
        8002, description="Port of the admin API, which is there where a desired state is; 0 takes a free one."
    )
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Processes under gunicorn, for bare hosts. On Kubernetes leave 1 and scale pods."
    )
    models_dir: Path = Field(Path("models"), description="Folder of bundles, `<name>/<version>/` each.")
    desired_state: Path | None = Field(
        None, description="YAML file naming the models and versions to serve; without it the highest of each model."
    )
    default_model: str | None = Field(
        None, description="The model behind /v1/predict; not needed where exactly one is loaded."
    )
    track: Literal["stable", "canary"] | None = Field(
        None, description="Which side of a rollout this pod is on. Set by the chart, empty elsewhere."
    )
    device: str = Field("auto", description="auto (a GPU where there is one), cpu, cuda or cuda:N.")
    cpus: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None,
        description="CPUs that this server may keep busy; without it those that the process may run on. The chart "
        "tells the pod's limit, or its request where it has none.",
    )
    torch_threads: Annotated[int, Field(ge=1, le=256)] | None = Field(
        None, description="Threads of one forward pass on the CPU; without it each worker's share of the CPUs."
    )
    inline_budget_ms: Annotated[float, Field(ge=0, le=1000)] = Field(
        1.0, description="A batch that warm-up measured as faster than this runs on the event loop itself."
    )
    trust_pt2: bool = Field(
        default=False, description="Open .pt2 programs. Their loader unpickles, so a hostile file runs its own code."
    )
    factories: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Factories `package.module:callable` that bundles may have called, with commas between them."
    )
    keys_file: Path | None = Field(
        None, description="YAML file of API keys by their sha256, read again when it changes; see `plimsoll keys new`."
    )
    allow_anonymous: bool = Field(default=False, description="Serve without keys on an address that others can reach.")
    max_batch_rows: Annotated[int, Field(ge=1, le=4096)] = Field(
        128, description="The most rows that one run of a model takes; a request of more gets a run of its own."
    )
    max_wait_ms: Annotated[float, Field(ge=0, le=10_000)] = Field(
        0.0,
        description="How long the first request of a batch waits for company while the model is idle. Requests that "
        "come together share a batch all the same.",
    )
    concurrency: Annotated[int, Field(ge=1, le=100_000)] = Field(
        64, description="Requests in flight at which a version works best; what pods are scaled by."
    )
    queue_limit: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None,
        description="The most requests in flight, running and queued, per version and worker; then 429. "
        "Twice the concurrency where it is not set.",
    )
    queue_bytes: Annotated[int, Field(ge=1024)] = Field(
        256 << 20, description="The most bytes of request bodies in flight per version and worker; then 429."
    )
    cache_bytes: Annotated[int, Field(ge=0)] = Field(
        0, description="Keep the answers to inputs that come again, up to this many bytes; 0 keeps none."
    )
    request_timeout_ms: Annotated[int, Field(ge=1, le=86_400_000)] = Field(
        30_000, description="How long a request may take that sets no X-Request-Timeout-Ms; then 504."
    )
    max_request_timeout_ms: Annotated[int, Field(ge=1, le=86_400_000)] = Field(
        300_000, description="The most that X-Request-Timeout-Ms may ask for."
    )
    max_body_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = Field(
        8 << 20, description="The longest request body that is read; a longer one is answered 413."
    )
    objective_ms: Annotated[float, Field(gt=0, le=600_000)] = Field(
        100.0, description="Latency objective, always an edge of the duration histogram."
    )
    stop_wait_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        0.0,
        description="After SIGTERM, keep answering for this long while unready, so that load balancers notice. "
        "The chart sets 5.",
    )
    stop_drain_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        20.0, description="After that, how long the requests in flight may take before they are cut off."
    )
    log_format: Literal["auto", "json", "human"] = Field(
        "auto", description="auto writes for people on a terminal and JSON lines elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level to log.")
    access_log_per_second: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        10, description="The most requests answered below 300 that are logged in a second; all others are, always."
    )
    otel_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OTLP endpoint for traces; tracing is off without it. The other OTEL_* variables hold as usual.",
    )
    otel_protocol: Literal["http/protobuf", "grpc"] = Field(
        "http/protobuf",
        validation_alias="OTEL_EXPORTER_OTLP_PROTOCOL",
        description="How spans are sent. grpc needs `pip install 'plimsoll[grpc]'`, which the images do not have.",
    )
    otel_traces_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        description="The same for traces alone, with its whole path; goes before it.",
    )
    otel_traces_protocol: Literal["http/protobuf", "grpc"] | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        description="The same for traces alone; goes before it.",
    )
    otel_disabled: bool = Field(
        default=False, validation_alias="OTEL_SDK_DISABLED", description="No tracing, whatever else is set."
    )
    otel_spans_per_export: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        512, validation_alias="OTEL_BSP_MAX_EXPORT_BATCH_SIZE", description="The most spans that are sent at once."
    )
    otel_queue_spans: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        2048,
        validation_alias="OTEL_BSP_MAX_QUEUE_SIZE",
        description="The most spans that wait to be sent; further ones are dropped and counted.",
    )

    @field_validator("port", "metrics_port", mode="before")
    @classmethod
    def _no_service_link(cls, value: Any) -> Any:  # noqa: ANN401  # whatever the environment holds
        if isinstance(value, str) and value.startswith("tcp://"):
            raise ValueError(
                f"{value!r} is an address that Kubernetes injects for a Service named 'plimsoll' (service links), "
                "not a port; set `enableServiceLinks: false` in the pod, as the chart does, or rename the Service"
            )
        return value

    @field_validator("factories", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:  # noqa: ANN401  # whatever the environment holds
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("factories")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for factory in value:
            if not re.fullmatch(FACTORY, factory):
                raise ValueError(f"{factory!r} is not of the form package.module:callable")
        return value

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.workers > 1 and self.metrics_port is not None:
            raise ValueError(f"{PREFIX}WORKERS above 1 serves /metrics on the main port; unset {PREFIX}METRICS_PORT")
        if self.queue_limit is not None and self.queue_limit < self.concurrency:
            raise ValueError(f"{PREFIX}QUEUE_LIMIT is {self.queue_limit} below {PREFIX}CONCURRENCY, {self.concurrency}")
        if self.request_timeout_ms > self.max_request_timeout_ms:
            raise ValueError(f"{PREFIX}REQUEST_TIMEOUT_MS lies above {PREFIX}MAX_REQUEST_TIMEOUT_MS")
        ports = {
            "ADMIN_PORT": None if self.desired_state is None else self.admin_port,
            "METRICS_PORT": self.metrics_port,
            "PORT": self.port,
        }
        for (one, port), (other, same) in itertools.combinations(ports.items(), 2):
            if port and port == same:
                raise ValueError(f"{PREFIX}{one} and {PREFIX}{other} are both {port}; give them different ports")
        return self

    @property
    def traced(self) -> bool:
        """Whether an endpoint is there for traces, and they are wanted."""
        return bool(self.otel_endpoint or self.otel_traces_endpoint) and not self.otel_disabled

    @property
    def forward_threads(self) -> int:
        """The threads of one forward pass that are in force."""
        return self.torch_threads or max(1, (self.cpus or _cpus_of_process()) // self.workers)

    @property
    def objective_seconds(self) -> float:
        """The latency objective in the unit of the histogram."""
        return self.objective_ms / 1000

    @property
    def hard_queue_limit(self) -> int:
        """The queue limit in force."""
        return self.queue_limit or 2 * self.concurrency

    @property
    def inline_budget_seconds(self) -> float:
        """The inline budget in seconds."""
        return self.inline_budget_ms / 1000


def load_settings(**chosen: Any) -> Settings:  # noqa: ANN401  # each field's own type, checked by pydantic
    """Settings from all sources; `chosen` holds what the command line said, `None` where it was silent.

    Raises:
        SettingsError: the message names each variable at fault, what was expected and what was given.
    """
    told = {name: value for name, value in chosen.items() if value is not None}
    secrets = SECRETS_FOLDER if SECRETS_FOLDER.is_dir() else None
    try:
        return Settings(_secrets_dir=secrets, **told)
    except ValidationError as error:
        faults = [_fault(tuple(fault["loc"]), fault["msg"], fault["input"]) for fault in error.errors()]
        raise SettingsError("; ".join(faults)) from None
    except (UnicodeDecodeError, PydanticSettingsError) as error:
        raise SettingsError(f".env or a file in {SECRETS_FOLDER} cannot be read: {error}") from None


def _cpus_of_process() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # not Linux


def variable_name(field: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def prepare_libraries(metrics_folder: Path | None = None) -> None:
    """Set the variables that libraries read for themselves; call before they are imported.

    `metrics_folder` is where the processes of one server meet to count together.
    """
    # The contrib instrumentation speaks its old dialect unless told otherwise (millisecond buckets, net.* attributes).
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    os.environ.setdefault("OTEL_SERVICE_NAME", "plimsoll")
    os.environ.setdefault("OTEL_PROPAGATORS", "tracecontext")  # nothing here reads baggage, and its faults are logged
    # numpy's BLAS starts a thread for every core of the node as it is imported, and nothing here multiplies with numpy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if metrics_folder is not None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics_folder)


def _fault(location: tuple[int | str, ...], message: str, given: object) -> str:
    reason = message.removeprefix("Value error, ")
    if not location:
        return reason
    field = str(location[0])
    name = variable_name(field) if field in Settings.model_fields else field
    return f"{name}: {reason}" if repr(given) in reason else f"{name}: {reason} (given: {given!r})"
