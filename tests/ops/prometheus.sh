#!/usr/bin/env bash
# ops/grafana in front of a real Prometheus: promtool takes the rules and has each alert fire, Prometheus scrapes the
# gateway as the shipped prometheus.yml says, loads the rules, and answers every question of the dashboard.
#
#   tests/ops/prometheus.sh [BINARY]     needs prometheus (installed from Debian when root) and python3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway 2>/dev/null | head -n 1)}")
if ! command -v prometheus >/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null
    else
        echo 'tests/ops/prometheus.sh: skipped: prometheus is not installed' && exit 0
    fi
fi
work=$(mktemp -d)
running=()
finish() {
    kill "${running[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
passed=0 failed=0
check() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then passed=$((passed + 1)) && echo "ok      $name"; else
        failed=$((failed + 1)) && echo "FAILED  $name" && sed 's/^/        | /' "$work/said"
    fi
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
gateway=$(free_port) prometheus=$(free_port)

check 'promtool takes the rules' promtool check rules ops/grafana/alerts.yml
check 'promtool takes the configuration' promtool check config ops/grafana/prometheus.yml
check 'each alert fires, and not before it should' promtool test rules ops/grafana/alerts.test.yml

"$binary" demo --port "$gateway" >"$work/demo" & running+=($!)
cp ops/grafana/alerts.yml "$work/"
# The shipped file, but for the address, and with looks that do not keep a test waiting.
sed "s/localhost:8080/127.0.0.1:$gateway/; s/_interval: 15s/_interval: 1s/" ops/grafana/prometheus.yml >"$work/prometheus.yml"
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address="127.0.0.1:$prometheus" \
    --log.level=warn >"$work/prometheus.log" 2>&1 & running+=($!)
check 'it scrapes, loads the rules, and answers the dashboard' \
    python3 tests/ops/prometheus.py "http://127.0.0.1:$prometheus" "http://127.0.0.1:$gateway"
[ "$failed" -eq 0 ] || tail -n 20 "$work"/*.log
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
