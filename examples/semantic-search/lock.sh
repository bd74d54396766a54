#!/usr/bin/env bash
# Writes requirements.txt and requirements-tests.txt from the .in files. Needs uv. Pins stay where the .in files still
# allow them; with --upgrade the newest releases are taken.
set -euo pipefail
cd "$(dirname "$0")"
lock() { # NAME COMMENT [OPTIONS]
  local name=$1 comment=$2; shift 2
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
    --no-strip-extras --output-file "$name.txt" "$name.in" "$@" >/dev/null
  sed -i "1i # $comment\n# Written by lock.sh; not edited by hand." "$name.txt"
}
sed -i '/^#/d' requirements.txt requirements-tests.txt 2>/dev/null || true
lock requirements "Everything that the service needs." "$@"
lock requirements-tests "Postgres with pgvector as a package, for the tests; installed with --no-deps." --no-deps "$@"
