from __future__ import annotations

import json

import pytest
from plimsoll.bundle.tensor_records import Tensor


@pytest.mark.parametrize("bound", [2**53 + 1, -(2**63), 0.5, 0])
def test_a_bound_is_kept_exactly_also_when_it_is_written_again(bound: float) -> None:
    record = {"name": "ids", "datatype": "INT64", "shape": [-1, 4], "minimum": bound}
    tensor = Tensor.model_validate_json(json.dumps(record))
    assert tensor.spec().minimum == bound
    assert json.loads(tensor.model_dump_json())["minimum"] == bound
    assert tensor.model_dump(mode="json", exclude_none=True) == record


@pytest.mark.parametrize("bound", ["0", True, 10**400, float("inf")])
def test_a_bound_that_is_no_finite_number_is_refused(bound: object) -> None:
    with pytest.raises(ValueError, match="minimum\n"):
        Tensor.model_validate_json(
            json.dumps({"name": "ids", "datatype": "INT64", "shape": [-1, 4], "minimum": bound}, allow_nan=True)
        )
