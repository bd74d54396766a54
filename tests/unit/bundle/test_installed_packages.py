from __future__ import annotations

from plimsoll.bundle.installed_packages import fault_of_packages


def test_nothing_is_said_if_all_are_installed() -> None:
    assert fault_of_packages("a bundle", ["json", "numpy"], "onnx") == ""


def test_missing_ones_are_named_with_the_extra_and_the_images_that_have_them() -> None:
    assert fault_of_packages("a bundle", ["json", "no_such_package"], "onnx") == (
        "a bundle needs no_such_package, which is not installed here; pip install 'plimsoll[onnx]'"
    )
    assert fault_of_packages("a bundle", ["no_such", "nor_this"], "torch", "cpu or gpu") == (
        "a bundle needs no_such and nor_this, which are not installed here; take an image with the tag cpu or gpu, or "
        "pip install 'plimsoll[torch]'"
    )
