"""Says which packages are missing, and which extra of the distribution has them."""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec

_TITLES = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime"}


def fault_of_packages(user: str, packages: Collection[str], extras: str, images: str = "") -> str:
    """The sentence that names the packages missing of those that `user` needs; empty if all are installed.

    `extras` are those to install, joined by commas; `images` are the tags of images that have the packages. Nothing is
    imported.
    """
    missing = [_TITLES.get(package, package) for package in packages if find_spec(package) is None]
    if not missing:
        return ""
    way = f"take an image with the tag {images}, or " if images else ""
    verb = "is" if len(missing) == 1 else "are"
    return (
        f"{user} needs {' and '.join(missing)}, which {verb} not installed here; {way}pip install 'plimsoll[{extras}]'"
    )
