"""`plimsoll rollout run | start | status | step | promote | abort`."""

from __future__ import annotations

import typer

from plimsoll.cli import judge_options as judging
from plimsoll.cli import rollout_options as options
from plimsoll.cli.canary_values import CanaryOptions, read_canary
from plimsoll.cli.judge_options import promises_of
from plimsoll.cli.rollout_report import print_commands, print_plan, print_status
from plimsoll.cli.rollout_request import Request, Steps
from plimsoll.cli.rollout_session import Opened, Target, code_of, conducting, ending, shown_on
from plimsoll.errors import OperatorError
from plimsoll.rollout.driver import Patience
from plimsoll.rollout.forecasting import TRAFFIC_SECONDS
from plimsoll.rollout.lease import holder_of
from plimsoll.rollout.naming import rollout_name
from plimsoll.rollout.state import Wish

rollout = typer.Typer(
    help="Roll out a canary: more and more requests while the judge finds it no worse, else none.\n\n"
    "It upgrades the release through helm, by the steps of docs/canary.md. Its state is in the ConfigMap "
    "<fullname>-rollout, so that a command goes on where another one ended.",
    no_args_is_help=True,
)
EXIT_CODES = (
    "Exit codes: 0 promoted, or done as asked; 3 rolled back; 4 not finished, because a person has to decide or the "
    "command was stopped; 1 an error, and the split stays as it is; 2 options that cannot be read."
)
_SECONDS_PER_HOUR = 3600.0


def _begin(
    context: typer.Context, release: options.Release, namespace: judging.Namespace = "default",
    chart: options.Chart = "", prometheus: judging.PrometheusUrl = "",
    model_version: options.ModelVersion = None, model_config_map: options.ModelConfigMap = None,
    image_repository: options.ImageRepository = None, image_tag: options.ImageTag = None,
    image_digest: options.ImageDigest = None, values: options.ValuesFile = None, set_: options.Set = None,
    set_string: options.SetString = None, mode: options.RolloutMode = "", weights: options.Weights = "5,25,50,100",
    alpha: judging.Alpha = 0.05, margin: judging.Margin = 0.1, effect: judging.Effect = 0.5,
    failures: judging.Failures = 0.02, guard: judging.Guards = None,
    interval: judging.Interval = "15s",  # type: ignore[assignment]  # its parser makes the number
    max_step_minutes: options.MaxStepMinutes = 60.0, max_hold_hours: options.MaxHoldHours = 24.0,
    no_wait: options.NoWait = False, token_file: judging.TokenFile = None, ca_file: judging.CaFile = None,
    cluster: judging.Cluster = "", dry_run: options.DryRun = False, plan: options.ShowPlan = False,
    values_patch: options.ValuesPatch = False, adopt: options.Adopt = False, json: options.Json = False,
) -> None:  # fmt: skip
    named = (model_version, model_config_map, image_repository, image_tag, image_digest)
    canary = read_canary(CanaryOptions(*named, values or (), set_ or (), set_string or ()))
    target = Target(release, namespace, chart, prometheus, token_file, ca_file, cluster)
    with ending(), shown_on(as_json=json) as display:
        promises = promises_of(alpha, margin, effect, failures, guard)
        steps = Steps(mode, weights, interval, max_step_minutes, values_patch)
        request = Request(target, canary, promises, steps)
        opened = Opened(target, committed=values_patch, guards=promises.written)
        if dry_run or plan:
            opened.check_free()
        if opened.plan:
            request.check_same(opened.plan, options.given_in(context))
        make_plan = opened.planning(request.wanted, display)
        if dry_run:
            print_commands(make_plan()[0], opened.values, opened.release, as_json=json)
            return
        if plan:
            print_plan(make_plan()[0], opened.history.traffic(TRAFFIC_SECONDS), as_json=json)
            return
        starting = context.info_name == "start"
        patience = Patience(one_step=starting, hold_seconds=0.0 if no_wait else max_hold_hours * _SECONDS_PER_HOUR)
        with conducting(opened, display, patience) as conductor:
            record = conductor.start(make_plan) if starting else conductor.run(make_plan, canary, adopt=adopt)
    if record.ended or not starting:
        raise typer.Exit(code_of(record))


rollout.command("run", epilog=EXIT_CODES, help="Begin a rollout, or go on with the one under way, to its end.")(_begin)
rollout.command(
    "start", epilog=EXIT_CODES, help="Begin a rollout and stop at its first weight; `step` or `run` go on from there."
)(_begin)


@rollout.command(epilog=EXIT_CODES)
def status(
    release: options.Release,
    namespace: judging.Namespace = "default",
    json: options.Json = False,
) -> None:
    """Show where a rollout stands."""
    with ending():
        opened = Opened(Target(release, namespace))
        if opened.stored is None:
            raise OperatorError(f"release {release} never had a rollout; `plimsoll rollout run` begins one")
        lease = opened.objects.get("lease", rollout_name(opened.fullname))
        print_status(opened.stored, as_json=json, driver=holder_of(lease))


def _express(
    context: typer.Context,
    release: options.Release,
    namespace: judging.Namespace = "default",
    chart: options.LaterChart = "",
    prometheus: options.LaterPrometheus = "",
    token_file: judging.TokenFile = None,
    ca_file: judging.CaFile = None,
    cluster: judging.Cluster = "",
    json: options.Json = False,
) -> None:
    (wish,) = (each for each in _WISHED if each == context.info_name)
    target = Target(release, namespace, chart, prometheus, token_file, ca_file, cluster)
    with ending(), shown_on(as_json=json) as display:
        opened = Opened(target)
        with conducting(opened, display, Patience(one_step=wish == "step")) as conductor:
            record = conductor.wish(wish)
    if record is not None and record.ended and wish != "abort":
        raise typer.Exit(code_of(record))


_WISHED: dict[Wish, str] = {
    "step": "Go on to the next step, whatever the judge says; stop there if no other command drives the rollout.",
    "promote": "Promote the canary now, whatever the judge says.",
    "abort": "Roll the canary back now, also after somebody else has changed the release.",
}
for _name, _help in _WISHED.items():
    rollout.command(_name, epilog=EXIT_CODES, help=_help)(_express)
