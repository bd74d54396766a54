"""Adds the loaded versions to the OpenAPI document: rows, answers and examples of each."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from plimsoll.api.front_routes import KSERVE_V1_ROUTES, OPENAI_ROUTES, V1_ROUTES, V2_ROUTES
from plimsoll.control.version_registry import VersionStatus
from plimsoll.fronts import openai_schema, v1_schema
from plimsoll.fronts.oip_schema import request_examples
from plimsoll.inference.payloads import Signature
from plimsoll.inference.ports import Json, Task
from plimsoll.tasks.embeddings import Embeddings

_MOST_EXAMPLE_NUMBERS = 10_000
"""A longer row is not shown, because a documentation page could not display it."""
_JSON = "application/json"
_ANSWER = v1_schema.PredictAnswer.__name__
_DEFAULT, _MODEL, _VERSION = V1_ROUTES
_OPENAI = "/openai/"


@dataclass(frozen=True, slots=True)
class _Version:
    """A version that answers; `example` is a row, and `tensors` are examples of it in the form of /v2."""

    name: str
    version: str
    about: str
    signature: Signature
    task: Task
    example: Any
    tensors: Json

    @property
    def key(self) -> str:
        """The prefix of its names in the document's components."""
        return f"{self.name}.{self.version}"


def describe_loaded(document: Json, answering: Iterable[VersionStatus], default: str | None) -> None:
    """Add a route for each model and version that answers, with its real schema and an example row.

    The routes for any model show an example row of the `default` model, or else of the first one. The route without a
    model name shows one of the `default` model only.
    """
    versions = map(_version_of, answering)
    models = {name: list(its) for name, its in itertools.groupby(versions, lambda each: each.name)}
    # If the versions of a model differ, no body fits all of them.
    agreeing = {name: its[-1] for name, its in models.items() if len({each.signature for each in its}) == 1}
    for name, its in models.items():
        for each in its:
            _add_components(document["components"], each)
        if name in agreeing:
            _add_route(document, _MODEL.template, _MODEL.template.format(name=name), agreeing[name], name)
        for each in its:
            route = _VERSION.template.format(name=name, version=each.version)
            _add_route(document, _VERSION.template, route, each, f"{name} {each.version}")
    tags = [{"name": _tag(name), "description": its[-1].about} for name, its in models.items()]
    before = next(place for place, tag in enumerate(document["tags"]) if tag["name"] == "predict")
    document["tags"][before:before] = tags
    asked = agreeing.get(default or "")
    shown = asked or next(iter(agreeing.values()), None)
    for (template, *_), version in ((_DEFAULT, asked), (_MODEL, shown), (_VERSION, shown)):
        content = document["paths"][template]["post"]["requestBody"]["content"][_JSON]
        content["examples"] = {} if version is None else _examples_of(version)
    _show_in_other_protocols(document, shown)
    if asked is not None:
        document["paths"][_DEFAULT.template]["post"]["requestBody"] = _ref("requestBodies", asked.key)
    if shown is not None:
        _name_in_paths(document["paths"], {"name": shown.name, "version": shown.version})
    _show_embeddings(document["paths"], agreeing.values())


def _show_in_other_protocols(document: Json, shown: _Version | None) -> None:
    """Set the examples of the routes that are not those of /v1."""

    def content_of(template: str) -> Json:
        content: Json = document["paths"][template]["post"]["requestBody"]["content"][_JSON]
        return content

    for template, *_ in KSERVE_V1_ROUTES:  # they take only some of the bodies of /v1
        content, examples = content_of(template), {} if shown is None else _examples_of(shown)
        content["examples"] = {name: each for name, each in examples.items() if name in content["examples"]}
    for template, *_ in V2_ROUTES:
        content_of(template)["examples"] = {} if shown is None else shown.tensors


def _show_embeddings(paths: Json, agreeing: Iterable[_Version]) -> None:
    """Show a model that makes embeddings on the routes of OpenAI's API, which know no other."""
    encoder = next((each for each in agreeing if isinstance(each.task, Embeddings) and each.example), None)
    for template, *_ in OPENAI_ROUTES:
        content = paths[template]["post"]["requestBody"]["content"][_JSON]
        content["examples"] = {} if encoder is None else openai_schema.request_examples(encoder.name, encoder.example)
    name = {} if encoder is None else {"name": encoder.name}
    _name_in_paths({path: each for path, each in paths.items() if path.startswith(_OPENAI)}, name)


def _version_of(status: VersionStatus) -> _Version:
    served, report = status.served, status.report
    assert served is not None  # noqa: S101  # it answers
    assert report is not None  # noqa: S101  # likewise
    inputs = report.example
    fits = inputs and sum(tensor.size for tensor in inputs.values()) <= _MOST_EXAMPLE_NUMBERS
    example = served.task.example_row(inputs) if fits else None
    about = report.manifest.description
    tensors = request_examples(served.task.wire, inputs, example) if fits else {}
    return _Version(served.name, served.version, about, served.signature, served.task, example, tensors)


def _add_components(components: Json, version: _Version) -> None:
    task = version.task
    examples = {} if version.example is None else v1_schema.predict_examples(task.item, version.example)
    components.setdefault("examples", {}).update({f"{version.key}.{name}": each for name, each in examples.items()})
    body = v1_schema.request_body(_MODEL.fronts, task.item, task.row_schema(), _examples_of(version))
    components.setdefault("requestBodies", {})[version.key] = body
    components["schemas"][version.key] = v1_schema.answer_schema(version.name, version.version, task.result_schema())


def _add_route(document: Json, template: str, path: str, version: _Version, title: str) -> None:
    """Add a route to the document for one model or version, made from the route for any."""
    operation = copy.deepcopy(document["paths"][template]["post"])
    operation["tags"] = [_tag(version.name)]
    operation["summary"] = f"Predict with {title}"
    operation["operationId"] = "predict." + title.replace(" ", ".")
    operation["parameters"] = [each for each in operation["parameters"] if each["in"] != "path"]
    operation["requestBody"] = _ref("requestBodies", version.key)
    if template == _VERSION.template:
        both = {"allOf": [_ref("schemas", _ANSWER), _ref("schemas", version.key)]}
        operation["responses"]["200"]["content"][_JSON]["schema"] = both
    document["paths"][path] = {"post": operation}


def _name_in_paths(paths: Json, values: dict[str, str]) -> None:
    """Set the examples of path parameters to an existing version; those of which there is none get no example."""
    for operations in paths.values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in values:
                    parameter["example"] = values[parameter["name"]]
                elif parameter["in"] == "path":
                    parameter.pop("example", None)


def _examples_of(version: _Version) -> Json:
    if version.example is None:
        return {}
    return {name: _ref("examples", f"{version.key}.{name}") for name in v1_schema.predict_examples("", None)}


def _ref(kind: str, key: str) -> Json:
    return {"$ref": f"#/components/{kind}/{key}"}


def _tag(name: str) -> str:
    return f"model {name}"
