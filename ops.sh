#!/usr/bin/env bash
# Everything an operator or a newcomer does with ai-gateway: `./ops.sh --help`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ops/output.sh
. ops/env.sh
. ops/build.sh
. ops/measure.sh
. ops/remote.sh
. ops/docker.sh

usage() {
    cat <<'TEXT'
usage: ./ops.sh COMMAND [ARGUMENT ...]

On this machine
  demo [--port N] [--once]   build, and run the gateway on two embedded providers: no configuration, key or network
  test [--long]              build, and run all tests, with --long the slow ones, too; what they need is set up under
                             target/, and as root on Debian nginx and haproxy are installed
  build [--target aarch64]   build the static binary: ./ai-gateway, or ./ai-gateway-aarch64 for another kind of machine
  bench [--quick]            measure speed and memory beside nginx; --growth, --soak, --instructions, --readers: more
  fuzz [SECONDS [TARGET]]    feed the readers of bytes with inputs bred from fuzz/seeds, 60 s each
  install                    copy ./ai-gateway to /usr/local/bin, nothing else
  install-service            install binary, configuration and systemd units; start with: sudo systemctl start ai-gateway
  uninstall [--purge]        remove binary and units; with --purge the configuration, keys and state, too

On the server SSH_HOST
  deploy [--binary FILE]     build (or take FILE), upload, install as a systemd service, start; back to the previous
                             version if it is not healthy within 30 s
  deploy-docker [--pull]     upload docker-compose.yml, config.yaml and .env, pull the image, start, wait for health;
                             with --pull the files there stay as they are

There if SSH_HOST is set, else here
  logs [ARGUMENT ...]        follow the log; the arguments are journalctl's (docker compose logs': --docker first)
  status [--docker]          the service, its version and health

Settings are read from .env and from the environment, which has the last word:
  SSH_HOST, SSH_USER (root), SSH_PORT (22), SSH_KEY (a file), SSH_KNOWN_HOSTS (a file)
  GHCR_PULL_USER, GHCR_PULL_TOKEN    for a private image; like SSH_*, never left on the server
Everything else in .env is for the running gateway (keys, PORT, LOG_LEVEL) and docker compose (DOMAIN, GHCR_IMAGE,
IMAGE_TAG), and is uploaded. The file is parsed, never executed.
TEXT
}

cmd_demo() {
    build_release
    exec "$(binary release)" demo "$@"
}

cmd_test() {
    need_cargo
    if [ "${1:-}" = --long ]; then
        shift
        export AI_GATEWAY_LONG_TESTS=1
    fi
    [ $# -gt 0 ] || tests/it/proxies/install.sh
    cargo test --locked "$@"
    [ $# -gt 0 ] || tests/sdk/run.sh "$(binary debug)"
}

cmd_install() {
    [ -x ./ai-gateway ] || cmd_build
    as_root install -D -m 755 ./ai-gateway /usr/local/bin/ai-gateway
    say 'installed /usr/local/bin/ai-gateway'
}

cmd_install_service() {
    [ -d /run/systemd/system ] || die 'this machine does not run systemd'
    [ -x ./ai-gateway ] || cmd_build
    local staged
    staged=$(staging_folder)
    stage "$staged" ./ai-gateway
    as_root bash ops/service.sh install "$staged"
    say 'installed; start it with: sudo systemctl start ai-gateway'
}

cmd_uninstall() {
    as_root bash ops/service.sh uninstall "$@"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
demo) cmd_demo "$@" ;;
test) cmd_test "$@" ;;
build) cmd_build "$@" ;;
install) cmd_install "$@" ;;
install-service) cmd_install_service "$@" ;;
uninstall) cmd_uninstall "$@" ;;
deploy) cmd_deploy "$@" ;;
deploy-docker) cmd_deploy_docker "$@" ;;
logs) cmd_logs "$@" ;;
status) cmd_status "$@" ;;
bench) cmd_bench "$@" ;;
fuzz) cmd_fuzz "$@" ;;
-h | --help | help) usage ;;
'')
    usage >&2
    exit 64
    ;;
*)
    usage >&2
    die "unknown command: $command" 64
    ;;
esac
