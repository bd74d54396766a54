"""`plimsoll` whose PyTorch models keep their weights as they come. The speed of packing is the difference."""

from __future__ import annotations

from unittest import mock

from plimsoll.cli import main

if __name__ == "__main__":
    with mock.patch("plimsoll.runtime.pytorch.packed_linear.can_pack", return_value=False):
        main()
