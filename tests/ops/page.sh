#!/usr/bin/env bash
# The status page in a browser: a real Chromium logs in behind a path prefix, and looks at cooling steps, failed requests,
# their trails, hostile words, the box to try a route, an operator's actions, and a phone's width.
#
#   tests/ops/page.sh [BINARY]     needs chromium (installed from Debian when root) and npm
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v npm >/dev/null || { echo 'tests/ops/page.sh: skipped: npm is not installed' && exit 0; }
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway 2>/dev/null | head -n 1)}")
command -v chromium >/dev/null ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; }
[ -d target/screenshot/node_modules/playwright-core ] ||
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix target/screenshot playwright-core@1.55.0 >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node tests/ops/page.mjs "$binary" "$work"
