"""Is it the node? How close pods are to their limits, how long they take to come, and what they use."""

from __future__ import annotations

from ops.dashboards.board import Board, Section
from ops.dashboards.faults import FAULTS
from ops.dashboards.panels import MODEL, PROCESS, SERVICE, Graph, Query
from ops.dashboards.promql import (
    POD,
    VERSION,
    WHERE,
    highest,
    increase,
    of_our_containers,
    of_our_gpus,
    of_our_processes,
    rate,
    series,
    share,
    total,
    version_series,
)

CONTAINER = "cluster, namespace, pod, container"


def container(metric: str, *matchers: str) -> str:
    """A metric that Kubernetes has of containers, of the chosen namespaces."""
    chosen = ('cluster=~"$cluster"', 'namespace=~"$namespace"', 'container!=""')
    return f"{metric}{{{', '.join((*chosen, *matchers))}}}"


def bound(kind: str, resource: str) -> Query:
    """What containers request or are limited to, as kube-state-metrics tells it."""
    selector = container(f"kube_pod_container_resource_{kind}", f'resource="{resource}"')
    return Query(highest(of_our_containers(highest(selector, CONTAINER))), kind.removesuffix("s"))


def throttled() -> str:
    """The share of CPU periods in which a container was stopped; 0 for those without a limit, which have no periods."""
    stopped, all_of_them = (
        total(rate(container(f"container_cpu_cfs_{name}_total")), CONTAINER)
        for name in ("throttled_periods", "periods")
    )
    unlimited = f"0 * {total(rate(container('container_cpu_usage_seconds_total')), CONTAINER)}"
    return of_our_containers(f"({share(stopped, all_of_them)} or {unlimited})")


def gpu(metric: str) -> str:
    """A metric of the DCGM exporter, for each GPU."""
    return highest(of_our_gpus(metric), "cluster, namespace, pod, gpu")


def queue_limits() -> str:
    """How many requests each pod lets in: the limits of all its versions that are ready, whichever are chosen."""
    ready = f"{series('plimsoll_model_info')} == 1"
    return total(f"{series('plimsoll_queue_limit')} and on ({POD}, {VERSION}) ({ready})", POD)


LIMITS = [
    Graph(
        "In flight in each pod",
        [
            Query(total(series("plimsoll_requests_in_flight"), POD), PROCESS),
            Query(highest(series("plimsoll_concurrency")), "concurrency"),
            Query(highest(version_series("plimsoll_queue_limit")), "queue limit"),
        ],
        unit="none",
        says="Requests inside each pod, of all its versions. A pod does best with as many as its concurrency; a "
        "version's queue limit is the most it lets in before it answers 429.",
        runbooks=("PlimsollShedding",),
    ),
    Graph(
        "Concurrency in use",
        [
            Query(
                share(
                    total(series("plimsoll_requests_in_flight"), WHERE), total(series("plimsoll_concurrency"), WHERE)
                ),
                SERVICE,
            )
        ],
        unit="percentunit",
        lines=(1.0,),
        says="Requests inside all pods of a service, as a share of how many they do best with. Above the line they "
        "queue.",
        runbooks=("PlimsollShedding",),
    ),
    Graph(
        "Queue in use",
        [Query(share(total(series("plimsoll_requests_in_flight"), POD), queue_limits()), PROCESS)],
        unit="percentunit",
        lines=(1.0,),
        says="Requests inside each pod, running and waiting, as a share of the most that it lets in. Near the line the "
        "next ones get 429; in a pod of several versions one of them may be full before.",
        runbooks=("PlimsollShedding",),
    ),
]

COLD_START = [
    Graph(
        "From bundle to ready",
        [
            Query(
                highest(
                    f"{version_series('plimsoll_model_load_seconds')} + "
                    f"{version_series('plimsoll_model_warmup_seconds')}",
                    VERSION,
                ),
                f"{MODEL}, all of it",
            ),
            Query(highest(version_series("plimsoll_model_warmup_seconds"), VERSION), f"{MODEL}, warm-up"),
        ],
        unit="s",
        says="How long the slowest pod took from opening a version's bundle to having passed its golden samples and "
        "warmed it, and how much of that was the warm-up. New pods help only after so long.",
        runbooks=("PlimsollModelLoadFailing",),
    ),
    Graph(
        "Age of each process",
        [Query(f"time() - ({of_our_processes(series('process_start_time_seconds'))})", PROCESS)],
        unit="s",
        says="How long ago each server started. A line that falls to zero is a restart.",
        runbooks=("PlimsollTargetDown",),
    ),
    Graph(
        "Restarts of containers",
        [
            Query(
                of_our_containers(
                    total(increase(container("kube_pod_container_status_restarts_total")), CONTAINER),
                ),
                "{{pod}}",
            )
        ],
        unit="none",
        says="Containers that ended and were started anew in the same pod, by a probe, by an error or for their "
        "memory. Needs kube-state-metrics.",
        runbooks=("PlimsollTargetDown",),
    ),
]

CPU = [
    Graph(
        "CPU of each process",
        [Query(of_our_processes(rate(series("process_cpu_seconds_total"))), PROCESS)],
        unit="suffix: cores",
        says="Cores that each server uses, as it measures itself; everywhere, also without Kubernetes.",
    ),
    Graph(
        "CPU of each container",
        [
            Query(
                of_our_containers(total(rate(container("container_cpu_usage_seconds_total")), CONTAINER)),
                "{{pod}}",
            ),
            bound("requests", "cpu"),
        ],
        unit="suffix: cores",
        says="Cores that each container uses, and what it has reserved. Above that it lives on what neighbours leave. "
        "Needs the kubelet's cAdvisor, and kube-state-metrics for what is reserved.",
    ),
    Graph(
        "CPU throttled",
        [Query(throttled(), "{{pod}}")],
        unit="percentunit",
        says="The share of scheduling periods in which a container was stopped at its limit of CPU, which shows as "
        "latency. 0 without a limit, which is the chart's default. Needs the kubelet's cAdvisor.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
]

MEMORY = [
    Graph(
        "Memory of each process",
        [Query(of_our_processes(series("process_resident_memory_bytes")), PROCESS)],
        unit="bytes",
        says="Resident memory of each server, as it measures itself; everywhere, also without Kubernetes.",
    ),
    Graph(
        "Memory of each container",
        [
            Query(
                of_our_containers(highest(container("container_memory_working_set_bytes"), CONTAINER)),
                "{{pod}}",
            ),
            bound("limits", "memory"),
        ],
        unit="bytes",
        says="What counts against each container's limit of memory, and the limit; at it the kernel ends the server. "
        "Needs the kubelet's cAdvisor, and kube-state-metrics for the limit.",
        runbooks=("PlimsollTargetDown",),
    ),
    Graph(
        "Open files of each process",
        [
            Query(
                of_our_processes(f"{series('process_open_fds')} / {series('process_max_fds')}"),
                PROCESS,
            )
        ],
        unit="percentunit",
        says="Files and connections that each server has open, as a share of the most it may.",
    ),
]

GPU = [
    Graph(
        "GPU memory, as the server sees it",
        [
            Query(
                highest(series("plimsoll_gpu_memory_bytes"), "cluster, namespace, pod, instance, device, state"),
                f"{PROCESS} {{{{device}}}}, {{{{state}}}}",
            )
        ],
        unit="bytes",
        says="Memory of each server's GPU: in use, by whomever, and all there is. Needs a GPU and no exporter.",
        runbooks=("PlimsollGpuErrors",),
    ),
    Graph(
        "GPU memory, by DCGM",
        [
            Query(
                f"{gpu('DCGM_FI_DEV_FB_USED')} / ({gpu('DCGM_FI_DEV_FB_USED')} + {gpu('DCGM_FI_DEV_FB_FREE')})",
                "{{pod}} {{gpu}}",
            )
        ],
        unit="percentunit",
        says="Memory in use of each GPU that the pods hold. Needs the DCGM exporter with its Kubernetes labels.",
    ),
    Graph(
        "GPU busy",
        [Query(f"{gpu('DCGM_FI_DEV_GPU_UTIL')} / 100", "{{pod}} {{gpu}}")],
        unit="percentunit",
        says="The share of time in which a GPU had any work. Busy does not mean well used: compare rows per second. "
        "Needs the DCGM exporter.",
    ),
    Graph(
        "GPU temperature",
        [Query(gpu("DCGM_FI_DEV_GPU_TEMP"), "{{pod}} {{gpu}}")],
        unit="celsius",
        says="A hot GPU lowers its clock, and the same batches take longer. Needs the DCGM exporter.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Graph(
        "GPU errors",
        [Query(gpu("DCGM_FI_DEV_XID_ERRORS"), "{{pod}} {{gpu}}")],
        unit="none",
        says="The number (XID) of the last error that the driver had of a GPU; 0 for none. Needs the DCGM exporter.",
        runbooks=("PlimsollGpuErrors",),
    ),
]

TELEMETRY = [
    Graph(
        "Spans of traces",
        [Query(total(rate(series("plimsoll_spans_total")), "result"), "{{result}}")],
        unit="cps",
        says="What became of the spans that were sampled: exported, or failed and dropped where the collector could "
        "not keep up or be reached. Serving does not wait for it.",
        runbooks=("PlimsollTelemetryDrops",),
        width=24,
    ),
]

RESOURCES = Board(
    "resources",
    "Plimsoll: resources",
    "How close pods are to their limits, how long new ones take, and what they use of CPU, memory and GPU.",
    [
        Section("Load against the limits", LIMITS),
        Section("Cold start", COLD_START),
        Section("CPU", CPU),
        Section("Memory", MEMORY),
        Section("GPU", GPU, closed=True),
        Section("What should not happen", FAULTS),
        Section("Telemetry", TELEMETRY),
    ],
)
