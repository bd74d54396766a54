"""`plimsoll serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.access.keys import read_keys
from plimsoll.cli.complaint import refusals_of_libraries
from plimsoll.errors import OperatorError
from plimsoll.settings import Settings, load_settings, prepare_libraries
from plimsoll.settings.edge import is_loopback


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", show_default="8000")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes under gunicorn, for bare hosts.", show_default="1")
    ] = None,
    models_dir: Annotated[
        Path | None, typer.Option("--models", help="Folder of bundles, <name>/<version>/ each.", show_default="models")
    ] = None,
) -> None:
    """Serve the models of a folder over HTTP.

    Every setting is also a variable, PLIMSOLL_PORT=9000 for one; `plimsoll settings` lists them all. The port is open
    at once, and the server is ready when /readyz answers 200: until then models are loaded, proven and warmed.
    """
    chosen: dict[str, Any] = {"host": host, "port": port, "workers": workers, "models_dir": models_dir}
    run(load_settings(**chosen))


def run(settings: Settings) -> None:
    """Serve until told to stop; with more than one worker, under gunicorn.

    Raises:
        OperatorError: others could reach the server without a key, and no setting says that they may; the key file
            cannot be used; or the working directory is gone, without which libraries end the process when loaded.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise OperatorError(f"the working directory cannot be used: {error.strerror}; start in another one") from None
    if settings.keys_file is None and not settings.allow_anonymous and not is_loopback(settings.host):
        raise OperatorError(
            f"others can reach {settings.host}, and there are no API keys: name a file of them by PLIMSOLL_KEYS_FILE "
            "(`plimsoll keys new` makes one), or set PLIMSOLL_ALLOW_ANONYMOUS=true if anyone may ask"
        )
    if settings.keys_file is None and settings.desired_state is not None and not is_loopback(settings.admin_host):
        raise OperatorError(
            f"others can reach the admin API on {settings.admin_host}, and there are no API keys; name a file of them "
            "by PLIMSOLL_KEYS_FILE, or leave PLIMSOLL_ADMIN_HOST on loopback"
        )
    if settings.keys_file is not None:
        read_keys(settings.keys_file)  # here too, because under gunicorn each worker would fail by itself
    prepare_libraries(traced=settings.traced)
    # Imported here: torch takes a second to load, which --help should not wait for.
    with refusals_of_libraries():
        from plimsoll.cli import gunicorn_server, uvicorn_server
    if settings.workers > 1:
        gunicorn_server.serve_with_workers(settings)
    else:
        uvicorn_server.serve_alone(settings)
