"""Options, the server under test, and the level that the docstring of each test names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.conformance.report import Report
from tests.conformance.server import BINARY, Server, Target

LEVEL = re.compile(r"^(Required|Recommended|Extension)(?: with ([\w()]+))?: (.+)\.$")
"""The last line of a docstring: the level, the extension that must be advertised, and the section of the text."""

ORDER = [
    "test_health", "test_metadata", "test_inference", "test_refusals", "test_bodies", "test_binary_data",
    "test_extensions", "test_grpc",
]  # fmt: skip
"""The files of the tests."""
TRANSPORT = pytest.StashKey[httpx.BaseTransport]()
"""Set by a plugin for a server in this process."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a run; README.md has examples."""
    group = parser.getgroup("conformance")
    group.addoption("--url", help="address of the server, such as http://127.0.0.1:8000")
    group.addoption("--model", help="name of a model that the server has loaded")
    group.addoption("--model-version", help="a version of it, for servers that choose none by themselves")
    group.addoption("--grpc", help="host:port of the gRPC side; its tests are skipped without it")
    group.addoption(
        "--inputs", type=Path, help="file with a valid JSON inference request, if made-up tensors will not do"
    )
    group.addoption("--extensions", default="", help="extensions to test though they are not advertised: NAME,NAME")
    group.addoption("--report", type=Path, help="file for the report: Markdown, or JSON if its name ends in .json")


def pytest_configure(config: pytest.Config) -> None:
    """Start the report, which hears of each outcome."""
    if not (config.option.url and config.option.model) and not config.option.collectonly:
        raise pytest.UsageError("name the server and its model: --url http://127.0.0.1:8000 --model NAME")
    config.pluginmanager.register(Report(config.option.report, config.option.model), "conformance-report")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its level, and run the files in the order of the text.

    Raises:
        pytest.UsageError: for a test whose docstring does not end with its level and section.
    """
    items.sort(key=lambda item: ORDER.index(item.path.stem))
    for item in items:
        documentation = (getattr(item, "function", item).__doc__ or "").strip().splitlines() or [""]
        level = LEVEL.match(documentation[-1].strip())
        if level is None:
            raise pytest.UsageError(f'{item.nodeid}: end the docstring with a line such as "Required: Server Live."')
        item.add_marker(getattr(pytest.mark, level[1].lower()))
        item.user_properties.extend([("level", level[1].lower()), ("extension", level[2]), ("section", level[3])])


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """The options, read."""
    option = pytestconfig.option
    return Target(
        url=option.url.rstrip("/"),
        model=option.model,
        version=option.model_version or None,
        grpc=option.grpc or None,
        extensions=frozenset(name for name in option.extensions.split(",") if name),
        inputs=json.loads(option.inputs.read_text(encoding="utf-8")) if option.inputs else None,
    )


@pytest.fixture(scope="session")
def server(target: Target, pytestconfig: pytest.Config) -> Server:
    """The server under test."""
    server = Server(target, pytestconfig.stash.get(TRANSPORT, None))
    report = pytestconfig.pluginmanager.get_plugin("conformance-report")
    assert isinstance(report, Report)
    try:
        report.server = server.metadata
    except httpx.TransportError as error:
        pytest.exit(f"no server answers at {target.url} ({type(error).__name__})", returncode=3)
    return server


@pytest.fixture(autouse=True)
def _extension_is_advertised(request: pytest.FixtureRequest, server: Server) -> None:
    """Skip the tests of an extension that the server does not advertise."""
    extension = dict(request.node.user_properties).get("extension")
    if extension is not None and not server.has(extension):
        pytest.skip(f"the server does not advertise {extension}")


@pytest.fixture
def steady(server: Server) -> Server:
    """The server, if its model gives equal answers to equal requests; tests that compare answers need that."""
    if not server.is_steady:
        pytest.skip("the model answers the same request differently")
    return server


@pytest.fixture
def binary(steady: Server) -> Server:
    """The steady server, if it has the extension for binary data."""
    if not steady.has(BINARY):
        pytest.skip(f"the server does not advertise {BINARY}")
    return steady
