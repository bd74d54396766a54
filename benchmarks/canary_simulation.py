"""Simulates rollouts of a canary, thousands at once, and looks at each of them every 15 seconds as the judge does.

Durations are lognormal (sigma 0.6, median 60 ms); requests arrive at random. Counters of pods are read at times of
their own, as Prometheus scrapes them. The looks use the functions of `plimsoll.judge.comparisons`, on tables with one
axis more; a test holds that `judge` says the same of each rollout.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from plimsoll.judge.comparisons import more_often, off_split, other_share, slower
from plimsoll.judge.counts import Interval, PodCounts, TrackCounts
from plimsoll.judge.evidence import Counts, log_mean_exp
from plimsoll.judge.rules import Rules
from plimsoll.judge.table import Table

SECONDS = 15.0
EDGES = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Of plimsoll_request_duration_seconds."""
CONSTANT = ((0.1, 120),)
RAMP = ((0.05, 40), (0.25, 40), (0.5, 40))
CLASSES = 10
_MEDIAN, _SIGMA = 0.06, 0.6
_STABLE_PODS = 3
_SCRAPE_JITTER = 5.0
_INCIDENTS_PER_HOUR = 1.0
_SLOW, _LATE = 0.05, 0.02
"""The shares of intervals in which a pod is slow, and in which nothing, or a pod, is not read."""
_Generator = np.random.Generator


@dataclass(frozen=True, slots=True)
class Canary:
    """The differences of a canary: `speed` 1.5 takes 50 % longer; of `tail` requests each takes 8 times as long."""

    speed: float = 1.0
    tail: float = 0.0
    failed: float = 0.005
    one_class: bool = False
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A rollout: its traffic, weights and troubles. `share` of the weight is what the canary really gets.

    `weights` has each weight and its number of intervals. With `connections` that many connections stay with a pod
    for ever, and requests of one share a speed, which differs by `connection_spread`; the weight is then that of the
    pods. In `slow_moments` a pod takes twice as long for an interval, one of 20. In `incidents` a pod fails all
    requests for a second, once an hour. `losses` are intervals that were not
    read, pods that were read an interval late, and a pod that restarts.
    """

    name: str
    rate: float
    weights: tuple[tuple[float, int], ...] = CONSTANT
    canary: Canary = Canary()
    stable_failed: float = 0.005
    connections: int = 0
    connection_spread: float = 0.2
    slow_moments: bool = False
    incidents: bool = False
    losses: bool = False

    @property
    def weight(self) -> Counts:
        """The weight of each interval."""
        return np.concatenate([np.full(intervals, weight) for weight, intervals in self.weights])

    @property
    def starts(self) -> tuple[int, ...]:
        """The intervals at which a weight begins."""
        return tuple(np.cumsum([0, *(intervals for _, intervals in self.weights[:-1])]).tolist())


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of many rollouts: [edges or classes, rollouts, pods, intervals], the canary's pod first."""

    slower: Counts
    answered: Counts
    failed: Counts
    classes: Counts

    @property
    def of_canary(self) -> NDArray[np.bool_]:
        """Which pods are of the canary."""
        pods: NDArray[np.bool_] = np.arange(self.answered.shape[-2]) == 0
        return pods


def shares_of_buckets(speed: float, tail: float = 0.0) -> Counts:
    """The shares of answers in each bucket of the histogram, the last of which has no end."""
    normal = NormalDist(np.log(_MEDIAN * speed), _SIGMA)

    def above(factor: float) -> Counts:
        return np.array([1.0, *(1 - normal.cdf(np.log(edge / factor)) for edge in EDGES), 0.0])

    return -np.diff((1 - tail) * above(1.0) + tail * above(8.0))


def simulate(scenario: Scenario, rollouts: int, random: _Generator) -> Counted:
    """The counts of so many rollouts."""
    weight = scenario.weight
    shape = (rollouts, 1 + _STABLE_PODS, len(weight))
    rates = np.empty(shape[1:])
    rates[0] = weight * scenario.canary.share
    rates[1:] = (1 - weight * scenario.canary.share) / _STABLE_PODS
    expected = scenario.rate * SECONDS * rates * _durations(shape, random)
    if scenario.losses:
        _restart(expected, random)
    buckets = random.poisson(_by_bucket(scenario, expected, random)).astype(np.float64)
    failed_shares = np.array([scenario.canary.failed, *[scenario.stable_failed] * _STABLE_PODS])
    answered = buckets.sum(axis=0)
    failed = random.binomial(answered.astype(np.int64), failed_shares[:, None]).astype(np.float64)
    if scenario.incidents:
        _add_incidents(failed, answered, random)
    classes = random.poisson(np.repeat(expected[None] / CLASSES, CLASSES, axis=0)).astype(np.float64)
    if scenario.canary.one_class:
        classes[0, :, 0] = classes[:, :, 0].sum(axis=0)
        classes[1:, :, 0] = 0
    counted = Counted(np.cumsum(buckets[::-1], axis=0)[::-1][1:], answered, failed, classes)
    if scenario.losses:
        _lose(counted, random)
    return counted


def _durations(shape: tuple[int, int, int], random: _Generator) -> Counts:
    """The time between two scrapes of a pod, in intervals."""
    late = random.uniform(0, _SCRAPE_JITTER, (*shape[:2], shape[2] + 1))
    return 1 + np.diff(late, axis=-1) / SECONDS


def _by_bucket(scenario: Scenario, expected: Counts, random: _Generator) -> Counts:
    """The expected answers in each bucket, [buckets, rollouts, pods, intervals]."""
    rollouts, pods, intervals = expected.shape
    speeds = [scenario.canary.speed, *[1.0] * _STABLE_PODS]
    tails = [scenario.canary.tail, *[0.0] * _STABLE_PODS]
    if scenario.connections:
        return _of_connections(scenario, expected, random)
    usual = np.array([shares_of_buckets(*each) for each in zip(speeds, tails, strict=True)])
    shares = np.broadcast_to(usual.T[:, None, :, None], (usual.shape[1], rollouts, pods, intervals))
    if scenario.slow_moments:
        slow = np.array([shares_of_buckets(2 * speed, tail) for speed, tail in zip(speeds, tails, strict=True)])
        shares = np.where(random.random(expected.shape) < _SLOW, slow.T[:, None, :, None], shares)
    of_buckets: Counts = shares * expected
    return of_buckets


def _of_connections(scenario: Scenario, expected: Counts, random: _Generator) -> Counts:
    """The same where connections stay with a pod: the pods of a rollout have other numbers of other connections."""
    rollouts, pods, _ = expected.shape
    grid = np.linspace(-3, 3, 61)
    by_speed = np.array(
        [
            [shares_of_buckets(float(np.exp(scenario.connection_spread * at)) * speed) for at in grid]
            for speed in (scenario.canary.speed, 1.0)
        ]
    )
    of_pod = random.integers(0, pods, (rollouts, scenario.connections))
    speed = np.clip(np.rint((random.standard_normal(of_pod.shape) + 3) * 10), 0, 60).astype(np.int64)
    summed = np.zeros((rollouts, pods, by_speed.shape[-1]))
    which = np.where(of_pod == 0, 0, 1)
    np.add.at(summed, (np.arange(rollouts)[:, None], of_pod), by_speed[which, speed])
    a_connection = expected.sum(axis=1, keepdims=True) / scenario.connections
    of_buckets: Counts = summed.transpose(2, 0, 1)[..., None] * a_connection
    return of_buckets


def _add_incidents(failed: Counts, answered: Counts, random: _Generator) -> None:
    """Now and then a pod fails all requests of a second."""
    happens = random.random(answered.shape) < _INCIDENTS_PER_HOUR * SECONDS / 3600
    lost = random.binomial(answered.astype(np.int64), 1 / SECONDS)
    np.copyto(failed, np.maximum(failed, lost), where=happens)


def _restart(expected: Counts, random: _Generator) -> None:
    """One pod of each rollout loses a part of an interval, which no scrape saw."""
    rollouts, pods, intervals = expected.shape
    places = (np.arange(rollouts), random.integers(0, pods, rollouts), random.integers(0, intervals, rollouts))
    expected[places] *= random.random(rollouts)


def _lose(counted: Counted, random: _Generator) -> None:
    """Now and then nothing is read, or not a pod; the next interval then has the counts of both."""
    rollouts, pods, intervals = counted.answered.shape
    late = random.random((rollouts, 1, intervals)) < _LATE
    late = late | (random.random((rollouts, pods, intervals)) < _LATE)
    for each in (counted.slower, counted.answered, counted.failed, counted.classes):
        for interval in range(intervals - 1):
            moved = np.where(late[..., interval], each[..., interval], 0.0)
            each[..., interval] -= moved
            each[..., interval + 1] += moved


@dataclass(frozen=True, slots=True)
class Looks:
    """Log evidence at each look of each rollout, [rollouts, intervals]: of a failure, of the split, of classes."""

    worse: Counts
    split: Counts
    classes: Counts


def look(scenario: Scenario, counted: Counted, rules: Rules) -> Looks:
    """What the judge finds at each look."""
    rules = rules.between_pods() if scenario.connections else rules
    margin, starts, of_canary = rules.margin, scenario.starts, counted.of_canary
    answered = Table(np.broadcast_to(counted.answered, counted.slower.shape), counted.slower, of_canary)
    latency = log_mean_exp(slower(answered, EDGES, margin, starts))
    errors = more_often(Table(counted.answered, counted.failed, of_canary), margin, starts)
    total = np.broadcast_to(counted.classes.sum(axis=0), counted.classes.shape)
    classes = log_mean_exp(other_share(Table(total, counted.classes, of_canary), margin, starts))
    return Looks(log_mean_exp(np.array([latency, errors])), _split(scenario, counted), classes)


def _split(scenario: Scenario, counted: Counted) -> Counts:
    """The evidence of each step on its own, as the judge looks at the present one."""
    ends = (*scenario.starts[1:], counted.answered.shape[-1])
    steps = [slice(*each) for each in zip(scenario.starts, ends, strict=True)]
    canary, stable = counted.answered[:, 0], counted.answered[:, 1:].sum(axis=1)
    if scenario.connections:
        return np.zeros(canary.shape)
    found = [off_split(canary[:, step], stable[:, step], float(scenario.weight[step][0])) for step in steps]
    return np.concatenate(found, axis=-1)


def intervals_of(scenario: Scenario, counted: Counted, rollout: int) -> list[Interval]:
    """One of the rollouts as a reader of Prometheus gives it; it began at 0."""

    def pod(number: int, at: int) -> PodCounts:
        place = (rollout, number, at)
        counts = TrackCounts(
            requests=float(counted.answered[place]),
            failed=float(counted.failed[place]),
            answered=float(counted.answered[place]),
            slower={edge: float(each[place]) for edge, each in zip(EDGES, counted.slower, strict=True)},
            classes={str(name): float(each[place]) for name, each in enumerate(counted.classes)},
        )
        return PodCounts(f"pod-{number}", counts)

    pods, intervals = counted.answered.shape[1:]
    return [
        Interval(
            start_seconds=at * SECONDS,
            end_seconds=(at + 1) * SECONDS,
            weight=None if scenario.connections else float(scenario.weight[at]),
            canary=(pod(0, at),),
            stable=tuple(pod(number, at) for number in range(1, pods)),
        )
        for at in range(intervals)
    ]
