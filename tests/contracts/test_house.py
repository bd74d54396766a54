"""The rules of the house, held by tests: floors, sizes, generated files."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.generated import GENERATED, REPOSITORY

LONGEST_FILE = 300
LONGEST_FUNCTION = 60
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "manager", "misc"}

PACKAGE = REPOSITORY / "service" / "plimsoll"
WITHOUT_A_TEST_OF_THEIR_NAME = {
    # Their few lines are run by the tests of the command.
    "__main__.py": "cli/test_main.py",
    "cli/__init__.py": "cli/test_main.py",
    # Declarations, which have no behaviour of their own.
    "inference/ports.py": "inference/test_line.py",
    "inference/served_version.py": "inference/test_line.py",
    "cli/init_sources.py": "cli/test_init.py",
    # A port.
    "rollout/history.py": "rollout/test_prometheus_history.py",
    # Serves as a process.
    "server/judge_server.py": "../integration/test_judge_serve.py",
    "cli/starter_files.py": "cli/test_init.py",
    # Run by `make kinds`, since they need transformers.
    "runtime/hugging_face.py": "../large/test_hugging_face.py",
    "runtime/pytorch/hugging_face_export.py": "../large/test_hugging_face.py",
    "bundle/record.py": "bundle/test_manifest.py",
    "bundle/model_formats.py": "bundle/test_manifest.py",
    "runtime/loaded_model.py": "runtime/test_model_loader.py",
    "runtime/new_model.py": "runtime/test_bundle_making.py",
    "runtime/loader_options.py": "runtime/test_model_loader.py",
    "runtime/onnx_file.py": "runtime/onnx/test_loader.py",
    "runtime/onnx/tensor_types.py": "runtime/onnx/test_loader.py",
    "runtime/pytorch/loader.py": "runtime/test_model_loader.py",
    # Declarations.
    "cli/answering.py": "cli/test_input_requests.py",
    "cli/predict_options.py": "cli/test_predict.py",
    # A part of its command.
    "cli/tuning_run.py": "cli/test_bundle_tune.py",
    "runtime/pytorch/architectures/digits_cnn.py": "runtime/pytorch/test_module_building.py",
    "runtime/pytorch/architectures/digits_mlp.py": "runtime/pytorch/test_module_building.py",
    # Parts of the lane; its tests see them as its behaviour, and are named for it.
    "inference/waiting.py": "inference/test_task_threads.py",
    "inference/batch_limits.py": "inference/test_batch_queue.py",
    "inference/batch_lane.py": "inference/test_lane_batching.py",
    "inference/batch_runner.py": "inference/test_lane_failures.py",
    "inference/batch_run.py": "inference/test_lane_ends.py",
    "inference/rerun.py": "inference/test_lane_failures.py",
    # Parts of tasks, seen through the tests of theirs.
    "tasks/nested_numbers.py": "tasks/test_tensors.py",
    "tasks/json_faults.py": "tasks/test_number_faults.py",
    "tasks/flat_rows.py": "tasks/test_tabular_classification.py",
    "tasks/task_options.py": "tasks/test_tasks.py",
    "tasks/finite_numbers.py": "tasks/test_tabular_classification.py",
    # Tested over the edge.
    "api/edge.py": "api/test_ask.py",
    "fronts/kserve_v1.py": "api/test_kserve_v1.py",
    "api/front_descriptions.py": "api/test_routes.py",
    "fronts/oip.py": "api/test_oip.py",
    "fronts/openai_embeddings.py": "api/test_openai_embeddings.py",
    "fronts/oip_body.py": "api/test_oip.py",
    "fronts/oip_document.py": "api/test_oip.py",
    "fronts/oip_schema.py": "api/test_routes.py",
    "fronts/replied_errors.py": "api/test_error_responses.py",
    "fronts/v1_csv.py": "api/test_v1_csv.py",
    "fronts/v1_json.py": "api/test_ask_target.py",
    "fronts/v1_picture.py": "api/test_v1_picture.py",
    "fronts/v1_form.py": "api/test_v1_picture.py",
    "fronts/form_parts.py": "api/test_v1_picture.py",
    "inference/reading_pool.py": "api/test_reading_pool.py",
    # Declarations, and code that protoc writes.
    "rpc/parts.py": "rpc/test_rpc_server.py",
    "rpc/open_inference_pb2.py": "rpc/test_open_inference.py",
    # A declaration, which is filled by the judge.
    "judge/verdict.py": "judge/test_judgement.py",
    # Used by every reader of files, and tested there.
    "plain_file.py": "bundle/test_folder.py",
    "settings/comma_lists.py": "settings/test_edge.py",
    "runtime/loading.py": "test_application.py",
    # Parts of the driver and of its command; their tests see them as its behaviour.
    "rollout/changes.py": "rollout/test_driver.py",
    "rollout/ports.py": "rollout/test_driver.py",
    "rollout/rehearsal.py": "cli/test_rollout.py",
    "cli/rollout_options.py": "cli/test_rollout.py",
    "cli/rollout_report.py": "cli/test_rollout.py",
    "cli/rollout_request.py": "cli/test_rollout.py",
    "cli/rollout_session.py": "cli/test_rollout.py",
    "rollout/display.py": "rollout/test_display_lines.py",
}
"""Modules that have no unit test by their own name, each with the test that runs it most."""


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))]


@pytest.mark.parametrize(
    "path",
    sources("service", "training", "benchmarks", "ops", "tests", "examples/semantic-search/semantic_search"),
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_files_and_functions_are_short_and_named_for_what_they_hold(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    assert path.stem not in FORBIDDEN_NAMES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"{node.name} is too long"


def test_only_the_settings_touch_the_environment() -> None:
    readers = [
        path.relative_to(REPOSITORY).as_posix()
        for path in sources("service")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv")
    ]
    assert set(readers) == {"service/plimsoll/settings/__init__.py"}


def test_imports_go_down_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout


def test_every_module_has_a_unit_test_by_its_name() -> None:
    missing = {
        path.relative_to(PACKAGE).as_posix() for path in sources("service/plimsoll") if not _unit_test(path).exists()
    }
    assert missing == set(WITHOUT_A_TEST_OF_THEIR_NAME), (
        "write tests/unit/FOLDER/test_MODULE.py, or take it off the list"
    )
    tests = REPOSITORY / "tests" / "unit"
    assert [test for test in WITHOUT_A_TEST_OF_THEIR_NAME.values() if not (tests / test).exists()] == []


def _unit_test(module: Path) -> Path:
    """Where the unit test of a module is; an `__init__.py` that defines no function and no class stands for its own."""
    defines = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if module.name == "__init__.py" and not any(
        isinstance(each, defines) for each in ast.parse(module.read_text()).body
    ):
        return module
    name = module.parent.name if module.name == "__init__.py" else module.stem.strip("_")
    return REPOSITORY / "tests" / "unit" / module.parent.relative_to(PACKAGE) / f"test_{name}.py"


@pytest.mark.parametrize("name", GENERATED)
def test_generated_files_are_up_to_date(name: str) -> None:
    assert (REPOSITORY / name).read_text() == GENERATED[name](), "run make settings-table and make openapi"
