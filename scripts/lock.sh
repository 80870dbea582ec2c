#!/usr/bin/env bash
# Write the lock files from pyproject.toml: pinned, hashed, without the address of any index.
set -euo pipefail
cd "$(dirname "$0")/.."
compile=(uv pip compile -q pyproject.toml --generate-hashes --universal --python-version 3.11
  --no-emit-index-url --no-annotate --no-header)
"${compile[@]}" -o requirements.lock "$@"
"${compile[@]}" --group dev -o requirements-dev.lock "$@"
