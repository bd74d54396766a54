"""A driver of devices that are not there, for the kubelet of one node; it runs as root in a pod of that node.

The kubelet asks a driver to prepare what the scheduler gave to a pod. This one agrees, and adds nothing to the pod,
so that the pod starts as it would with NVIDIA's. The services are those of k8s.io/kubelet, in its packages
pluginregistration/v1 and dra/v1. Their few messages are written by hand; each field of them is a text or a message.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

Method = Callable[[bytes], bytes]
_KUBELET = Path("/var/lib/kubelet")
_UID = 2
"""Field of a claim."""


def message(*fields: tuple[int, bytes]) -> bytes:
    """Length-delimited fields on the wire; each is shorter than 128 bytes."""
    return b"".join(bytes([number << 3 | 2, len(content)]) + content for number, content in fields)


def fields_of(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of every field, each of which is shorter than 128 bytes."""
    while encoded:
        number, length = encoded[0] >> 3, encoded[1]
        if length > 127:
            raise ValueError("a field is longer than this driver reads")
        yield number, encoded[2 : 2 + length]
        encoded = encoded[2 + length :]


def agree(request: bytes) -> bytes:
    """To prepare, or to give back, every claim of a request: an entry by its uid, with nothing in it."""
    claims = [dict(fields_of(claim)) for _, claim in fields_of(request)]
    return message(*((1, message((1, claim[_UID]), (2, b""))) for claim in claims))


def serve(socket: Path, service: str, methods: dict[str, Method]) -> grpc.Server:
    """Answer on a socket whose old file is in the way."""
    socket.parent.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(lambda request, _, answer=answer: answer(request))
        for name, answer in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"unix://{socket}")
    server.start()
    return server


def main() -> None:
    """Serve as the driver of the name that is given, until told to end."""
    (name,) = sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # in gRPC's threads as well
    plugin = _KUBELET / "plugins" / name / "dra.sock"
    about = message((1, b"DRAPlugin"), (2, name.encode()), (3, str(plugin).encode()), (4, b"v1.DRAPlugin"))
    claims: dict[str, Method] = {"NodePrepareResources": agree, "NodeUnprepareResources": agree}
    registration: dict[str, Method] = {"GetInfo": lambda _: about, "NotifyRegistrationStatus": lambda _: b""}
    registry = _KUBELET / "plugins_registry" / f"{name}-reg.sock"
    # Both are kept: one that nobody holds any more takes its socket away.
    servers = [
        serve(plugin, "k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin", claims),
        serve(registry, "pluginregistration.Registration", registration),
    ]
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    registry.unlink(missing_ok=True)  # the kubelet takes a driver whose socket lies there for one that it has
    for server in servers:
        server.stop(None).wait(60)


if __name__ == "__main__":
    main()
