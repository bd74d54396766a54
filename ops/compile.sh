#!/bin/sh
# Compiles the way of a request, the files of compiled.txt, to machine code by mypyc (requirements/compile.txt, and gcc):
#
#   cd FOLDER && ops/compile.sh PYTHON    the package plimsoll in FOLDER, with the libraries that PYTHON has installed
#
# The extension modules go beside the source files. Python takes one before the source of the same name, and both do the same.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC2046  # one argument for each line
mypyc --config-file= --python-executable "$1" --follow-imports silent $(cat "$here/compiled.txt")
rm -rf build .mypy_cache
