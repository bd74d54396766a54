#!/bin/sh
# Compiles the way of a request, the files of compiled.txt, to machine code by mypyc (requirements/compile.txt, and gcc):
#
#   cd FOLDER && ops/compile.sh PYTHON    the package plimsoll in FOLDER, with the libraries that PYTHON has installed
#
# The extension modules go beside the source files. Python takes one before the source of the same name, and both do the same.
set -eu
list=$(cd "$(dirname "$0")" && pwd)/compiled.txt
# Where torch is not installed, as in the slim image, its modules cannot be compiled, and nothing imports them.
left_out='^$'
"$1" -c 'import sys, importlib.util; sys.exit(importlib.util.find_spec("torch") is None)' || left_out='^plimsoll/runtime/pytorch/'
# shellcheck disable=SC2046  # one argument for each line
mypyc --config-file= --python-executable "$1" --follow-imports silent $(grep -v "$left_out" "$list")
rm -rf build .mypy_cache
