#!/usr/bin/env bash
# The snippets of docs/proxies in front of a gateway: streams arrive as they come and last, errors keep their headers.
#
#   tests/ops/proxies.sh [BINARY]     needs nginx and caddy (installed from Debian when root) and python3
#
# AI_GATEWAY_LONG_TESTS=1: a stream of ten minutes with one event in 20 s, else one of ten seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway 2>/dev/null | head -n 1)}")
for program in nginx caddy; do
    command -v "$program" /usr/sbin/"$program" >/dev/null && continue
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$program" >/dev/null
    else
        echo "tests/ops/proxies.sh: skipped: $program is not installed" && exit 0
    fi
done
PATH=$PATH:/usr/sbin
work=$(mktemp -d)
running=()
finish() {
    kill "${running[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
provider=$(free_port) gateway=$(free_port) nginx=$(free_port) caddy=$(free_port)
export GATEWAY_API_KEY=proxies-gateway-key-1
passed=0 failed=0
ok() { passed=$((passed + 1)) && echo "ok      $1"; }
bad() { failed=$((failed + 1)) && echo "FAILED  $1"; }

python3 tests/ops/provider.py "$provider" & running+=($!)
{
    # shellcheck disable=SC2016 # The gateway replaces it.
    printf 'listen: 127.0.0.1:%s\nserver: {trusted_proxies: [127.0.0.1]}\napi_key: ${GATEWAY_API_KEY}\ndefault_step_cooldown: 0s\ndefault_timeout: 60s\n' "$gateway"
    printf 'providers: [{name: local, base_url: "http://127.0.0.1:%s/v1"}]\nroutes:\n' "$provider"
    for model in plain limited '20*0.2' '6*2' '31*20'; do
        printf '  - {name: "%s", steps: [{provider: local, model: "%s"}]}\n' "$model" "$model"
    done
} >"$work/config.yaml"
"$binary" --config "$work/config.yaml" >"$work/gateway.log" & running+=($!)

sed "s/127.0.0.1:8080/127.0.0.1:$gateway/" docs/proxies/nginx.conf >"$work/snippet.conf"
cat >"$work/nginx.conf" <<TEXT
daemon off; pid $work/nginx.pid; error_log $work/nginx.log; events {}
http {
    access_log off;
    client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
    server { listen 127.0.0.1:$nginx; include $work/snippet.conf; }
}
TEXT
nginx -c "$work/nginx.conf" & running+=($!)
{
    printf '{\n\tadmin off\n}\n'
    sed "s/127.0.0.1:8080/127.0.0.1:$gateway/; s|^ai-gateway.example.com|http://127.0.0.1:$caddy|" docs/proxies/Caddyfile
} >"$work/Caddyfile"
HOME=$work caddy run --config "$work/Caddyfile" --adapter caddyfile 2>"$work/caddy.log" & running+=($!)

status_of() { curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1$2" || true; }
for port in "$provider" "$gateway" "$nginx" "$caddy"; do
    for _ in $(seq 100); do
        # The provider knows no GET.
        [[ $(status_of "$port" /health) == [25]0[01] ]] && break
        sleep 0.1
    done
done

client() { python3 tests/ops/client.py "$@"; }
long='6*2'
[ -z "${AI_GATEWAY_LONG_TESTS:-}" ] || long='31*20'
declare -A lasting
for name in nginx caddy; do
    client stream "http://127.0.0.1:${!name}" "$long" >"$work/$name.long" 2>&1 & lasting[$name]=$!
done
# Whether the first event came within 50 ms, and none with the next one, 200 ms after it.
as_they_come() { awk '{ exit !($2 <= 50 && $3 <= 150) }' <<<"$1"; }
for name in nginx caddy; do
    url=http://127.0.0.1:${!name}
    if said=$(client many "$url" 1000); then ok "$name: $said"; else bad "$name: $said"; fi
    if said=$(client status "$url" limited) && [ "$said" = '429 7' ]; then ok "$name: 429 and Retry-After arrive"; else bad "$name: $said"; fi
    direct=$(client stream "http://127.0.0.1:$gateway" '20*0.2')
    if said=$(client stream "$url" '20*0.2') && as_they_come "$said"; then
        ok "$name: the first event within 50 ms (events, first, latest): $said ms, without it $direct ms"
    else bad "$name: events too late: $said"; fi
    for path in /v1/diagnostics/upstream-models //v1//diagnostics/upstream-models/ /metrics; do
        if [ "$(status_of "${!name}" "$path")" = 404 ]; then ok "$name: $path is closed"; else bad "$name: $path is open"; fi
    done
    if [ "$(status_of "${!name}" /v1/models)" = 401 ]; then ok "$name: the rest is not"; else bad "$name: /v1/models"; fi
done
for name in nginx caddy; do
    if wait "${lasting[$name]}"; then ok "$name: a stream $long lasts: $(cat "$work/$name.long")"; else
        bad "$name: a stream $long breaks: $(cat "$work/$name.long")"
    fi
done
[ "$failed" -eq 0 ] || tail -n 20 "$work"/*.log
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
