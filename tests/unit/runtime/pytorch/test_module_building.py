from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from plimsoll.errors import BundleError
from plimsoll.runtime.pytorch import architectures
from plimsoll.runtime.pytorch.architectures import ARCHITECTURES
from plimsoll.runtime.pytorch.module_building import build_architecture, build_with_factory

from tests.contracts.generated import REPOSITORY

FITTING: dict[str, dict[str, Any]] = {
    "digits-mlp": {"sizes": [784, 16, 10]},
    "digits-cnn": {"channels": [4, 8], "classes": 10},
}


def test_every_file_of_architectures_stands_in_the_table() -> None:
    files = {each.name for each in pkgutil.iter_modules(architectures.__path__, f"{architectures.__name__}.")}
    assert files == {place.partition(":")[0] for place in ARCHITECTURES.values()}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_turns_784_pixels_into_ten_probabilities(name: str) -> None:
    module = build_architecture(name, FITTING[name]).eval()
    with torch.inference_mode():
        probabilities = module(torch.rand(5, 784))
    assert probabilities.shape == (5, 10)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(5), atol=1e-6)
    assert bool((probabilities >= 0).all())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_row_is_answered_alike_alone_and_among_others(name: str) -> None:
    module = build_architecture(name, FITTING[name]).eval()
    rows = torch.rand(5, 784)
    with torch.inference_mode():
        together, alone = module(rows), torch.cat([module(row.unsqueeze(0)) for row in rows])
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("digits-mlp", {}),
        ("digits-mlp", {"sizes": 784}),
        ("digits-mlp", {"sizes": "abc"}),
        ("digits-mlp", {"sizes": [784, 10], "depth": 2}),
        ("digits-mlp", {"sizes": [-4, 3]}),
        ("digits-mlp", {"sizes": [10**30, 3]}),
        ("digits-mlp", {"sizes": [1 << 40, 1 << 20]}),
        ("digits-cnn", {"channels": [4], "classes": 10}),
        ("digits-cnn", {"channels": [4, 8, 16], "classes": 10}),
        ("digits-cnn", {"channels": [4, 8], "classes": -1}),
        ("digits-cnn", {"channels": [4, 8]}),
    ],
)
def test_parameters_that_do_not_fit_are_refused_in_one_sentence(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=f"^'{name}' cannot be built with the parameters given: ") as caught:
        build_architecture(name, parameters)
    assert caught.value.check == "weights"
    assert "\n" not in caught.value.message


def test_an_architecture_that_is_not_registered_is_refused_with_a_list() -> None:
    with pytest.raises(BundleError, match="'resnet' is not registered; known: digits-mlp, digits-cnn") as caught:
        build_architecture("resnet", {})
    assert caught.value.check == "weights"


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that leaves a mark when it is imported; the mark."""
    mark = tmp_path / "imported"
    (tmp_path / "ours.py").write_text(
        f"""import pathlib
import torch
pathlib.Path({str(mark)!r}).touch()
def linear(wide): return torch.nn.Linear(wide, 2)
def nothing(): return 7
constant = 3
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ours", raising=False)
    return mark


def test_an_allowed_factory_makes_the_architecture(ours: Path) -> None:
    assert isinstance(build_with_factory("ours:linear", {"wide": 4}, ["ours:linear"]), torch.nn.Linear)
    assert ours.exists()


@pytest.mark.parametrize("allowed", [[], ["ours:nothing"], ["ours"]])
def test_nothing_of_a_factory_that_is_not_allowed_is_imported(ours: Path, allowed: list[str]) -> None:
    with pytest.raises(BundleError) as caught:
        build_with_factory("ours:linear", {"wide": 4}, allowed)
    assert caught.value.check == "format"
    assert caught.value.message == (
        "the bundle wants the factory 'ours:linear', which would run code of that package; nothing of it was imported. "
        f"Add it to PLIMSOLL_FACTORIES if you trust it; allowed now: {', '.join(allowed) or 'none'}"
    )
    assert not ours.exists()


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("factory", "parameters", "sentence"),
    [
        ("nowhere:linear", {}, "cannot be imported: it raised ModuleNotFoundError: No module named 'nowhere'"),
        ("ours:missing", {}, "cannot be imported"),
        ("ours:linear", {"deep": 4}, "'ours:linear' cannot be built with the parameters given"),
        ("ours:constant", {}, "cannot be built with the parameters given"),
        ("ours:nothing", {}, "makes a int, and not a torch module"),
    ],
)
def test_a_factory_that_does_not_work_is_told_in_one_sentence(
    factory: str, parameters: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BundleError, match=re.escape(sentence)) as caught:
        build_with_factory(factory, parameters, [factory])
    assert caught.value.check == "weights"


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes a module that can be imported while the test runs; the checkout's folder service/ cannot be."""
    elsewhere = [each for each in sys.path if Path(each).resolve() != REPOSITORY]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *elsewhere])

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] in ("service", "old_factory")]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def write(file: str, source: str) -> None:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(source)
        forget()

    forget()
    yield write
    forget()


def refusal_of(factory: str) -> BundleError:
    with pytest.raises(BundleError) as caught:
        build_with_factory(factory, {}, [factory])
    assert caught.value.check == "weights"
    return caught.value


OLD_IMPORTS = [
    "import service.inference\ndef make(): pass",
    "from service.runtime.packed_linear import pack_weights\ndef make(): pass",
    "def make():\n    from service.errors import BundleError",
]


@pytest.mark.parametrize("in_checkout", [False, True])
@pytest.mark.parametrize("source", OLD_IMPORTS)
def test_a_factory_that_imports_this_package_by_its_old_name_is_told_the_new_one(
    write_module: Callable[[str, str], None], source: str, in_checkout: bool
) -> None:
    if in_checkout:
        sys.path.append(str(REPOSITORY))
    write_module("old_factory.py", source)
    error = refusal_of("old_factory:make")
    assert error.message == (
        "the factory 'old_factory:make' imports 'service', which is not installed; Plimsoll's own package has been "
        "named 'plimsoll' since version 0.2.0: if that is meant, write `from plimsoll...`"
    )
    assert error.detail.startswith("No module named 'service")


@pytest.mark.parametrize("file", ["service/__init__.py", "service/models.py", "service.py"])
@pytest.mark.parametrize("source", OLD_IMPORTS)
def test_a_package_named_service_of_the_users_own_is_not_taken_for_this_one(
    write_module: Callable[[str, str], None], source: str, file: str
) -> None:
    sys.path.append(str(REPOSITORY))
    write_module(file, "")
    write_module("old_factory.py", source)
    assert refusal_of("old_factory:make").message.endswith("it raised ModuleNotFoundError")


def test_a_factory_of_a_package_named_service_that_is_not_installed_is_not_taken_for_ours(
    write_module: Callable[[str, str], None],
) -> None:
    write_module("unused.py", "")
    error = refusal_of("service.models:make")
    assert error.message == "the factory 'service.models:make' cannot be imported: it raised ModuleNotFoundError"


def test_a_factory_that_misuses_the_error_fails_by_its_own_words(write_module: Callable[[str, str], None]) -> None:
    write_module("old_factory.py", "raise ModuleNotFoundError('mine', name=5)")
    assert refusal_of("old_factory:make").detail == "mine"


def test_a_module_named_service_that_was_made_by_hand_is_not_taken_for_ours(
    write_module: Callable[[str, str], None],
) -> None:
    write_module(
        "old_factory.py", "import sys, types\nsys.modules['service'] = types.ModuleType('service')\nimport service.x"
    )
    assert refusal_of("old_factory:make").message.endswith("it raised ModuleNotFoundError")
