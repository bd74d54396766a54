"""The options that several commands of `plimsoll rollout` share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}

Release = Annotated[str, typer.Argument(help="Name of the Helm release.", metavar="RELEASE")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace of the release.")]
Chart = Annotated[str, typer.Option(help="The chart of the release: a folder, an archive or an OCI reference.")]
LaterChart = Annotated[str, typer.Option(help="The chart of the release.", show_default="that of the rollout")]
PrometheusUrl = Annotated[
    str, typer.Option("--prometheus", help="URL of the Prometheus that scrapes the release.", metavar="URL")
]
LaterPrometheus = Annotated[
    str, typer.Option("--prometheus", help="URL of Prometheus.", metavar="URL", show_default="that of the rollout")
]
TokenFile = Annotated[Path | None, typer.Option(help="File with a bearer token for Prometheus.", dir_okay=False)]
CaFile = Annotated[
    Path | None, typer.Option(help="File with the certificate authority of Prometheus, in PEM.", dir_okay=False)
]
ClusterLabel = Annotated[
    str, typer.Option("--cluster", help="Label `cluster` of the release, if Prometheus has several.")
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
Alpha = Annotated[
    float, typer.Option(help="The probability that a good canary is rolled back, over all tests together.")
]
Margin = Annotated[float, typer.Option(help="The slowdown, or increase of errors, that does not matter; 0.1 is 10 %.")]
Effect = Annotated[float, typer.Option(help="The slowdown that must not be overlooked; 0.5 is 50 %.")]
Failures = Annotated[
    float, typer.Option(help="The share of requests whose failure must not be overlooked; 0.02 is 2 %.")
]
Guards = Annotated[
    list[str] | None,
    typer.Option(
        "--guard",
        help="A test by your own counters in PromQL; $track stands for the track. May be given several times.",
        metavar="NAME=GOOD/TOTAL",
    ),
]
IntervalText = Annotated[
    str, typer.Option("--interval", help="Time between two looks at the counters: one scrape or more.")
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


def read_seconds(written: str) -> float:
    """The seconds in a text such as 15s, 2m or 15.

    Raises:
        typer.BadParameter: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", written.strip())
    if found is None:
        raise typer.BadParameter(f"--interval is {written}; expected a time such as 15s or 1m")
    return float(found[1]) * _SECONDS[found[2]]


def read_weights(written: str) -> tuple[int, ...]:
    """The percents in a text such as 5,25,50,100.

    Raises:
        typer.BadParameter: one is no whole number.
    """
    try:
        return tuple(int(each) for each in written.split(","))
    except ValueError:
        raise typer.BadParameter(f"--weights is {written}; expected whole percents, such as 5,25,50,100") from None
