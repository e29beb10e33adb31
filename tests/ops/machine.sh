#!/usr/bin/env bash
# A throw-away server to rehearse deployments on: Debian bookworm with a real systemd and sshd, booted by systemd-nspawn
# on this machine and sharing its network. Needs root. Everything is below FOLDER, which may be kept for the next time.
#
#   machine.sh up FOLDER PORT    make it (the first time: some minutes, from Debian's packages) and boot it; its sshd
#                                listens on 127.0.0.1:PORT for root with the key FOLDER/key
#   machine.sh down FOLDER       power it off
set -euo pipefail
verb=${1:?up or down} folder=$(realpath -m "${2:?FOLDER}") port=${3:-}
root=$folder/root

# The container's init, seen from here.
init() {
    ps -eo pid,ppid,comm | awk -v p="$(cat "$folder/pid" 2>/dev/null || echo 0)" '$2 == p && $3 == "systemd" { print $1; exit }'
}

case $verb in
up)
    mkdir -p "$folder"
    if ! command -v systemd-nspawn >/dev/null || ! command -v debootstrap >/dev/null || ! command -v ssh >/dev/null; then
        apt-get update -qq && apt-get install -y -qq systemd-container debootstrap openssh-client >/dev/null
    fi
    if [ ! -x "$root/usr/sbin/sshd" ]; then
        rm -rf "$root"
        debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,openssh-server,sudo,procps \
            bookworm "$root" >"$folder/debootstrap.log" 2>&1
    fi
    [ -f "$folder/key" ] || ssh-keygen -q -t ed25519 -N '' -f "$folder/key"
    install -d -m 700 "$root/root/.ssh"
    install -m 600 "$folder/key.pub" "$root/root/.ssh/authorized_keys"
    printf 'Port %s\nListenAddress 127.0.0.1\nPermitRootLogin prohibit-password\n' "$port" \
        >"$root/etc/ssh/sshd_config.d/rehearsal.conf"
    mountpoint -q /run/systemd || { mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd; }
    nohup bash "$0" run "$folder" "$port" </dev/null >"$folder/console" 2>&1 &
    ;;
run)
    # Under --keep-unit a reboot ends it with 133, for whoever started it to start it again.
    code=133
    while [ "$code" -eq 133 ]; do
        systemd-nspawn -q -D "$root" --register=no --keep-unit --machine="rehearsal-$port" -b &
        echo $! >"$folder/pid"
        code=0
        wait $! || code=$?
    done
    ;;
down)
    leader=$(init)
    [ -z "$leader" ] || kill -s RTMIN+4 "$leader"
    for _ in $(seq 60); do
        [ -d "/proc/$(cat "$folder/pid")" ] || break
        sleep 0.5
    done
    kill "$(cat "$folder/pid")" 2>/dev/null || true
    rm -f "$folder/pid"
    ;;
*)
    echo 'up or down' >&2
    exit 64
    ;;
esac
