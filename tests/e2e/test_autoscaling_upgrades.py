"""What becomes of an autoscaler's pods when the chart is changed, switched, or applied by tools that ask no cluster."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import pytest

from tests.e2e.autoscaler import Autoscaler
from tests.e2e.cluster import Cluster, CommandError, eventually, run
from tests.e2e.post_renderer import Pause
from tests.e2e.release import CHART, OWN_MODEL, Release, image_values
from tests.e2e.transcript import Transcript
from tests.e2e.watch import pods_stay, ready_pods, wanted_pods, watched_pods

pytestmark = pytest.mark.e2e_full

PODS = 3
QUIET = "autoscaling.cpuPercent=1000"
"""More than a pod takes while it starts, so that an autoscaler keeps to its bounds."""
BURN = "timeout 600 sh -c 'while :; do :; done' >/dev/null 2>&1 &"
"""Takes a core of a pod for ten minutes."""
SYNCED = "synced"


@pytest.fixture
def pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pause:
    made = Pause(tmp_path)
    monkeypatch.setenv("HELM_PLUGINS", str(made.plugins))
    return made


@pytest.mark.parametrize("server_side", ["true", "false"])
def test_switching_on_takes_no_pod_away(cluster: Cluster, image: str, transcript: Transcript, server_side: str) -> None:
    """What runs stays, though `replicas` says less by then and the autoscaler would do with less."""
    options = ("--reuse-values", f"--server-side={server_side}")
    release = Release(
        cluster, image, "joined",
        typed=(f"replicas={PODS}", "autoscaling.minReplicas=2", f"autoscaling.maxReplicas={PODS}", QUIET),
    )  # fmt: skip
    release.install()
    for change, values, typed in (
        ("on", ("autoscaling.engine=cpu",), ("replicas=1",)),
        ("resources", ("resources.requests.cpu=120m",), ()),
    ):
        with pods_stay(cluster, {"joined-stable": PODS}, change):
            release.upgrade(*values, typed=typed, options=options)
    transcript.note(f"autoscaling: on where more run, --server-side={server_side}", f"{PODS} of {PODS} ready")
    release.uninstall()


@pytest.mark.parametrize("server_side", ["true", "false"])
def test_no_upgrade_takes_a_pod_away(
    cluster: Cluster, slow_image: str, own_image: str, transcript: Transcript, server_side: str
) -> None:
    """Switched on, changed, and switched off again, with as many pods as the autoscaler wants and nobody wrote down."""
    options = ("--reuse-values", f"--server-side={server_side}")
    release = Release(
        cluster, slow_image, "switched", *OWN_MODEL,
        typed=("replicas=1", f"autoscaling.minReplicas={PODS}", "autoscaling.scaleDownAfterSeconds=3600", QUIET),
    )  # fmt: skip
    release.install()
    release.upgrade("autoscaling.engine=cpu", options=options)
    deployment = "switched-stable"
    eventually("the autoscaler's pods", lambda: ready_pods(cluster, deployment) == PODS)
    for change, typed, values in (
        ("resources", (), ("resources.requests.cpu=120m",)),
        ("image", (), image_values(own_image)),
        ("off", (f"replicas={PODS}",), ("autoscaling.engine=none",)),
        ("after", (), ("serving.logLevel=warning",)),
    ):
        with pods_stay(cluster, {deployment: PODS}, change):
            release.upgrade(*values, typed=typed, options=options)
    forced = (*options, "--force-conflicts") if server_side == "true" else options
    release.upgrade(typed=("replicas=2",), options=forced)
    release.upgrade(typed=("replicas=1",), options=options)
    assert wanted_pods(cluster, deployment) == 1
    transcript.note(f"autoscaling: on, changed and off, --server-side={server_side}", f"{PODS} of {PODS} ready")
    release.uninstall()


def test_a_number_that_changes_while_helm_renders_is_a_conflict_and_running_again_answers(
    cluster: Cluster, image: str, pause: Pause, transcript: Transcript
) -> None:
    release, deployment = _busy(cluster, image)
    change = "resources.requests.cpu=110m"
    ended = pause.during(
        lambda: release.upgrade(change, options=("--reuse-values", "--server-side=true", pause.option)),
        lambda: _have_it_scale(cluster, release),
    )
    with pytest.raises(CommandError, match=r'conflict with "kube-controller-manager".*: \.spec\.replicas'):
        ended.result()
    assert wanted_pods(cluster, deployment) == 2
    with pods_stay(cluster, {deployment: 2}, "running it again"):
        release.upgrade(change)
    (container,) = cluster.get("deployment", deployment)["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"] == "110m"
    found = "a conflict with kube-controller-manager over .spec.replicas; run again: 2 of 2 ready"
    transcript.note("autoscaling: a write between render and apply", found)
    release.uninstall()


def test_client_side_apply_overwrites_a_number_that_changes_while_helm_renders(
    cluster: Cluster, image: str, pause: Pause, transcript: Transcript
) -> None:
    """As UPGRADING.md says: nobody asks, and the autoscaler puts its number back."""
    release, deployment = _busy(cluster, image)
    with watched_pods(cluster, deployment) as seen:
        ended = pause.during(
            lambda: release.upgrade(wait=False, options=("--reuse-values", "--server-side=false", pause.option)),
            lambda: _have_it_scale(cluster, release),
        )
        ended.result()
        eventually("the number put back", lambda: wanted_pods(cluster, deployment) == 2)
    numbers = [number for number, _ in groupby(wanted for wanted, _ in seen)]
    assert numbers == [1, 2, 1, 2]
    transcript.note("autoscaling: the same, --server-side=false", f"no conflict; wanted {', '.join(map(str, numbers))}")
    release.uninstall()


@pytest.mark.parametrize("apply", ["--server-side --field-manager=gitops", "--server-side=false"])
def test_where_nobody_asks_the_cluster_the_number_is_handed_over_first(
    cluster: Cluster, image: str, transcript: Transcript, apply: str
) -> None:
    release = Release(cluster, image, SYNCED, typed=(f"replicas={PODS}", f"autoscaling.minReplicas={PODS}", QUIET))
    deployment = f"{SYNCED}-stable"
    cluster.kubectl("apply", *apply.split(), "--filename=-", stdin=release.render())
    eventually("the pods", lambda: ready_pods(cluster, deployment) == PODS)
    scaled = release.render("autoscaling.engine=cpu")
    with pods_stay(cluster, {deployment: PODS}, apply):
        for command in _handover(cluster, client_side="=false" in apply):
            run("bash", "-euc", command)
        cluster.kubectl("apply", *apply.split(), "--filename=-", stdin=scaled)
        eventually("the autoscaler", lambda: Autoscaler(cluster, deployment).look().wanted == PODS)
    transcript.note(f"autoscaling: handed over, kubectl apply {apply}", f"{PODS} of {PODS} ready")
    cluster.kubectl("delete", "--filename=-", stdin=scaled)


@pytest.mark.parametrize("apply", ["--server-side --field-manager=gitops", "--server-side=false"])
def test_where_nobody_asks_the_cluster_keep_replicas_says_the_number_until_it_is_handed_over(
    cluster: Cluster, image: str, transcript: Transcript, apply: str
) -> None:
    typed = (f"replicas={PODS}", f"autoscaling.minReplicas={PODS}", QUIET)
    release = Release(cluster, image, SYNCED, typed=typed)
    keeping = Release(cluster, image, SYNCED, typed=(*typed, f"autoscaling.keepReplicas={PODS}"))
    deployment = f"{SYNCED}-stable"
    cluster.kubectl("apply", *apply.split(), "--filename=-", stdin=release.render())
    eventually("the pods", lambda: ready_pods(cluster, deployment) == PODS)
    scaled = release.render("autoscaling.engine=cpu")
    with pods_stay(cluster, {deployment: PODS}, apply):
        cluster.kubectl("apply", *apply.split(), "--filename=-", stdin=keeping.render("autoscaling.engine=cpu"))
        eventually("the autoscaler", lambda: Autoscaler(cluster, deployment).look().wanted == PODS)
        for command in _handover(cluster, client_side="=false" in apply):
            run("bash", "-euc", command)
        cluster.kubectl("apply", *apply.split(), "--filename=-", stdin=scaled)
    transcript.note(f"autoscaling: kept, then handed over, kubectl apply {apply}", f"{PODS} of {PODS} ready")
    cluster.kubectl("delete", "--filename=-", stdin=scaled)


def test_without_handing_over_one_pod_is_left_until_the_autoscaler_comes(
    cluster: Cluster, image: str, transcript: Transcript
) -> None:
    release = Release(cluster, image, SYNCED, typed=(f"replicas={PODS}", f"autoscaling.minReplicas={PODS}", QUIET))
    deployment = f"{SYNCED}-stable"
    apply = ("apply", "--server-side", "--field-manager=gitops", "--filename=-")
    cluster.kubectl(*apply, stdin=release.render())
    eventually("the pods", lambda: ready_pods(cluster, deployment) == PODS)
    scaled = release.render("autoscaling.engine=cpu")
    without_autoscaler = "---".join(
        part for part in scaled.split("\n---") if "kind: HorizontalPodAutoscaler" not in part
    )
    cluster.kubectl(*apply, stdin=without_autoscaler)
    assert wanted_pods(cluster, deployment) == 1
    cluster.kubectl(*apply, stdin=scaled)
    eventually("the autoscaler's pods", lambda: ready_pods(cluster, deployment) == PODS)
    transcript.note("autoscaling: not handed over", f"1 of {PODS}, until the autoscaler came")
    cluster.kubectl("delete", "--filename=-", stdin=scaled)


def _busy(cluster: Cluster, image: str) -> tuple[Release, str]:
    """A release of one pod, whose number Helm wrote, beside an autoscaler that would have two if the one were busy."""
    release = Release(
        cluster, image, "raced", "autoscaling.engine=cpu",
        typed=(
            "autoscaling.minReplicas=1", "autoscaling.maxReplicas=2", "autoscaling.cpuPercent=300",
            "autoscaling.coldStartSeconds=0", "autoscaling.scaleDownAfterSeconds=3600",
        ),
    )  # fmt: skip
    release.install()
    release.upgrade()
    Autoscaler(cluster, "raced-stable").wait_for_its_signal()
    return release, "raced-stable"


def _have_it_scale(cluster: Cluster, release: Release) -> None:
    cluster.execute(release.the_pod()["metadata"]["name"], "sh", "-c", BURN)
    eventually("a second pod", lambda: ready_pods(cluster, "raced-stable") == 2)


def _handover(cluster: Cluster, *, client_side: bool) -> list[str]:
    """The commands that UPGRADING.md gives, for our release."""
    text = (CHART / "UPGRADING.md").read_text(encoding="utf-8")
    section = text.partition("## Autoscalers where nobody asks the cluster")[2].partition("\n## ")[0]
    commands = re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL)[: 2 if client_side else 1]
    names = {"plimsoll-stable": f"{SYNCED}-stable", "default": cluster.namespace, "replicas: 5": f"replicas: {PODS}"}
    for documented, ours in names.items():
        commands = [command.replace(documented, ours) for command in commands]
    return commands
