#!/usr/bin/env bash
# The pictures of the status page in docs/: the demo is started, asked a few times, and its page is photographed in light
# and dark.
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
finish() {
    kill "$demo" 2>/dev/null || true
    wait "$demo" 2>/dev/null || true
    rm -rf "$work"
}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$binary" demo --port "$port" >"$work/demo" & demo=$!
trap finish EXIT
for _ in $(seq 100); do
    curl -fs -o /dev/null "http://127.0.0.1:$port/health" && break
    sleep 0.1
done
ask() {
    curl -fsN -o /dev/null "http://127.0.0.1:$port/v1/chat/completions" -H 'Authorization: Bearer demo-gateway-key' \
        -d '{"model": "demo", "stream": '"$1"', "messages": [{"role": "user", "content": "Hello"}]}'
}
for _ in $(seq 20); do ask true && ask false; done
node tests/ops/screenshot.mjs "http://127.0.0.1:$port/" demo-gateway-key "$work"
for scheme in light dark; do
    cwebp -quiet -q 90 -m 6 "$work/$scheme.png" -o "docs/status-page-$scheme.webp"
    bytes=$(wc -c <"docs/status-page-$scheme.webp")
    echo "docs/status-page-$scheme.webp: $bytes bytes"
    [ "$bytes" -le 100000 ]
done
