"""The phrases that the queries of every board are made of.

A phrase is PromQL with Grafana's variables in it. What has no traffic gives no series, never NaN, so that a panel
without data says so instead of drawing nonsense.
"""

from __future__ import annotations

DURATION = "plimsoll_request_duration_seconds"

WHERE = "cluster, namespace, service"
POD = "cluster, namespace, pod, instance"
VERSION = "model, version"

_PLACE = 'cluster=~"$cluster", namespace=~"$namespace"'
_SERVICE = f'{_PLACE}, service=~"$service"'
_VERSION = 'model=~"$model", version=~"$version"'


def series(metric: str, *matchers: str) -> str:
    """A metric of the chosen services."""
    return f"{metric}{{{', '.join((_SERVICE, *matchers))}}}"


def every_service(metric: str, *matchers: str) -> str:
    """A metric of all services of the chosen namespaces, to be a whole of which the chosen ones are a part."""
    return f"{metric}{{{', '.join((_PLACE, *matchers))}}}"


def version_series(metric: str, *matchers: str) -> str:
    """A metric of the chosen versions of the chosen services."""
    return series(metric, _VERSION, *matchers)


def rate(selector: str) -> str:
    """Per second, over as many scrapes as Grafana finds are needed."""
    return f"rate({selector}[$__rate_interval])"


def increase(selector: str) -> str:
    """How many more, over as many scrapes as Grafana finds are needed."""
    return f"increase({selector}[$__rate_interval])"


def total(expr: str, by: str = "") -> str:
    """The sum, for each value of the labels `by`."""
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


def highest(expr: str, by: str = "") -> str:
    """The maximum, for each value of the labels `by`."""
    return f"max by ({by}) ({expr})" if by else f"max({expr})"


def count(expr: str, by: str = "") -> str:
    """How many series, for each value of the labels `by`."""
    return f"count by ({by}) ({expr})" if by else f"count({expr})"


def share(part: str, whole: str) -> str:
    """One as a share of the other, where there is any of the other. Both have the same labels."""
    return f"{part} / ({whole} > 0)"


def requests(by: str = "", *matchers: str) -> str:
    """Predict requests per second."""
    return total(rate(version_series("plimsoll_requests_total", *matchers)), by)


def bad_share(by: str = "") -> str:
    """The share of requests that count against the availability objective: 5xx, and 429 of a full queue.

    The series of all requests, times zero, stand for those that have not happened yet.
    """
    answered = rate(version_series("plimsoll_requests_total"))
    failed = rate(version_series("plimsoll_requests_total", 'code=~"5.."'))
    overloaded = rate(version_series("plimsoll_requests_shed_total", 'reason="overloaded"'))
    return share(total(f"{failed} or {overloaded} or 0 * {answered}", by), requests(by))


def within_objective(by: str = "") -> str:
    """The share of answers within the latency objective, whatever that is: each pod says which bucket ends at it.

    Of a pod that has just ended too, which still has answers in the interval.
    """
    pod = "and on (cluster, namespace, pod, job, instance"
    objective = f"last_over_time({series('plimsoll_objective_seconds')}[$__rate_interval])"
    edge = f'label_replace({objective}, "le", "$1", "edge", "(.+)")'
    buckets, answers = (rate(version_series(f"{DURATION}_{part}")) for part in ("bucket", "count"))
    return share(total(f"{buckets} {pod}, le) {edge}", by), total(f"{answers} {pod}) {objective}", by))


def budget(objective: str) -> str:
    """The share of requests that an objective leaves to go wrong, as the recording rules know it of each service."""
    return series(f"plimsoll:{objective}_budget:ratio")


def budget_spent(objective: str, window: str) -> str:
    """What the worst service spent of an objective's budget over the window, as a multiple of what is allowed."""
    return highest(f"{series(f'plimsoll:{objective}_bad:ratio_rate{window}')} / on ({WHERE}) {budget(objective)}")


def quantile(q: float, histogram: str, by: str = "") -> str:
    """A quantile of what was observed; the comparison leaves out the NaN of nothing observed."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {total(rate(version_series(f'{histogram}_bucket')), labels)}) >= 0"


def mean(histogram: str, by: str = "") -> str:
    """The mean of what was observed."""
    observed = total(rate(version_series(f"{histogram}_count")), by)
    return share(total(rate(version_series(f"{histogram}_sum")), by), observed)


def of_our_processes(expr: str) -> str:
    """Metrics that other programs export under the same name, of the chosen services' processes only."""
    return f"{expr} and on (cluster, namespace, job, instance) {series('plimsoll_build_info')}"


def of_our_containers(expr: str) -> str:
    """Metrics that Kubernetes has of every container, of the chosen services' containers only."""
    return f"{expr} and on (cluster, namespace, pod, container) {series('plimsoll_build_info')}"


def of_our_autoscalers(metric: str, *matchers: str) -> str:
    """A metric that kube-state-metrics has of every autoscaler, of the chosen services' only: both have one name."""
    selector = every_service(metric, *matchers)
    named = f'label_replace({selector}, "service", "$1", "horizontalpodautoscaler", "(.+)")'
    return f"{named} and on (cluster, namespace, service) {series('plimsoll_build_info')}"


def of_our_gpus(metric: str) -> str:
    """A metric of the DCGM exporter, of the GPUs that the chosen services' pods hold.

    Scraped without `honorLabels`, as its chart does, it calls their labels `exported_pod` and `exported_namespace`.
    """
    named = f'label_replace({metric}, "pod", "$1", "exported_pod", "(.+)")'
    placed = f'label_replace({named}, "namespace", "$1", "exported_namespace", "(.+)")'
    return f"{placed} and on (cluster, namespace, pod) {series('plimsoll_build_info')}"
