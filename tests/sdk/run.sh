#!/bin/sh
# Runs the SDK tests against a built gateway, once for each major line of the openai package in use, and those of packages
# for vectors; with Node also those of openai for Node.
#
#     tests/sdk/run.sh [BINARY]
#
# Without BINARY the newest of the debug and release builds is taken. The virtual environments live under target/ and are
# made anew only when their requirements change.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck disable=SC2012 # Names of our own making.
binary=${1:-$(ls -t "$root"/target/*/release/ai-gateway "$root"/target/*/debug/ai-gateway \
    "$root"/target/release/ai-gateway "$root"/target/debug/ai-gateway 2>/dev/null | head -n 1)}
[ -x "$binary" ] || { echo "tests/sdk: no gateway binary; build it first: cargo build" >&2; exit 1; }
command -v python3 >/dev/null || { echo "tests/sdk: python3 is missing; install python3 and its venv module" >&2; exit 1; }
python3 -c 'import ensurepip, venv' 2>/dev/null \
    || { echo "tests/sdk: python3 has no venv; install the package python3-venv" >&2; exit 1; }

# Leaves a virtual environment with these requirements in this folder.
prepare() {
    requirements=$1 folder=$2
    stamp=$(cksum <"$requirements")
    [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ] && return
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    echo "$stamp" >"$folder/stamp"
}

counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
for line in 2 3; do
    folder=$root/target/sdk-$line
    prepare "$root/tests/sdk/requirements-$line.txt" "$folder"
    PYTHONDONTWRITEBYTECODE=1 "$folder/bin/python" "$root/tests/sdk/cases.py" "$binary" | tee -a "$counts"
done
folder=$root/target/sdk-vectors
prepare "$root/tests/sdk/requirements-vectors.txt" "$folder"
node=
if command -v npm >/dev/null; then
    node=$root/target/sdk-node
    # The newest line wants Node 22.
    [ -d "$node/node_modules/openai" ] \
        || npm install --silent --no-audit --no-fund --prefix "$node" openai@6.49.0 >/dev/null
fi
PYTHONDONTWRITEBYTECODE=1 "$folder/bin/python" "$root/tests/sdk/vector_cases.py" "$binary" ${node:+"$node"} | tee -a "$counts"
# The sum of all runs; a run that broke down before its count counts as a failure.
awk '/ passed, [0-9]+ failed$/ { runs++; passed += $(NF - 3); failed += $(NF - 1) }
    END { failed += 3 - runs; print passed + 0 " passed, " failed " failed"; exit failed > 0 }' "$counts"
