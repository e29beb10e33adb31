#!/usr/bin/env bash
# The pictures of the status page in docs/: a gateway between scripted providers is asked a few times, and its page is
# photographed in light and dark, on a phone, its requests, and its box that tries a route.
#
#   tests/ops/screenshot.sh [BINARY]     needs chromium, webp (installed from Debian when root) and npm
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway 2>/dev/null | head -n 1)}")
missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v cwebp >/dev/null || missing+=(webp)
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" fonts-dejavu-core >/dev/null
fi
[ -d target/screenshot/node_modules/playwright-core ] ||
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix target/screenshot playwright-core@1.55.0 >/dev/null

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node tests/ops/screenshot.mjs "$binary" "$work"
for picture in light dark phone requests try; do
    cwebp -quiet -preset text -near_lossless 40 -m 6 "$work/$picture.png" -o "docs/status-page-$picture.webp"
    bytes=$(wc -c <"docs/status-page-$picture.webp")
    echo "docs/status-page-$picture.webp: $bytes bytes"
    [ "$bytes" -le 100000 ]
done
