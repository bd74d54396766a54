"""`plimsoll judge`."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from plimsoll.cli.judge_options import (
    Alpha,
    CaFile,
    Cluster,
    Effect,
    Failures,
    Guards,
    Interval,
    Margin,
    Namespace,
    PrometheusUrl,
    TokenFile,
    promises_of,
)
from plimsoll.rollout.judge_verdicts import Answer, Question, RecordedJudge
from plimsoll.rollout.prometheus import Patience, Prometheus
from plimsoll.rollout.prometheus_release import ReleaseSeries

_SHORT = Patience(timeout_seconds=8.0, trying_seconds=8.0)
"""The server waits no longer for Prometheus: its clients give up after 10 s, and others wait for the same thread."""
EXIT_CODES = {"pass": 0, "fail": 3, "hold": 4, "continue": 5}
"""The exit code of `plimsoll judge verdict` by its result; 2 is a wrong option."""

judge = typer.Typer(help="Judge a canary by the metrics in Prometheus.", no_args_is_help=True)


@judge.callback()
def _judge() -> None:
    """Judge a canary by the metrics in Prometheus."""


@judge.command()
def serve(
    prometheus: PrometheusUrl,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port. 0 chooses a free port.", min=0, max=65535)] = 8004,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    alpha: Alpha = 0.05,
    margin: Margin = 0.1,
    effect: Effect = 0.5,
    failures: Failures = 0.02,
    interval: Interval = "15s",  # type: ignore[assignment]  # its parser makes the number
    guard: Guards = None,
) -> None:
    """Serve verdicts over HTTP: GET /verdict?release=NAME&namespace=NAME.

    For Argo Rollouts (a web metric), Flagger (webhooks below /flagger) and scripts. It has no keys and changes nothing.
    """
    promises = promises_of(alpha, margin, effect, failures, guard)
    source = Prometheus(prometheus, token_file, ca_file, patience=_SHORT)
    from plimsoll.server.judge_server import serve_judge
    from plimsoll.server.uvicorn_server import begin_process, connection_limits
    from plimsoll.settings import load_settings

    settings = load_settings()  # for its log and its limits of connections
    begin_process(settings)
    serve_judge(
        RecordedJudge(source, promises.rules, promises.guards, interval), host, port, connection_limits(settings)
    )


@judge.command()
def verdict(
    prometheus: PrometheusUrl,
    release: Annotated[str, typer.Option(help="Full name of the release: that of its Services without -stable.")],
    namespace: Namespace,
    cluster: Cluster = "",
    split: Annotated[
        Literal["recorded", "unknown"],
        typer.Option(
            help="recorded: the chart's rules record the weights. unknown: another controller sets them, or "
            "canary.mode is replicas."
        ),
    ] = "recorded",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    alpha: Alpha = 0.05,
    margin: Margin = 0.1,
    effect: Effect = 0.5,
    failures: Failures = 0.02,
    interval: Interval = "15s",  # type: ignore[assignment]  # its parser makes the number
    guard: Guards = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the verdict as JSON, as the server answers it.")
    ] = False,
) -> None:
    """Print the verdict on a canary once.

    Exit code: 0 pass, 3 fail, 4 hold, 5 continue (too early, or Prometheus does not answer), 2 for a wrong option.
    """
    question = Question(ReleaseSeries(release, namespace, cluster), split == "recorded")
    promises = promises_of(alpha, margin, effect, failures, guard)
    source = Prometheus(prometheus, token_file, ca_file)
    answer = RecordedJudge(source, promises.rules, promises.guards, interval).answer(question)
    source.close()
    if as_json:
        typer.echo(json.dumps(answer.document(), indent=2))
    else:
        _print(answer)
    raise typer.Exit(EXIT_CODES[answer.result])


def _print(answer: Answer) -> None:
    typer.echo(f"{answer.result}: {answer.reason}")
    if answer.verdict is None:
        return
    found = answer.verdict
    document = answer.document()
    needed = "" if found.needed is None else f" of about {found.needed:.0f} that it takes"
    typer.echo(
        f"\nsince {document['since']}, present step since {document['step_since']}\n"
        f"requests of this step: canary {found.canary_requests:.0f}{needed}, stable {found.stable_requests:.0f}\n"
        f"evidence that the canary is worse: {found.evidence:.3g}, decided at {found.threshold:.3g}\n"
    )
    table = Table("check", "evidence", "decided at", "at", "canary", "stable", box=None, pad_edge=False)
    for each in found.checks:
        shares = (f"{each.canary:.3%}", f"{each.stable:.3%}")
        table.add_row(each.name, f"{each.evidence:.3g}", f"{each.threshold:.3g}", each.worst, *shares)
    Console().print(table)
