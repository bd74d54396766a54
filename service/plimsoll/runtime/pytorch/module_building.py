"""Builds torch modules with fresh weights: of a registered architecture, or by a factory of another package."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

import plimsoll
from plimsoll.errors import BundleError
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.places import check_allowed, imported
from plimsoll.runtime.pytorch.architectures import ARCHITECTURES
from plimsoll.runtime.pytorch.shared_state import shared_state_kept

_OLD_NAME = "service"
"""The name of this package before 0.2.0."""


def build_architecture(name: str, parameters: Mapping[str, Any]) -> nn.Module:
    """A module of the named architecture with fresh weights.

    Raises:
        BundleError: with check `weights`, when the name is not registered or the parameters do not fit.
    """
    place = ARCHITECTURES.get(name)
    if place is None:
        raise BundleError("weights", f"the architecture '{name}' is not registered; known: {', '.join(ARCHITECTURES)}")
    return _build(imported(place), name, parameters)


def build_with_factory(factory: str, parameters: Mapping[str, Any], allowed: Collection[str]) -> nn.Module:
    """A module made by a factory `package.module:callable`, whose package is imported only if it is allowed.

    Raises:
        BundleError: with check `format` when it is not allowed; `weights` when it cannot be imported, the parameters do
            not fit, or what it makes is no module.
    """
    check_allowed("format", "factory", factory, allowed)
    with _old_name_explained(factory):
        with shared_state_kept(), foreign_code("weights", f"the factory '{factory}' cannot be imported"):
            make = imported(factory)
        return _build(make, factory, parameters)


def _build(factory: Callable[..., nn.Module], name: str, parameters: Mapping[str, Any]) -> nn.Module:
    with shared_state_kept(), foreign_code("weights", f"'{name}' cannot be built with the parameters given"):
        module = factory(**parameters)
    if not isinstance(module, nn.Module):
        raise BundleError("weights", f"'{name}' makes a {type(module).__name__}, and not a torch module")
    return module


@contextmanager
def _old_name_explained(factory: str) -> Iterator[None]:
    """Say what to write where a factory fails because it imports this package by its old name."""
    try:
        yield
    except BundleError as error:
        if not _imports_old_name(factory, error.__cause__):
            raise
        raise BundleError(
            error.check,
            f"the factory '{factory}' imports '{_OLD_NAME}', which is not installed; Plimsoll's own package has been "
            "named 'plimsoll' since version 0.2.0: if that is meant, write `from plimsoll...`",
            error.detail,
        ) from error.__cause__


def _imports_old_name(factory: str, cause: BaseException | None) -> bool:
    """Whether a factory failed because no package `service` is installed, neither this one nor a user's own."""
    missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
    if not isinstance(missing, str) or missing.partition(".")[0] != _OLD_NAME:
        return False
    if factory.startswith((f"{_OLD_NAME}.", f"{_OLD_NAME}:")):
        return False  # the factory is part of the package that is missing
    try:
        found = find_spec(_OLD_NAME)
    except ValueError:  # a module of that name that somebody has made by hand
        return False
    if found is None:
        return True
    # In a checkout the folder service/, which holds this package, looks like a package of that name.
    return list(found.submodule_search_locations or ()) == [str(Path(plimsoll.__file__).parents[1])]
