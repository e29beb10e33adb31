#!/usr/bin/env bash
# The rehearsal: ops.sh against a real systemd and sshd, and what can go wrong there.
#
#   tests/ops/vps.sh [BINARY]
#
# Takes some minutes, root, and Debian's packages (systemd-container, debootstrap, openssh-client, lintian, python3). BINARY is
# the static build to deploy; without it, the newest one. AI_GATEWAY_VPS names a folder to keep the machine in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

skip() {
    echo "tests/ops/vps.sh: skipped: $1"
    exit 0
}
[ "$(id -u)" -eq 0 ] || skip 'it needs root'
command -v apt-get >/dev/null || command -v debootstrap >/dev/null || skip 'it needs debootstrap'
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway 2>/dev/null | head -n 1)}")
[ -x "$binary" ] || { echo 'build it first: ./ops.sh build' >&2 && exit 1; }

machine=$(realpath -m "${AI_GATEWAY_VPS:-target/vps}")
work=$(mktemp -d "$PWD/target/rehearsal.XXXXXX")
project=$work/project
passed=0 failed=0
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
ssh_port=$(free_port) port=$(free_port) provider_port=$(free_port)
url=http://127.0.0.1:$port
export GATEWAY_API_KEY=rehearsal-gateway-key-1

finish() {
    [ -z "${provider:-}" ] || kill "$provider" 2>/dev/null || true
    [ -z "${loading:-}" ] || kill "$loading" 2>/dev/null || true
    bash tests/ops/machine.sh down "$machine" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

on_machine() {
    # shellcheck disable=SC2029 # Meant for the shell there.
    ssh -o BatchMode=yes -o ConnectTimeout=3 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
        -i "$machine/key" -p "$ssh_port" root@127.0.0.1 "$@"
}

# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

ok() { passed=$((passed + 1)) && echo "ok      $1"; }
bad() { failed=$((failed + 1)) && echo "FAILED  $1"; }
# check NAME COMMAND...
check() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then ok "$name"; else bad "$name" && sed 's/^/        | /' "$work/said"; fi
}

answers() { python3 tests/ops/client.py many "$url" 1; }
main_pid() { on_machine systemctl show -p MainPID --value ai-gateway; }
milliseconds() { date +%s%3N; }
ops() { (cd "$project" && ./ops.sh "$@"); }

begin_load() { python3 tests/ops/client.py load "$url" 20 >"$work/load" & loading=$!; }
# end_load NAME: no request may have failed.
end_load() {
    local code=0
    kill "$loading" && wait "$loading" || code=$?
    loading=
    if [ "$code" -eq 0 ]; then ok "$1: $(cat "$work/load")"; else bad "$1: $(cat "$work/load")"; fi
}

write_project() {
    mkdir -p "$project"
    cp -r ops.sh ops systemd scripts docker-compose.yml "$project/"
    write_config ''
    cat >"$project/.env" <<TEXT
GATEWAY_API_KEY=$GATEWAY_API_KEY
PROVIDER_KEY='\$(touch /pwned) it"s # not a comment'
DOMAIN=ai.example.com
SSH_HOST=127.0.0.1
SSH_PORT=$ssh_port
SSH_KEY=$machine/key
SSH_KNOWN_HOSTS=$work/known_hosts
GHCR_PULL_USER=pull-user-7
GHCR_PULL_TOKEN=pull-token-77
TEXT
}

# write_config LINES: with these at the top level.
write_config() {
    cat >"$project/config.yaml" <<TEXT
api_key: \${GATEWAY_API_KEY}
port: $port
$1
providers:
  - name: local
    base_url: http://127.0.0.1:$provider_port/v1
    api_key: \${PROVIDER_KEY}
routes:
  - name: plain
    steps: [{provider: local, model: plain}]
TEXT
}

. tests/ops/rehearsals.sh

command -v lintian >/dev/null || {
    echo 'installing lintian by apt: it looks over the Debian package'
    apt-get install -y -qq lintian >/dev/null 2>&1 || echo 'lintian cannot be installed: the package is not looked over'
}

write_project
python3 tests/ops/provider.py "$provider_port" & provider=$!
echo "booting a machine below $machine"
bash tests/ops/machine.sh up "$machine" "$ssh_port"
until_true 90 on_machine true || { cat "$machine/console" && exit 1; }
on_machine 'systemctl is-system-running --wait' >/dev/null || true
# What an earlier run may have left.
on_machine 'dpkg -P ai-gateway; systemctl disable --now ai-gateway.socket ai-gateway.service; rm -rf /etc/ai-gateway /var/lib/ai-gateway* \
    /etc/systemd/system/ai-gateway* /usr/local/bin/* /root/services /root/.ai-gateway* /root/.docker; userdel ai-gateway
    systemctl daemon-reload; systemctl reset-failed' >/dev/null 2>&1 || true

rehearse_deploying
rehearse_failures
rehearse_reloading
rehearse_credentials
rehearse_docker
rehearse_another_user
rehearse_reboot
rehearse_removal
rehearse_package
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
