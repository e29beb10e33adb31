#!/usr/bin/env bash
# Three gateways that count together through a real server, and what happens to it: it stops, is killed, starts again without
# its data, is emptied, is behind a proxy that delays, cuts, loses and lies, and hangs while a gateway ends. It takes a minute.
#
#   tests/ops/replicas.sh [BINARY]     needs python3 and redis-server or valkey-server; skipped without (but where CI is set)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway target/debug/ai-gateway 2>/dev/null | head -n 1)}")
if ! command -v valkey-server redis-server >/dev/null; then
    [ -n "${CI:-}" ] && echo "tests/ops/replicas.sh: CI needs redis-server or valkey-server" && exit 1
    echo "tests/ops/replicas.sh: skipped: neither valkey-server nor redis-server is installed" && exit 0
fi
exec python3 tests/ops/replicas.py "$binary"
