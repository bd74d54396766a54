"""The files with which a new bundle is tried: a request, values of the chart, and a Dockerfile if it needs an image."""

from __future__ import annotations

import json
import os
import shlex
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import orjson
import yaml

from plimsoll.bundle.folder import Bundle
from plimsoll.errors import OperatorError
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.ports import Task

_MOST_CONFIG_MAP_BYTES = 700_000
"""Of all files of a bundle: a ConfigMap holds 1 MiB, and files that are no text become a third longer in it."""
_DOCKERFILE = """\
# {title} on top of Plimsoll's image. Nothing is installed: install what your package imports, if the image lacks it.
ARG PLIMSOLL_IMAGE={image}
FROM ${{PLIMSOLL_IMAGE}}
COPY [{place}, "/models/{name}/{version}"]
"""
_PACKAGE = """\
COPY {package} /ours/{package}
ENV PYTHONPATH=/ours \\
    PLIMSOLL_FACTORIES={factory}
"""


@dataclass(frozen=True, slots=True)
class Starter:
    """The files of one version, in the current folder, and the commands to type next, here and on a cluster."""

    bundle: Bundle
    image: str
    factory: str | None = None

    @property
    def stem(self) -> str:
        """The beginning of the names of the files."""
        return f"{self.bundle.manifest.name}-{self.bundle.manifest.version}"

    @property
    def names(self) -> Sequence[str]:
        """The names of the files."""
        ends = ("-request.json", "-values.yaml", *([".Dockerfile"] if self.needs_image else []))
        return [f"{self.stem}{end}" for end in ends]

    @property
    def needs_image(self) -> bool:
        """Whether the bundle comes in an image of its own: it is too large for a ConfigMap, or needs a package."""
        size = sum(file.stat().st_size for file in self.bundle.path.iterdir())
        return self.factory is not None or size > _MOST_CONFIG_MAP_BYTES

    def files(self, task: Task, row: Tensors) -> dict[str, bytes]:
        """The content of each file by name; `row` holds one golden row, without the batch dimension."""
        body = {task.item: task.example_row(row)}
        contents = [orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n", self._values().encode()]
        if self.needs_image:
            contents.append(self._dockerfile().encode())
        return dict(zip(self.names, contents, strict=True))

    def commands_here(self) -> Sequence[str]:
        """The commands that serve the bundle and ask it on this machine."""
        allowed = f"{_path_of(_package_of(self.factory))}PLIMSOLL_FACTORIES={self.factory} " if self.factory else ""
        url = f"http://127.0.0.1:8000/v1/models/{self.bundle.manifest.name}/predict"
        return (
            f"{allowed}plimsoll serve --models {shlex.quote(str(self._models))}",
            f"curl -s {url} -H 'Content-Type: application/json' -d @{self.stem}-request.json",
        )

    def commands_on_a_cluster(self) -> Sequence[str]:
        """The commands that bring the bundle to a cluster; an image still has to be pushed, or loaded, between them."""
        name, version = self.bundle.manifest.name, self.bundle.manifest.version
        bring = (
            f"docker build --file {self.stem}.Dockerfile --tag {name}:{version} ."
            if self.needs_image
            else f"kubectl create configmap {self.stem} --from-file={shlex.quote(str(self.bundle.path))}"
        )
        return bring, f"helm install {name} charts/plimsoll --values {self.stem}-values.yaml --wait"

    @property
    def _models(self) -> Path:
        return self.bundle.path.parent.parent

    def _values(self) -> str:
        name, version = self.bundle.manifest.name, self.bundle.manifest.version
        repository, _, tag = (f"{name}:{version}" if self.needs_image else self.image).rpartition(":")
        model: dict[str, object] = {"name": name, "version": version}
        if not self.needs_image:
            model |= {"source": "configMap", "configMap": {"name": self.stem}}
        values = {
            "fullnameOverride": name,  # the name of the Service, which clients call
            "image": {"repository": repository, "tag": tag},
            "model": model,
            "test": {"picture": ""},  # the chart's test sends a digit by default
        }
        heading = "# Written by `plimsoll init`; `helm show values` lists what else can be set.\n"
        return heading + yaml.safe_dump(values, sort_keys=False)

    def _dockerfile(self) -> str:
        manifest = self.bundle.manifest
        place = Path(os.path.relpath(self.bundle.path)).as_posix()
        if place.startswith(".."):
            raise OperatorError(
                "this bundle needs an image, which is built from the current folder, and --models lies outside of it; "
                "run plimsoll init in a folder above that of the bundles"
            )
        text = _DOCKERFILE.format(
            title=f"{manifest.name} {manifest.version}",
            image=self.image,
            place=json.dumps(place),
            name=manifest.name,
            version=manifest.version,
        )
        if self.factory is None:
            return text
        package = _package_of(self.factory)
        if _lies_here(package):
            return text + _PACKAGE.format(package=package, factory=self.factory)
        return text + f"# Install the package {package} here.\nENV PLIMSOLL_FACTORIES={self.factory}\n"


def _package_of(factory: str) -> str:
    return factory.partition(":")[0].partition(".")[0]


def _path_of(package: str) -> str:
    """The words that let Python find a package that is not installed, as it was found here; empty for another one."""
    found = find_spec(package)
    places = list(found.submodule_search_locations or [found.origin or ""]) if found is not None else []
    folder = Path(places[0]).resolve().parent if places else None
    if folder is None or folder in {
        Path(sysconfig.get_path(each)).resolve() for each in ("purelib", "platlib", "stdlib")
    }:
        return ""
    path = "$PWD" if folder == Path.cwd() else shlex.quote(str(folder))
    return f"PYTHONPATH={path}${{PYTHONPATH:+:$PYTHONPATH}} "


def _lies_here(package: str) -> bool:
    """Whether a package is a folder of the current one."""
    found = find_spec(package)
    places = list(found.submodule_search_locations or ()) if found is not None else []
    return any(Path(place).resolve() == Path(package).resolve() for place in places)
