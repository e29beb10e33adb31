#!/usr/bin/env bash
# Everything an operator or a newcomer does with ai-gateway: `./ops.sh --help`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ops/output.sh
. ops/help.sh
. ops/env.sh
. ops/build.sh
. ops/measure.sh
. ops/remote.sh
. ops/docker.sh
. ops/package.sh

cmd_demo() {
    local arguments=("$@")
    while [ $# -gt 0 ]; do
        case $1 in
        --once) shift ;;
        --port)
            [[ ${2:-} =~ ^[0-9]+$ ]] || die 'demo --port needs a number' 64
            shift 2
            ;;
        --port=*) shift ;;
        *) refuse demo "$1" ;;
        esac
    done
    build_release
    exec "$(binary release)" demo "${arguments[@]}"
}

cmd_test() {
    need_cargo
    if [ "${1:-}" = --long ]; then
        shift
        export AI_GATEWAY_LONG_TESTS=1
    fi
    [ $# -gt 0 ] || tests/it/proxies/install.sh
    # A test waits more than it computes: one more than there are cores.
    export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) + 1))}
    cargo test --locked "$@"
    if [ $# -eq 0 ]; then
        tests/ops/schema.sh "$(binary debug)"
        tests/sdk/run.sh "$(binary debug)"
    fi
}

cmd_install() {
    takes_nothing install "$@"
    [ -x ./ai-gateway ] || cmd_build
    as_root bash ops/service.sh program ./ai-gateway
    say 'installed /usr/local/bin/ai-gateway, its manual and its completions'
}

cmd_install_service() {
    takes_nothing install-service "$@"
    [ -d /run/systemd/system ] || die 'this machine does not run systemd: ./ops.sh install copies the binary alone' 69
    [ -x ./ai-gateway ] || cmd_build
    local staged
    staged=$(staging_folder)
    stage "$staged" ./ai-gateway
    as_root bash ops/service.sh install "$staged"
    say 'installed; start it with: sudo systemctl start ai-gateway'
}

cmd_uninstall() {
    case $* in
    '' | --purge) ;;
    --purge\ *) refuse uninstall "$2" ;;
    *) refuse uninstall "$1" ;;
    esac
    as_root bash ops/service.sh uninstall "$@"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

command=${1:-}
[ $# -eq 0 ] || shift
if [ "$command" = help ] && [ $# -gt 0 ]; then
    command=$1
    set -- --help
fi
if asks_for_help "$@" && help_of "$command"; then exit; fi
case $command in
demo) cmd_demo "$@" ;;
test) cmd_test "$@" ;;
build) cmd_build "$@" ;;
package) cmd_package "$@" ;;
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
*) die "unknown command: $command (./ops.sh --help lists them)" 64 ;;
esac
