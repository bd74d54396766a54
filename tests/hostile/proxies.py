"""Real proxies, which share their connections to the server among all clients."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.hostile.wire import PATIENCE_SECONDS, Address

INSTALL = "apt-get install -y nginx-light haproxy"

# The lines for WebSockets are those of nginx's documentation: any client may ask for an upgrade.
_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream served {{ server {host}:{port}; keepalive 4; }}
  server {{
    listen {own.host}:{own.port};
    client_max_body_size 0;
    {locations}
  }}
}}
"""
ONLY_PREDICT = """
    location = /v1/predict {
      proxy_pass http://served;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Host localhost;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }
    location / { return 403; }
"""
_HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend everybody
  bind {own.host}:{own.port}
  http-request deny unless {{ path /v1/predict }}
  default_backend served
backend served
  server one {host}:{port} pool-max-conn 4
"""


def _nginx(folder: Path) -> list[str]:
    return ["nginx", "-p", str(folder), "-c", str(folder / "configuration"), "-e", str(folder / "error.log")]


def _haproxy(folder: Path) -> list[str]:
    return ["haproxy", "-db", "-f", str(folder / "configuration")]


_PROXIES: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "nginx": (_NGINX, _nginx),
    "haproxy": (_HAPROXY, _haproxy),
}
NAMES = tuple(_PROXIES)


def installed(name: str) -> bool:
    """Whether the program is there."""
    return shutil.which(name) is not None


@contextmanager
def proxy(name: str, folder: Path, server: Address, locations: str = ONLY_PREDICT) -> Iterator[Address]:
    """Where the proxy listens, while it runs. It lets only /v1/predict pass, or nginx what its `locations` say."""
    configuration, command = _PROXIES[name]
    with socket.socket() as free:
        free.bind((server.host, 0))
        own = Address(*free.getsockname())
    text = configuration.format(folder=folder, own=own, host=server.host, port=server.port, locations=locations)
    (folder / "configuration").write_text(text, encoding="utf-8")
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command(folder), stdout=output, stderr=output)
    try:
        _wait_until_it_listens(own, process, folder / "output")
        yield own
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _wait_until_it_listens(own: Address, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(own).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"the proxy does not listen:\n{output.read_text(encoding='utf-8')}")
