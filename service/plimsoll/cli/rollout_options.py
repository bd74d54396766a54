"""The options of `plimsoll rollout` alone; those of the judge are in judge_options.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Release = Annotated[str, typer.Argument(help="Name of the Helm release.", metavar="RELEASE")]
Chart = Annotated[str, typer.Option(help="The chart of the release: a folder, an archive or an OCI reference.")]
LaterChart = Annotated[str, typer.Option(help="The chart of the release.", show_default="that of the rollout")]
LaterPrometheus = Annotated[
    str, typer.Option("--prometheus", help="URL of Prometheus.", metavar="URL", show_default="that of the rollout")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="End with exit code 4 when a person has to decide, and do not wait for them.")
]

ModelVersion = Annotated[str | None, typer.Option(help="The canary's version of the model.")]
ModelConfigMap = Annotated[
    str | None, typer.Option(help="With model.source configMap: the ConfigMap of the canary's version.")
]
ImageRepository = Annotated[str | None, typer.Option(help="The canary's image, without a tag.")]
ImageTag = Annotated[str | None, typer.Option(help="Tag of the canary's image.")]
ImageDigest = Annotated[str | None, typer.Option(help="Digest of the canary's image.")]
ValuesFile = Annotated[
    list[Path] | None,
    typer.Option("--values", "-f", help="YAML with more values of the canary, below the key `canary`.", dir_okay=False),
]
Set = Annotated[list[str] | None, typer.Option("--set", help="A value of the canary.", metavar="canary.NAME=VALUE")]
SetString = Annotated[
    list[str] | None, typer.Option("--set-string", help="The same; a text.", metavar="canary.NAME=TEXT")
]
RolloutMode = Annotated[
    str,
    typer.Option(
        "--mode",
        help="gatewayAPI, by the weights of the HTTPRoute, or replicas, by the number of pods.",
        show_default="gatewayAPI with httpRoute.enabled, else replicas",
    ),
]
Weights = Annotated[
    str,
    typer.Option(help="Percents of the requests, rising to 100; the judge decides at each but the last."),
]
MaxStepMinutes = Annotated[float, typer.Option(help="The longest time of one step; after it a person decides.", min=1)]
MaxHoldHours = Annotated[float, typer.Option(help="How long to wait for a person; after it the exit code is 4.", min=0)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the helm commands of the rollout, and change nothing.")]
ShowPlan = Annotated[
    bool, typer.Option("--plan", help="Print steps, pods, requests and minutes at the present rate; change nothing.")
]
ValuesPatch = Annotated[
    bool,
    typer.Option(
        "--values-patch",
        help="For GitOps: print the values to commit, and wait until the release holds them. Nothing is upgraded.",
    ),
]
Adopt = Annotated[bool, typer.Option("--adopt", help="Go on although somebody else has changed the release.")]


def read_weights(written: str) -> tuple[int, ...]:
    """The percents in a text such as 5,25,50,100.

    Raises:
        typer.BadParameter: one is no whole number.
    """
    try:
        return tuple(int(each) for each in written.split(","))
    except ValueError:
        raise typer.BadParameter(f"--weights is {written}; expected whole percents, such as 5,25,50,100") from None
