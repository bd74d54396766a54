"""Defines every setting. Only this package reads or writes the environment.

Precedence: command line > environment (`PLIMSOLL_...`) > `.env` in the working directory > files in
`/run/secrets/plimsoll` > default.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import DotEnvSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as PydanticSettingsError

from plimsoll.errors import OperatorError
from plimsoll.inference.task_limits import TaskLimits
from plimsoll.settings.edge import LOOPBACK_HOSTS, EdgeSettings, is_loopback
from plimsoll.settings.process import ProcessSettings
from plimsoll.settings.serving import ServingSettings, cpus_of_process
from plimsoll.settings.tracing import TracingSettings, known_propagators
from plimsoll.settings.unknown import unknown_variables
from plimsoll.validation_faults import Fault, sentence_of

PREFIX = "PLIMSOLL_"
SECRETS_FOLDER = Path("/run/secrets/plimsoll")
_ENV_FILE = ".env"


class SettingsError(OperatorError):
    """A setting has a value that cannot be used; the message names the variable."""


class Settings(TracingSettings, EdgeSettings, ServingSettings, ProcessSettings):
    """Holds every setting. Frozen; the application passes its values on as plain values."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=_ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True, allow_inf_nan=False
    )

    @property
    def task_limits(self) -> TaskLimits:
        """The limits that hold for every task."""
        return TaskLimits(self.max_input_tokens, self.max_picture_pixels, self.max_picture_bytes or self.max_body_bytes)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.workers > 1 and self.metrics_port is not None:
            raise ValueError(f"{PREFIX}WORKERS above 1 serves /metrics on the main port; unset {PREFIX}METRICS_PORT")
        if self.workers > 1 and self.grpc_port is not None:
            raise ValueError(
                f"{PREFIX}WORKERS above 1 has no gRPC, whose long connections would stay with one worker each; unset "
                f"{PREFIX}GRPC_PORT"
            )
        if self.queue_limit is not None and self.queue_limit < self.concurrency:
            raise ValueError(
                f"{PREFIX}QUEUE_LIMIT, {self.queue_limit}, is less than {PREFIX}CONCURRENCY, {self.concurrency}"
            )
        if self.max_wait_ms >= self.objective_ms:
            raise ValueError(
                f"{PREFIX}MAX_WAIT_MS, {self.max_wait_ms:g}, is not less than {PREFIX}OBJECTIVE_MS, "
                f"{self.objective_ms:g}, so the wait alone uses up the latency objective; lower the wait or raise the "
                "objective"
            )
        if self.request_timeout_ms > self.max_request_timeout_ms:
            raise ValueError(f"{PREFIX}REQUEST_TIMEOUT_MS is greater than {PREFIX}MAX_REQUEST_TIMEOUT_MS")
        ports = {
            "ADMIN_PORT": None if self.desired_state is None else self.admin_port,
            "GRPC_PORT": self.grpc_port,
            "METRICS_PORT": self.metrics_port,
            "PORT": self.port,
        }
        for (one, port), (other, same) in itertools.combinations(ports.items(), 2):
            if port and port == same:
                raise ValueError(f"{PREFIX}{one} and {PREFIX}{other} are both {port}; give them different ports")
        return self

    @property
    def forward_threads(self) -> int:
        """Threads of one forward pass."""
        return self.torch_threads or max(1, (self.cpus or cpus_of_process()) // self.workers)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that a request may use; empty allows any."""
        return self._hosts_at(self.host)

    @property
    def admin_hosts(self) -> tuple[str, ...]:
        """Host names that a request to the admin port may use; empty allows any."""
        return self._hosts_at(self.admin_host)

    def _hosts_at(self, address: str) -> tuple[str, ...]:
        if self.allowed_hosts is not None:
            return () if "*" in self.allowed_hosts else self.allowed_hosts
        return LOOPBACK_HOSTS if self.keys_file is None and is_loopback(address) else ()


def load_settings(**chosen: Any) -> Settings:  # noqa: ANN401  # each field's own type, checked by pydantic
    """Read the settings from all sources; `chosen` has the values of the command line, `None` for those not given.

    Raises:
        SettingsError: the message names each variable at fault, what was expected and what was given.
    """
    told = {name: value for name, value in chosen.items() if value is not None}
    try:
        secrets = SECRETS_FOLDER if SECRETS_FOLDER.is_dir() else None
        return Settings(_secrets_dir=secrets, **told)
    except ValidationError as error:
        raise SettingsError(sentence_of(error, _describe, most=None)) from None
    except (OSError, UnicodeDecodeError, PydanticSettingsError) as error:
        raise SettingsError(f".env or a file in {SECRETS_FOLDER} cannot be read: {error}") from None


def setting_remarks(settings: Settings) -> list[str]:
    """Return a sentence for the log about each variable that is set and has no effect."""
    known = {variable_name(field) for field in Settings.model_fields}
    remarks = unknown_variables([*os.environ, *_names_in_files()], known, PREFIX)
    if settings.tracing_off_because is not None:
        remarks.append(settings.tracing_off_because)
    missing = known_propagators(settings.otel_propagators)[1] if settings.traced else []
    if missing:
        remarks.append(f"OTEL_PROPAGATORS names {', '.join(missing)}, which is not installed; tracing works without it")
    return remarks


def _names_in_files() -> list[str]:
    secrets = [each.name for each in SECRETS_FOLDER.iterdir()] if SECRETS_FOLDER.is_dir() else []
    # Only a plain file: a pipe, which tools for secrets put there, can be read once.
    dotenv = DotEnvSettingsSource(Settings, env_file=_ENV_FILE).env_vars if Path(_ENV_FILE).is_file() else ()
    return [*dotenv, *secrets]


def variable_name(field: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def prepare_libraries(*, traced: bool = False) -> None:
    """Set the variables that libraries read for themselves; call before they are imported.

    Without tracing OpenTelemetry gets none of its variables, for it refuses to be imported with some values.
    """
    if not traced:
        for name in [name for name in os.environ if name.startswith("OTEL_")]:
            del os.environ[name]
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own lines on stderr are no JSON; errors of calls are in ours
    # By default the contrib instrumentation follows its old conventions (millisecond buckets, net.* attributes).
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    os.environ.setdefault("OTEL_SERVICE_NAME", "plimsoll")
    if traced:  # otherwise OpenTelemetry would look through all installed packages for a propagator that nothing uses
        # Without a choice only trace contexts: nothing here reads baggage, and its faults are logged.
        propagators, _ = known_propagators(os.environ.get("OTEL_PROPAGATORS", ""))
        os.environ["OTEL_PROPAGATORS"] = propagators or "tracecontext"


def limit_numpy() -> None:
    """Keep numpy to one thread, since nothing here multiplies with it; call before it is imported.

    Its BLAS would start a thread for every core of the node.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def count_together(metrics_folder: Path) -> None:
    """Have the processes of one server count into files of that folder; call before a metric is made."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics_folder)


def _describe(fault: Fault) -> str:
    if not fault.location:
        return fault.reason
    field = str(fault.location[0])
    name = variable_name(field) if field in Settings.model_fields else field
    given = repr(fault.given)
    return f"{name}: {fault.reason}" if given in fault.reason else f"{name}: {fault.reason} (given: {given})"
