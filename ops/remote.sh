# shellcheck shell=bash
# The server: how to reach it, and the systemd service there. Sourced.

ssh_options=()
server=

# Reads the settings and opens one connection that all further ones share.
connect() {
    load_settings
    local host key known control
    host=$(setting SSH_HOST)
    [ -n "$host" ] || die 'SSH_HOST is not set: put it into .env or before the command' 64
    server=$(setting SSH_USER root)@$host
    # A socket, no secret. Its path has to be short.
    control=$(mktemp -d /tmp/ops.XXXXXX)
    on_exit rm -rf "$control"
    ssh_options=(-p "$(setting SSH_PORT 22)" -o ConnectTimeout=15 -o ServerAliveInterval=15
        -o StrictHostKeyChecking=accept-new -o "ControlPath=$control/%C")
    key=$(setting SSH_KEY)
    if [ -n "$key" ]; then
        key=${key/#\~\//$HOME/}
        [ -r "$key" ] || die "SSH_KEY: cannot read $key" 66
        ssh_options+=(-i "$key" -o IdentitiesOnly=yes)
    fi
    known=$(setting SSH_KNOWN_HOSTS)
    [ -z "$known" ] || ssh_options+=(-o "UserKnownHostsFile=$known")
    ssh "${ssh_options[@]}" -o ControlMaster=yes -o ControlPersist=yes -fN "$server" ||
        die "cannot log in to $server"
    on_exit ssh "${ssh_options[@]}" -O exit -q "$server"
}

# on_server COMMAND [ARGUMENT ...]: as root there; standard input goes with it. Nothing secret belongs in the arguments.
on_server() {
    local words
    printf -v words '%q ' "$@"
    # shellcheck disable=SC2029 # Quoted for the shell there.
    ssh "${ssh_options[@]}" "$server" "if [ \"\$(id -u)\" -eq 0 ]; then $words; else sudo -n $words; fi"
}

# A folder for what is about to be installed, for nobody else's eyes and not in /tmp.
staging_folder() {
    local folder
    mkdir -p target
    folder=$(mktemp -d "$PWD/target/stage.XXXXXX")
    printf '%s' "$folder"
}

# stage FOLDER BINARY: lays out what ops/service.sh installs.
stage() {
    on_exit rm -rf "$1"
    load_settings
    install -m 755 "$2" "$1/ai-gateway"
    install -m 644 systemd/ai-gateway.service systemd/ai-gateway.socket "$1/"
    install -m 755 ops/service.sh "$1/"
    [ ! -e config.yaml ] || install -m 600 config.yaml "$1/config.yaml"
    (umask 077 && print_env >"$1/env")
    [ -e .env ] || rm "$1/env"
}

# The binary for a server: built here if it is of the same kind.
binary_for() {
    local machine=$1
    case $(uname -m) in
    "$machine")
        build_release
        binary release
        ;;
    *)
        build_release_for "$machine"
        binary release "$(target_for "$machine")"
        ;;
    esac
}

cmd_deploy() {
    local file='' staged there
    if [ "${1:-}" = --binary ]; then
        file=${2:-}
        [ -f "$file" ] || die 'deploy --binary needs a file' 64
        [ $# -eq 2 ] || refuse deploy "$3"
    elif [ $# -gt 0 ]; then
        refuse deploy "$1"
    fi
    [ -e config.yaml ] || die 'there is no config.yaml: cp config.yaml.example config.yaml, and edit it' 66
    connect
    say "deploying to $server"
    # shellcheck disable=SC2016 # The server's shell has its own HOME.
    there=$(on_server bash -c 'umask 077; [ -d /run/systemd/system ] || exit 69; mktemp -d "$HOME/.ai-gateway.XXXXXX"') ||
        die "$server does not run systemd, or its root has no home"
    on_exit on_server rm -rf "$there"
    [ -n "$file" ] || file=$(binary_for "$(on_server uname -m)")
    staged=$(staging_folder)
    stage "$staged" "$file"
    say "uploading $(wc -c <"$file") bytes"
    tar -C "$staged" --owner=0 --group=0 -cz . | on_server tar -C "$there" -xz
    on_server bash "$there/service.sh" deploy "$there" || die "deploying to $server failed"
    say "deployed to $server"
}

# Where logs and status are asked for: on the server if one is set, else here. Says so where there is no systemd.
reach_service() {
    load_settings
    if [ -n "$(setting SSH_HOST)" ]; then
        connect
        somewhere=on_server
        on_server test -d /run/systemd/system ||
            die "$server does not run systemd; of a container there: ./ops.sh $1 --docker" 69
    else
        somewhere=as_root
        [ -d /run/systemd/system ] || die "this machine does not run systemd, so there is no service to ask.
  of a gateway on a server:             SSH_HOST=your-server.com ./ops.sh $1
  of a container on a server:           SSH_HOST=your-server.com ./ops.sh $1 --docker
  of a container here:                  docker compose ps; docker compose logs -f
  of a gateway that runs here by hand:  ./ai-gateway healthcheck; its log is where you started it" 69
    fi
}

cmd_logs() {
    if [ "${1:-}" = --docker ]; then
        shift
        in_compose_folder logs -f "$@"
    else
        reach_service logs
        "$somewhere" journalctl -u ai-gateway -o cat "${@:--f}"
    fi
}

cmd_status() {
    case $* in
    '')
        reach_service status
        "$somewhere" systemctl --no-pager status ai-gateway.service ai-gateway.socket || true
        # shellcheck disable=SC2016 # Expanded there.
        "$somewhere" sh -c 'for program in /usr/local/bin/ai-gateway /usr/bin/ai-gateway; do
            [ ! -x "$program" ] || exec "$program" --version
        done
        echo "ai-gateway is not installed" >&2
        exit 1'
        ;;
    --docker) in_compose_folder ps ;;
    --docker\ *) refuse status "$2" ;;
    *) refuse status "$1" ;;
    esac
}
