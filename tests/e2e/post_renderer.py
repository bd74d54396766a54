"""A moment between what Helm renders and what it applies: a post-renderer, which Helm 4 wants as a plugin."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tests.e2e.cluster import eventually

_PLUGIN = """\
apiVersion: v1
type: postrenderer/v1
name: pause
version: 0.1.0
runtime: subprocess
runtimeConfig:
  platformCommand:
    - command: ${HELM_PLUGIN_DIR}/pause.sh
"""
_PAUSE = """\
#!/bin/sh
set -e
cd "$(dirname "$0")"
cat > manifest
touch rendered
tries=0
until [ -e go ]; do tries=$((tries + 1)); [ $tries -lt 3000 ]; sleep 0.1; done
cat manifest
"""


class Pause:
    """A folder of plugins, for `HELM_PLUGINS`, with one that waits."""

    option = "--post-renderer=pause"

    def __init__(self, folder: Path) -> None:
        self.plugins = folder
        self._own = folder / "pause"
        self._own.mkdir()
        (self._own / "plugin.yaml").write_text(_PLUGIN, encoding="utf-8")
        (self._own / "pause.sh").write_text(_PAUSE, encoding="utf-8")
        (self._own / "pause.sh").chmod(0o755)

    def during(self, upgrade: Callable[[], None], operate: Callable[[], None]) -> Future[None]:
        """Do something once an upgrade that takes the option is rendered; how the upgrade ended after that."""
        for name in ("rendered", "go"):
            (self._own / name).unlink(missing_ok=True)
        with ThreadPoolExecutor(max_workers=1) as helm:
            ended = helm.submit(upgrade)
            try:
                eventually("the rendered chart", lambda: ended.done() or (self._own / "rendered").exists())
                if ended.done():
                    ended.result()
                    raise AssertionError("the upgrade ended without asking the post-renderer")
                operate()
            finally:
                (self._own / "go").touch()
        return ended
