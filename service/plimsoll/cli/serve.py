"""`plimsoll serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.access.keys import read_keys
from plimsoll.errors import OperatorError
from plimsoll.settings import Settings, load_settings, prepare_libraries
from plimsoll.settings.edge import is_loopback
from plimsoll.telemetry.library_refusals import refusals_of_libraries


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port. 0 chooses a free port.", show_default="8000")] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Number of worker processes (gunicorn), for hosts without Kubernetes.", show_default="1"),
    ] = None,
    models_dir: Annotated[
        Path | None,
        typer.Option("--models", help="Folder of the bundles, each in <name>/<version>/.", show_default="models"),
    ] = None,
) -> None:
    """Serve the models of a folder over HTTP.

    Every setting is also an environment variable, such as PLIMSOLL_PORT=9000; `plimsoll settings` lists them all. The
    port opens at once. The server is ready when /readyz answers 200: before that it loads, checks and warms the models.
    """
    chosen: dict[str, Any] = {"host": host, "port": port, "workers": workers, "models_dir": models_dir}
    run(load_settings(**chosen))


def run(settings: Settings) -> None:
    """Serve until a signal stops the server; use gunicorn if there is more than one worker.

    Raises:
        OperatorError: other machines could reach the server without a key, and no setting allows that; the key file
            cannot be used; or the working directory is gone, because libraries end the process without one.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise OperatorError(f"the working directory cannot be used: {error.strerror}; start in another one") from None
    if settings.keys_file is None and not settings.allow_anonymous and not is_loopback(settings.host):
        raise OperatorError(
            f"other machines can reach {settings.host}, and no API keys are set: set PLIMSOLL_KEYS_FILE to a key file "
            "(`plimsoll keys new` makes a key), or set PLIMSOLL_ALLOW_ANONYMOUS=true to allow requests without a key"
        )
    if settings.keys_file is None and settings.desired_state is not None and not is_loopback(settings.admin_host):
        raise OperatorError(
            f"other machines can reach the admin API on {settings.admin_host}, and no API keys are set: set "
            "PLIMSOLL_KEYS_FILE to a key file, or keep PLIMSOLL_ADMIN_HOST on loopback"
        )
    if settings.keys_file is not None:
        read_keys(settings.keys_file)  # here too, because under gunicorn each worker would fail by itself
    prepare_libraries(traced=settings.traced)
    # Imported here: --help waits for neither, and one process needs no gunicorn.
    with refusals_of_libraries():
        if settings.workers > 1:
            from plimsoll.server.gunicorn_server import serve_with_workers as serve_settings
        else:
            from plimsoll.server.uvicorn_server import serve_alone as serve_settings
    serve_settings(settings)
