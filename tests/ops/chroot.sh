#!/usr/bin/env bash
# The image's properties without an engine: the binary alone in an empty folder, read-only, as an unprivileged user, as
# process 1 of its own. It serves, resolves names, says it is healthy, reloads, and ends on TERM with 0.
#
#   tests/ops/chroot.sh [BINARY]        needs root, util-linux and python3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ "$(id -u)" -eq 0 ] || { echo 'tests/ops/chroot.sh: skipped: it needs root' && exit 0; }
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway 2>/dev/null | head -n 1)}")
folder=$(mktemp -d "$PWD/target/scratch.XXXXXX")
chmod 755 "$folder"
log=$(mktemp)
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port) provider_port=$(free_port)
export GATEWAY_API_KEY=chroot-gateway-key-1
python3 tests/ops/provider.py "$provider_port" & provider=$!
finish() {
    kill "$provider" "${dns:-$provider}" ${gateway:+"$gateway"} 2>/dev/null || true
    rm -rf "$folder" "$log"
}
trap finish EXIT

passed=0 failed=0
check() {
    local name=$1
    shift
    if "$@" >"$log.said" 2>&1; then passed=$((passed + 1)) && echo "ok      $name"; else
        failed=$((failed + 1)) && echo "FAILED  $name" && sed 's/^/        | /' "$log.said"
    fi
    rm -f "$log.said"
}

# A name server, which answers every question with 127.0.0.1.
python3 tests/ops/dns.py 127.77.0.53 & dns=$!

# What an engine gives: the binary, its configuration, and these two files.
install -D -m 755 "$binary" "$folder/ai-gateway"
mkdir -p "$folder/etc/ai-gateway" "$folder/proc"
echo 'nameserver 127.77.0.53' >"$folder/etc/resolv.conf"
echo '127.0.0.1 localhost' >"$folder/etc/hosts"
cat >"$folder/etc/ai-gateway/config.yaml" <<TEXT
api_key: \${GATEWAY_API_KEY}
listen: 127.0.0.1:$port
providers:
  - {name: local, base_url: "http://provider.example:$provider_port/v1"}
routes:
  - {name: plain, steps: [{provider: local, model: plain}]}
TEXT
chown 65532 "$folder/etc/ai-gateway/config.yaml"
chmod 600 "$folder/etc/ai-gateway/config.yaml"

# What an engine does: a read-only root with /proc, an unprivileged user, an environment of the container's own.
# shellcheck disable=SC2016 # Expanded inside.
inside='mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && mount -t proc proc "$1/proc"
    exec env -i GATEWAY_API_KEY="$GATEWAY_API_KEY" "$(command -v chroot)" --userspec=65532:65532 "$@"'

unshare --mount --pid --fork --kill-child bash -c "$inside" inside "$folder" /ai-gateway >"$log" 2>&1 & gateway=$!
for _ in $(seq 100); do
    grep -q listening "$log" && break
    sleep 0.05
done
one=$(pgrep -P "$gateway") || { cat "$log" && exit 1; }

check 'it serves, with the name of a provider resolved' python3 tests/ops/client.py many "http://127.0.0.1:$port" 10
check 'it is process 1' grep -q '^NSpid:.*[[:space:]]1$' "/proc/$one/status"
check 'it is nobody' grep -q '^Uid:[[:space:]]65532[[:space:]]65532' "/proc/$one/status"
check 'it has no capability' grep -q '^CapEff:[[:space:]]0*$' "/proc/$one/status"
check 'its root is read-only' grep -q ' / ro[, ]\| / / ro[, ]' "/proc/$one/mountinfo"
check 'its root holds nothing else' diff <(cd "/proc/$one/root" && find . -path ./proc -prune -o -type f -print | sort) - <<'TEXT'
./ai-gateway
./etc/ai-gateway/config.yaml
./etc/hosts
./etc/resolv.conf
TEXT
enter() { GATEWAY_API_KEY=$GATEWAY_API_KEY nsenter -t "$one" --mount --pid --root --wd --setuid 65532 --setgid 65532 "$@"; }
check 'the health check of the image' enter /ai-gateway healthcheck --config /etc/ai-gateway/config.yaml
reloaded() {
    enter /ai-gateway reload || return
    for _ in $(seq 50); do
        grep -q '"reloaded"' "$log" && return
        sleep 0.05
    done
    return 1
}
check 'reload finds process 1' reloaded
kill -TERM "$one"
code=0
wait "$gateway" || code=$?
gateway=
check "TERM ends it with 0: $code" [ "$code" -eq 0 ]
check 'gracefully' grep -q '"msg":"stopped","unfinished":0' "$log"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
