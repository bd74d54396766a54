"""The documented API and the real one are the same.

schemathesis sends a real process what the document allows and what it does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.integration.conftest import REPOSITORY
from tests.integration.served_process import ServedProcess

schema = schemathesis.openapi.from_dict(json.loads((REPOSITORY / "tests/contracts/openapi.json").read_text()))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    served = ServedProcess(models=REPOSITORY / "models")
    served.start()
    yield served.ready()
    served.kill()


@schema.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_reply_is_documented(case: schemathesis.Case[Any], url: str) -> None:
    # How long a row must be is the model's affair: the document cannot say it, so a valid body may still be refused.
    case.call_and_validate(base_url=url, excluded_checks=[positive_data_acceptance])
