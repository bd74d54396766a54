"""Virtual environments of the peers: made on first use, kept under `.cache/bench`, sharing this one's torch."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from benchmarks.server import REPOSITORY

CACHE = REPOSITORY / ".cache" / "bench"
_SHARED = CACHE / "torch"
_MODEL_NEEDS = ("numpy", "safetensors")
_STAMP = "complete.json"
_INSTALL_SECONDS = 900
_MEBIBYTE = 1 << 20
_PROBE = "import numpy, torch; torch.from_numpy(numpy.ones(2))"
_VERSIONS = """
import importlib.metadata, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1:]:
    found[name] = importlib.metadata.version(name)
print(json.dumps(found))
"""


class Unavailable(Exception):
    """A peer that cannot take part; the message says why, in words that name no path and no host."""


def prepared(name: str, requirements: Sequence[str], tell: Callable[[str], None]) -> Path:
    """The interpreter of the peer's environment, which is made if it is not there as asked for.

    Raises:
        Unavailable: something of it cannot be installed.
    """
    folder, python = CACHE / name, interpreter(name)
    stamp = json.dumps({"requirements": list(requirements), "torch": version("torch"), "python": sys.version})
    if (folder / _STAMP).is_file() and (folder / _STAMP).read_text(encoding="utf-8") == stamp:
        return python
    tell(f"installing {name}: {', '.join(requirements)} (once, into .cache/bench/{name})")
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)], "its virtual environment cannot be made")
    _run([str(python), "-m", "pip", "install", "--quiet", *_MODEL_NEEDS, *requirements], "it cannot be installed")
    _share_torch(folder)
    if subprocess.run([str(python), "-c", _PROBE], capture_output=True, check=False).returncode:  # noqa: S603  # ours
        (_site_packages(folder) / "zz-shared-torch.pth").unlink()
        wanted = f"torch=={version('torch').partition('+')[0]}"
        tell(f"installing {wanted} for {name}, which cannot share ours")
        _run([str(python), "-m", "pip", "install", "--quiet", wanted], "torch cannot be installed beside it")
    (folder / _STAMP).write_text(stamp, encoding="utf-8")
    return python


def interpreter(name: str) -> Path:
    """The interpreter of an environment that was prepared."""
    return CACHE / name / "bin" / "python"


def own_mebibytes(name: str) -> float:
    """What is installed for a peer besides torch: its whole environment, links not followed."""
    return sum(path.lstat().st_size for path in (CACHE / name).rglob("*") if not path.is_dir()) / _MEBIBYTE


def mebibytes_of_ours() -> float:
    """What is installed for the service besides torch: itself and all that it needs."""
    torch_needs = {each.name for each in _closure("torch")}
    own = [each for each in _closure("plimsoll") if each.name not in torch_needs]
    paths = [Path(str(each.locate_file(file))) for each in own for file in each.files or ()]
    paths += (REPOSITORY / "service").rglob("*.py")
    return sum(path.lstat().st_size for path in set(paths) if path.is_file()) / _MEBIBYTE


def versions(python: Path, requirements: Sequence[str]) -> dict[str, str]:
    """What an environment holds of what was asked for, and Python and torch."""
    names = [re.split(r"[\[=<>~!]", requirement)[0] for requirement in requirements]
    found = subprocess.run(  # noqa: S603  # our own command
        [str(python), "-c", _VERSIONS, *names, "torch"], capture_output=True, text=True, check=True
    )
    return dict(json.loads(found.stdout))


def plain_reason(text: str) -> str:
    """The line of a program's output that says what went wrong, without addresses and paths of this machine."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"ERROR|([\w.]+\.)?\w*(Error|Exception)\b", line)]
    line = (telling or lines[-1:] or ["it said nothing"])[0]  # causes come before what follows from them
    line = re.sub(r"\w+://\S+", "<address>", line)
    return re.sub(r"(?<![\w<])(/[\w.@+-]+){2,}/?", "<path>", line)[:200]


def _share_torch(folder: Path) -> None:
    """Put torch and what it needs behind all that the peer has brought itself: its own versions go first."""
    _SHARED.mkdir(parents=True, exist_ok=True)
    for found in _closure("torch"):
        root = Path(str(found.locate_file("")))
        for top in {Path(str(file)).parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            link = _SHARED / top
            if not link.is_symlink() and (root / top).exists():
                link.symlink_to(root / top)
    (_site_packages(folder) / "zz-shared-torch.pth").write_text(f"{_SHARED}\n", encoding="utf-8")


def _closure(name: str) -> list[Distribution]:
    """A distribution and all that it needs here, extras left out."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        wanted = waiting.pop()
        try:
            one = distribution(wanted)
        except PackageNotFoundError:
            continue  # not needed on this platform
        if one.name not in found:
            found[one.name] = one
            waiting += [re.split(r"[\s;\[(=<>~!]", line)[0] for line in one.requires or () if "extra ==" not in line]
    return list(found.values())


def _site_packages(folder: Path) -> Path:
    return folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _run(command: list[str], failure: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603  # our own command
            command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{failure}: not done after {_INSTALL_SECONDS} s") from None
    if done.returncode:
        raise Unavailable(f"{failure}: {plain_reason(done.stderr or done.stdout)}")
