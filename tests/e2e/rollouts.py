"""A rollout under load, from an installed release to what became of it, and what it cost its users."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.e2e.client_pod import LoadPod
from tests.e2e.cluster import Cluster, eventually, run
from tests.e2e.gateway import NAME as GATEWAY
from tests.e2e.gateway import Way
from tests.e2e.observers import InClusterPrometheus
from tests.e2e.release import Release, namespace_in
from tests.e2e.rollouts_driver import PROMOTED, ROLLED_BACK, Driver, record_of, run_command
from tests.e2e.rollouts_models import BODIES, GOOD, STABLE
from tests.e2e.rollouts_route import Seen, watched_route

RATE = 20
"""Requests a second, unless a course says otherwise."""
_MOST_SECONDS = 3600


@dataclass(frozen=True)
class Course:
    """A rollout to run: which version follows which, and how.

    `values` and `typed` are more values of the release, `options` those of the command. With `split` `replicas` the
    load goes to the Service, whose pods of both tracks share the connections. With `waits` the command waits for a
    person where one has to decide; otherwise it ends. The load begins `warm_seconds` before, because the command asks
    for the rate of the last minutes.
    """

    name: str
    canary: str = GOOD
    stable: str = STABLE
    split: Literal["gatewayAPI", "replicas"] = "gatewayAPI"
    waits: bool = False
    pods: int = 2
    rate: float = RATE
    warm_seconds: float = 45
    values: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The host name of its route; all releases share one Gateway."""
        return f"{self.name}.e2e.test"


@dataclass(frozen=True)
class Ground:
    """The place where rollouts run; `url` leads to Prometheus, and `folder` takes what the commands print."""

    cluster: Cluster
    image: str
    way: Way
    prometheus: InClusterPrometheus
    url: str
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """What a rollout did. Times in seconds since 1970; `began` is the start of the command, `ended` its end."""

    course: Course
    code: int
    said: str
    report: dict[str, Any]
    seen: Seen
    record: dict[str, Any]
    values: dict[str, Any]
    began: float
    ended: float
    canary_requests: int

    @property
    def version(self) -> str:
        """The version of stable at the end."""
        return str(self.values["model"]["version"])

    @property
    def mode(self) -> str:
        """Whether there still is a canary."""
        return str(self.values.get("canary", {}).get("mode", "none"))

    @property
    def minutes(self) -> float:
        """From the first request that the canary could get to the decision, or all of it where it never could.

        The decision is when it got none again, and the end of the command if it was promoted.
        """
        begun = self.seen.first_at()
        if begun is None:
            return (self.ended - self.began) / 60
        ended = self.ended if self.code == PROMOTED else self.seen.left_at(begun) or self.ended
        return (ended - begun) / 60

    @property
    def failed(self) -> int:
        """Requests that their users saw fail: everything but 200."""
        return int(self.report["sent"] - self.report["by_status"].get("200", 0))

    @property
    def failed_by_the_model(self) -> int:
        """Those that a model failed to answer. Only a canary that is made so does that."""
        return sum(count for what, count in self.report["failures"].items() if what.endswith(" 500"))

    @property
    def failed_by_the_rollout(self) -> int:
        """The rest: nobody's model, so the changes of the release."""
        return self.failed - self.failed_by_the_model

    @property
    def wrong(self) -> int:
        """Answers with another class than every good version gives."""
        return sum(count for what, count in self.report["failures"].items() if what.endswith(" class"))

    def words(self, cause: str = "the rollout") -> str:
        """The findings, for a row of the transcript; `cause` is what the failures are due to that no model made."""
        ending = {PROMOTED: "promoted", ROLLED_BACK: "rolled back"}.get(self.code, f"ended with {self.code}")
        wrong = f", {self.wrong} answered wrongly" if self.wrong else ""
        return (
            f"{ending} after {self.minutes:.1f} min; {self.report['sent']} requests, {self.canary_requests} to the "
            f"canary, {self.failed} failed for users{wrong}, {self.failed_by_the_rollout} because of {cause}; "
            f"mode {self.mode}, version {self.version}"
        )

    def check(self, code: int, *, rollout_failures: int | None = 0) -> None:
        """Whether it ended as it should: by this exit code, and with one writer of the route.

        Without a canary, with the right version, and with no request lost but by a model; `None` allows any number.
        """
        assert self.code == code, f"{self.course.name}: {self.words()}; it said:\n{self.said[-3000:]}"
        version = self.course.canary if code == PROMOTED else self.course.stable
        assert (self.mode, self.version) == ("none", version), self.words()
        if self.course.split == "gatewayAPI":
            assert self.seen.moments[-1].weight == 0, self.seen.moments
            assert self.seen.writers == {"helm"}, self.seen.writers
        if rollout_failures is not None:
            assert self.failed_by_the_rollout == rollout_failures, f"{self.words()}: {self.report['errors']}"


Meanwhile = Callable[[Driver], None]


def wait_only(driver: Driver) -> None:
    """Do nothing to a rollout."""
    del driver


def release_of(ground: Ground, course: Course) -> Release:
    """A release that serves the stable version, whose pods Prometheus scrapes every five seconds."""
    routed = str(course.split == "gatewayAPI").lower()
    return Release(
        ground.cluster, ground.image, course.name, f"model.version={course.stable}",
        f"httpRoute.parentRefs[0].name={GATEWAY}", f"httpRoute.hostnames[0]={course.host}",
        namespace_in("networkPolicy.clients", ground.way.namespace),
        namespace_in("networkPolicy.prometheus", ground.prometheus.namespace),
        "monitoring.podMonitor.interval=5s", "resources.requests.cpu=50m", *course.values,
        typed=(
            f"replicas={course.pods}", "auth.allowAnonymous=true", f"httpRoute.enabled={routed}",
            "monitoring.podMonitor.enabled=true", "monitoring.rules.enabled=true", "serving.torchThreads=1",
            *course.typed,
        ),
    )  # fmt: skip


@contextmanager
def under_load(ground: Ground, course: Course) -> Iterator[dict[str, Any]]:
    """Requests of all classes at the rate of the course, as many before the block as `warm_seconds` bring.

    Prometheus has counted them by then. The report is filled in once the block is over.
    """
    through_gateway = course.split == "gatewayAPI"
    where, port = (ground.way.address, 80) if through_gateway else (course.name, 8000)
    load = LoadPod(
        ground.cluster, ground.image, where, f"load-{course.name}", "", f"--port={port}", f"--rate={course.rate}",
        f"--bodies={BODIES}", *([f"--authority={course.host}"] if through_gateway else []),
    )  # fmt: skip
    report: dict[str, Any] = {}
    load.start()
    try:
        time.sleep(course.warm_seconds)
        eventually("requests that Prometheus has counted", lambda: _is_warm(ground, course), timeout_seconds=600)
        yield report
        report.update(load.stop())
    finally:
        load.remove()


def _is_warm(ground: Ground, course: Course) -> bool:
    """Whether the rate of the last five minutes shows the requests of `warm_seconds`; a new pod is scraped late."""
    series = f'plimsoll_requests_total{{namespace="{ground.cluster.namespace}",service="{course.name}-stable"}}'
    found = ground.prometheus.query(f"sum(rate({series}[5m]))")
    return bool(found) and float(found[0]["value"][1]) * 300 >= course.rate * course.warm_seconds


def run_course(ground: Ground, course: Course, meanwhile: Meanwhile = wait_only) -> Outcome:
    """Install a release, load it, roll the canary out by the command, and remove the release.

    `meanwhile` gets the driver once it has begun, and may kill and start it again.
    """
    release = release_of(ground, course)
    release.install()
    try:
        with under_load(ground, course) as report:
            found = roll_out(ground, course, meanwhile)
            time.sleep(3)
        return Outcome(course=course, report=report, canary_requests=_to_canary(ground, found, report), **found)
    finally:
        release.uninstall()


def roll_out(ground: Ground, course: Course, meanwhile: Meanwhile = wait_only) -> dict[str, Any]:
    """Run the command to its end for a release that is installed: all parts of an `Outcome` but for its load's."""
    options = course.options if course.waits else ("--no-wait", *course.options)
    command = run_command(ground.url, ground.cluster.namespace, course.name, course.canary, *options)
    driver = Driver(command, ground.folder / f"{course.name}-{time.time():.0f}.txt")
    watch = watched_route(ground.cluster, course.name) if course.split == "gatewayAPI" else nullcontext(Seen())
    with watch as seen:
        began = time.time()
        driver.start()
        meanwhile(driver)
        code = driver.to_the_end(_MOST_SECONDS)
        ended = time.time()
        time.sleep(2)  # what the route was last, the watch says a moment later
    return {
        "code": code, "said": driver.said(), "seen": seen, "began": began, "ended": ended,
        "record": record_of(ground.cluster, course.name), "values": _values(ground.cluster, course.name),
    }  # fmt: skip


def _values(cluster: Cluster, name: str) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(
        run("helm", "--namespace", cluster.namespace, "get", "values", name, "--all", "--output=json")
    )
    return given


def _to_canary(ground: Ground, found: dict[str, Any], report: dict[str, Any]) -> int:
    """The requests that the canary's pods answered, by their own count, or by the clients' where that is more.

    Prometheus may have forgotten some. What clients saw is the canary's as long as stable serves another version.
    """
    name, since = found["record"]["plan"]["fullname"], int(time.time() - found["began"]) + 5
    series = f'plimsoll_requests_total{{namespace="{ground.cluster.namespace}",service="{name}-canary"}}'
    counted = ground.prometheus.query(f"sum(last_over_time({series}[{since}s]))")
    by_pods = int(float(counted[0]["value"][1])) if counted else 0
    if found["code"] == PROMOTED:
        return by_pods
    canary = str(found["record"]["plan"]["canary"].get("model", {}).get("version", ""))
    failures = report["failures"]
    seen = report["versions"].get(canary, 0) + failures.get(f"{canary} class", 0) + failures.get("none 500", 0)
    return max(by_pods, int(seen))
