"""`plimsoll bundle export-onnx`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.next_version import version_after
from plimsoll.cli.bundle_folders import folder_of_bundles
from plimsoll.cli.task_parts import task_of
from plimsoll.settings import load_settings


def export_onnx(
    path: Annotated[Path, typer.Argument(help="Folder of a safetensors bundle, such as models/digits/2.")],
    version: Annotated[
        str | None, typer.Option(help="Version of the new bundle.", show_default="the version of the bundle and .1")
    ] = None,
    models: Annotated[
        Path | None, typer.Option(help="Folder of the bundles.", show_default="the one that the bundle lies in")
    ] = None,
    trust_factory: Annotated[
        list[str] | None,
        typer.Option(help="package.module:callable that the bundle may import and call: its model, or its task."),
    ] = None,
) -> None:
    """Export a bundle of PyTorch to ONNX, as the next version of the same model. Writes it if its answers are alike."""
    from plimsoll.runtime.loader_options import LoaderOptions
    from plimsoll.runtime.loading import new_loader
    from plimsoll.runtime.onnx_export import check_packages, export_bundle

    check_packages()
    from plimsoll.runtime.pytorch.onnx_export import export_graph

    chosen = load_settings()
    factories = (*chosen.factories, *(trust_factory or ()))
    loader = new_loader(
        LoaderOptions(),
        max_batch_rows=chosen.max_batch_rows,
        inline_budget_seconds=0,
        max_batch_elements=chosen.max_batch_elements,
    )
    opened = open_bundle(path)
    made = export_bundle(
        opened,
        models or folder_of_bundles(path),
        version or version_after(opened.manifest.version),
        loader,
        partial(export_graph, factories=factories),
        task_of(factories),
    )
    golden = made.manifest.golden
    typer.echo(
        f"{made.path}: {made.manifest.name} {made.manifest.version}, digest {made.digest}; answers the golden samples "
        f"as {opened.manifest.name} {opened.manifest.version} does, within {golden.absolute_tolerance:g} + "
        f"{golden.relative_tolerance:g} x |expected|"
    )
