"""Limits the number of open connections to the file descriptors of the process."""

from __future__ import annotations

import logging
import resource

_log = logging.getLogger(__name__)

_RESERVED = 192
"""Descriptors for models, files, exporters and other servers; of few descriptors, three quarters."""


def connections_that_fit(wanted: int) -> int:
    """`wanted` connections, or fewer where the limit of descriptors allows no more; the log says so.

    A process without a free descriptor takes no connection at all, not even a probe's. At a cap below that limit a
    connection that is idle makes room.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    fit = wanted if limit == resource.RLIM_INFINITY else max(limit - _RESERVED, limit // 4)
    if fit < wanted:
        _log.warning(
            "connection limit is %d instead of %d, because the process may open only %d files (ulimit -n)",
            fit,
            wanted,
            limit,
        )
    return min(fit, wanted)
