#!/bin/sh
# Compiles the way of a request, the files of ops/compiled.txt, to machine code by mypyc (requirements/compile.txt, and gcc):
#
#   ops/compile.sh PYTHON            the plimsoll that PYTHON imports; the extension modules go beside its source files
#   ops/compile.sh PYTHON FOLDER     the same, and then they are moved into FOLDER, each by its full path
#
# Python takes an extension module before a source file of the same name, and without one it runs the source. Both do the same.
set -eu
python=$1 folder=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
config=$here/pyproject.toml
[ -e "$config" ] || config=$here/../pyproject.toml
packages=$("$python" -c 'import pathlib, plimsoll; print(pathlib.Path(plimsoll.__file__).parents[1])')
cd "$packages"
# shellcheck disable=SC2046  # one argument for each line
mypyc --config-file "$config" --python-executable "$python" $(cat "$here/compiled.txt")
rm -rf build .mypy_cache
[ -z "$folder" ] || find . -name '*.cpython-*.so' \( -path './plimsoll/*' -o -name '*__mypyc.*' \) | while read -r module; do
  mkdir -p "$folder$packages/$(dirname "$module")"
  mv "$module" "$folder$packages/$module"
done
