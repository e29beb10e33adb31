#!/usr/bin/env bash
# Three gateways that count together through a real server, and what happens to it: it stops, is killed, starts again without
# its data, is emptied, is behind a proxy that delays and cuts, and hangs while a gateway ends.
#
#   tests/ops/replicas.sh [BINARY]     needs redis-server or valkey-server (installed from Debian when root) and python3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway 2>/dev/null | head -n 1)}")
if ! command -v valkey-server redis-server >/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >/dev/null
    elif [ -n "${CI:-}" ]; then
        echo "tests/ops/replicas.sh: CI needs redis-server or valkey-server" && exit 1
    else
        echo "tests/ops/replicas.sh: skipped: neither valkey-server nor redis-server is installed" && exit 0
    fi
fi
exec python3 tests/ops/replicas.py "$binary"
