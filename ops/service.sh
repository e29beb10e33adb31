#!/usr/bin/env bash
# The systemd service on this machine. ops.sh runs it here (install-service, uninstall) and on servers (deploy), as root.
#
#   service.sh install FOLDER   puts the files of FOLDER in their places, and restarts the service if it runs
#   service.sh deploy FOLDER    the same, starts it in any case, and goes back to what was there before if it is not
#                               healthy within 30 s
#   service.sh program FILE     puts the program in its place alone, with its manual and its completions
#   service.sh uninstall [--purge]
#
# FOLDER holds ai-gateway, ai-gateway.service, ai-gateway.socket, and may hold config.yaml and env.
set -euo pipefail
umask 077

program=/usr/local/bin/ai-gateway
settings=/etc/ai-gateway
state=/var/lib/ai-gateway
units=/etc/systemd/system
share=/usr/local/share
previous=/var/lib/ai-gateway.previous # root's alone: what comes from here is run again
user=ai-gateway
patience=30 # seconds

say() { printf '%s\n' "$1" >&2; }
die() { say "$1" && exit "${2:-1}"; }

# What is replaced, and so what can be gone back to.
replaced=("$program" "$settings/config.yaml" "$settings/env" "$units/ai-gateway.service" "$units/ai-gateway.socket"
    "$units/ai-gateway.socket.d/listen.conf")

# What the program prints about itself, and where it is looked for.
declare -A papers=(
    ["$share/man/man1/ai-gateway.1"]=manual
    ["$share/bash-completion/completions/ai-gateway"]='completions bash'
    ["$share/zsh/site-functions/_ai-gateway"]='completions zsh'
    ["$share/fish/vendor_completions.d/ai-gateway.fish"]='completions fish'
)

# The package has a service, a user and a configuration of the same names, and its own program before or behind ours on
# the PATH: with both, one would be upgraded and the other one run.
refuse_beside_package() {
    local state
    state=$(dpkg-query -W -f '${Status}' ai-gateway 2>/dev/null) || return 0
    [ "$state" = 'install ok installed' ] || return 0
    die "the Debian package ai-gateway is installed here, and $1 would be in its way: nothing was changed
  to upgrade it:             ./ops.sh package, and sudo apt install ./ai-gateway_VERSION_ARCHITECTURE.deb
  to do without it instead:  sudo apt remove ai-gateway (the configuration stays)" 69
}

make_user() {
    getent passwd "$user" >/dev/null ||
        useradd --system --user-group --home-dir / --no-create-home --shell /usr/sbin/nologin "$user"
}

folder_for() {
    (umask 022 && mkdir -p "$(dirname "$1")")
}

# replace MODE OWNER SOURCE TARGET: in one step, so that nobody ever sees a half, and a program that runs goes on.
replace() {
    folder_for "$4"
    install -m "$1" -o "$2" -g "$2" "$3" "$4.new"
    mv -f "$4.new" "$4"
}

# Leaves in `addresses` where the configuration wants to be reached. A wrong one ends it all while the version that
# runs does not even notice. Nothing can be told here of one that reads credentials, which only the service is given.
look_at_configuration() {
    local folder=$1 environment=$settings/env config=$settings/config.yaml text
    [ ! -e "$folder/env" ] || environment=$folder/env
    [ ! -e "$folder/config.yaml" ] || config=$folder/config.yaml
    [ -e "$config" ] || die 'there is no config.yaml: cp config.yaml.example config.yaml, and edit it' 66
    addresses=()
    if grep -q '/run/credentials/' "$config"; then return; fi
    text=$(systemd-run --quiet --pipe --wait --collect -p "EnvironmentFile=-$environment" \
        "$folder/ai-gateway" check --config "$config" </dev/null) ||
        die 'the configuration is not valid: nothing was changed' 78
    mapfile -t addresses < <(sed -n 's/^listens on //p' <<<"$text")
}

# The socket unit listens on 8080; here is where it does so if the configuration says otherwise.
write_listen() {
    local target=$units/ai-gateway.socket.d/listen.conf address
    [ $# -gt 0 ] || return 0
    folder_for "$target"
    {
        printf '# Written by ops.sh from the configuration.\n[Socket]\nListenStream=\n'
        for address in "$@"; do
            # A port alone is all addresses, also where there is no IPv6.
            printf 'ListenStream=%s\n' "${address#\[::\]:}"
        done
        [[ " $* " != *' 0.0.0.0:'* ]] || printf 'BindIPv6Only=ipv6-only\n'
    } >"$target.new"
    chmod 644 "$target.new"
    mv -f "$target.new" "$target"
}

keep_previous() {
    local file
    rm -rf "$previous"
    mkdir -p "$previous"
    for file in "${replaced[@]}"; do
        [ -e "$file" ] || continue
        folder_for "$previous$file"
        cp -a "$file" "$previous$file"
    done
}

go_back() {
    local file
    for file in "${replaced[@]}"; do
        if [ -e "$previous$file" ]; then
            cp -a "$previous$file" "$file.new"
            mv -f "$file.new" "$file"
        else
            rm -f "$file"
        fi
    done
}

put_program_in_place() {
    replace 755 root "$1" "$program"
    put_papers_in_place
}

# Of an older version, or one for another kind of machine, there are none; that is no reason to fail.
put_papers_in_place() {
    local paper printed
    printed=$(mktemp)
    for paper in "${!papers[@]}"; do
        # shellcheck disable=SC2086 # Two words, at most.
        if "$program" ${papers[$paper]} >"$printed" 2>/dev/null; then
            replace 644 root "$printed" "$paper"
        else
            rm -f "$paper"
        fi
    done
    rm -f "$printed"
}

put_in_place() {
    local folder=$1
    shift
    make_user
    keep_previous
    put_program_in_place "$folder/ai-gateway"
    replace 644 root "$folder/ai-gateway.service" "$units/ai-gateway.service"
    replace 644 root "$folder/ai-gateway.socket" "$units/ai-gateway.socket"
    if [ -e "$folder/config.yaml" ]; then replace 600 "$user" "$folder/config.yaml" "$settings/config.yaml"; fi
    if [ -e "$folder/env" ]; then replace 600 "$user" "$folder/env" "$settings/env"; fi
    write_listen "$@"
}

# Starts or restarts. The socket is left alone where it listens already: connections wait in it, and none is refused.
start() {
    local before=$1
    systemctl daemon-reload
    systemctl --quiet enable ai-gateway.socket ai-gateway.service
    # A version that failed may have left either at its limit of starts.
    systemctl reset-failed ai-gateway.socket ai-gateway.service 2>/dev/null || true
    if [ "$(listens)" != "$before" ] || ! systemctl --quiet is-active ai-gateway.socket; then
        # A socket cannot be opened under a service that runs.
        systemctl stop ai-gateway.service ai-gateway.socket
        systemctl start ai-gateway.socket || return 1
    fi
    # It waits until the service has answered a request through its public listener (Type=notify).
    systemctl restart ai-gateway.service
}

listens() {
    systemctl show -p Listen ai-gateway.socket 2>/dev/null
}

healthy() {
    local until=$((SECONDS + patience)) address
    address=$(systemctl show -p Listen --value ai-gateway.socket | sed -n '1s/ (Stream)$//p')
    while [ "$SECONDS" -lt "$until" ]; do
        if systemctl --quiet is-active ai-gateway.service && answers "$address"; then return; fi
        sleep 0.3
    done
    return 1
}

answers() {
    local host=${1%:*} port=${1##*:} answer
    host=${host//[\[\]]/}
    case $host in :: | 0.0.0.0 | '') host=127.0.0.1 ;; esac
    answer=$(
        exec 3<>"/dev/tcp/$host/$port" || exit
        printf 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
        timeout 5 head -c 12 <&3
    ) 2>/dev/null || return 1
    [ "$answer" = 'HTTP/1.1 200' ]
}

cmd_program() {
    refuse_beside_package 'a second program'
    put_program_in_place "$1"
}

cmd_install() {
    local before
    refuse_beside_package 'a second service'
    look_at_configuration "$1"
    before=$(listens)
    put_in_place "$1" "${addresses[@]}"
    if systemctl --quiet is-active ai-gateway.service; then
        start "$before"
    else
        systemctl daemon-reload
        systemctl --quiet enable ai-gateway.socket ai-gateway.service
    fi
}

cmd_deploy() {
    local before
    refuse_beside_package 'a second service'
    look_at_configuration "$1"
    before=$(listens)
    put_in_place "$1" "${addresses[@]}"
    if start "$before" && healthy; then
        say 'healthy'
        return
    fi
    say "not healthy within $patience s; its last words:"
    journalctl -u ai-gateway -n 20 -o cat --no-pager >&2 || true
    before=$(listens)
    if [ -e "$previous$program" ]; then
        go_back
        if start "$before" && healthy; then
            die 'rolled back: the previous version serves again'
        fi
        die 'rolled back, but the previous version is not healthy either'
    fi
    systemctl stop ai-gateway.socket ai-gateway.service
    die 'there is no previous version to go back to: stopped'
}

cmd_uninstall() {
    case $* in '' | --purge) ;; *) die "uninstall does not know $*" 64 ;; esac
    refuse_beside_package 'removing its configuration and user'
    if [ -d /run/systemd/system ]; then
        systemctl --quiet disable --now ai-gateway.socket ai-gateway.service 2>/dev/null || true
    fi
    rm -f "$units"/ai-gateway.{service,socket} "$program" "${!papers[@]}"
    rm -rf "$units/ai-gateway.socket.d" "$previous"
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
    if [ "${1:-}" = --purge ]; then
        rm -rf "$settings" "$state" "$units/ai-gateway.service.d"
        userdel "$user" 2>/dev/null || true
        say 'removed, with configuration, keys and state'
    else
        say "removed; $settings and $state, if there were any, are still there (uninstall --purge)"
    fi
}

[ "$(id -u)" -eq 0 ] || die 'service.sh has to be run by root' 77
case ${1:-} in
install) cmd_install "${2:?FOLDER}" ;;
deploy) cmd_deploy "${2:?FOLDER}" ;;
program) cmd_program "${2:?FILE}" ;;
uninstall) shift && cmd_uninstall "$@" ;;
*) die 'install FOLDER, deploy FOLDER, program FILE or uninstall' 64 ;;
esac
