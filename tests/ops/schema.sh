#!/usr/bin/env bash
# The schema of the configuration, by a real validator: tests/ops/schema.sh [BINARY]
#
# Without BINARY the newest of the debug and release builds is taken. The virtual environment lives under target/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway 2>/dev/null | head -n 1)}")
requirements=tests/ops/schema-requirements.txt folder=target/schema
if ! cmp -s "$requirements" "$folder/installed"; then
    echo "installing jsonschema and PyYAML from PyPI into $folder: they check the schema of the configuration" >&2
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$folder/installed"
fi
PYTHONDONTWRITEBYTECODE=1 exec "$folder/bin/python" tests/ops/schema.py "$binary"
