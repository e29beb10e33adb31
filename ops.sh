#!/usr/bin/env bash
# Everything an operator or a newcomer does with ai-gateway: `./ops.sh --help`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'TEXT'
usage: ./ops.sh COMMAND [ARGUMENT ...]

  demo [--port N] [--once]   build, and run the gateway on two embedded providers: no configuration, key or network
  test [--long]              build, and run all tests, with --long the slow ones, too; what they need is set up under
                             target/, and as root on Debian nginx and haproxy are installed
  build                      build the static binary and copy it to ./ai-gateway
  bench [--quick]            measure speed and memory beside nginx; --growth, --soak, --instructions, --readers: more
  fuzz [SECONDS [TARGET]]    feed the readers of bytes with inputs bred from fuzz/seeds, 60 s each
TEXT
}

die() {
    printf 'ops.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

# The toolchain, also where a login shell has not put it on the PATH yet.
need_cargo() {
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    fi
    command -v cargo >/dev/null ||
        die 'cargo is missing: install Rust 1.91 or newer from https://rustup.rs, and a C compiler (Debian: apt install build-essential)' 127
    command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null ||
        die 'a C compiler is missing: install one (Debian: apt install build-essential)' 127
}

# Prints where the static binary of a profile is: builds name the host as an explicit target (.cargo/config.toml).
binary() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    printf '%s/%s/%s/ai-gateway\n' "${CARGO_TARGET_DIR:-target}" "$host" "$1"
}

build_release() {
    need_cargo
    cargo build --release --locked >&2
}

cmd_demo() {
    build_release
    exec "$(binary release)" demo "$@"
}

cmd_build() {
    build_release
    install -m 755 "$(binary release)" ./ai-gateway
    printf 'built ./ai-gateway (%s bytes, static)\n' "$(wc -c <./ai-gateway)"
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

# Installs a Debian package for a command that is missing.
need() {
    command -v "$1" >/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "$1 is missing: install it (Debian: apt install $2)" 127
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$2"; } >&2
}

cmd_bench() {
    need_cargo
    if [ "${1:-}" = --readers ]; then
        exec cargo bench --locked --manifest-path bench/Cargo.toml --bench readers
    elif [ "${1:-}" = --instructions ]; then
        need valgrind valgrind
    else
        # The package starts a server of its own at once, on port 80.
        command -v nginx >/dev/null || [ -e /usr/sbin/nginx ] || need nginx nginx-light
        PATH=$PATH:/usr/sbin
    fi
    build_release
    CARGO_TARGET_DIR=bench/target cargo build --release --locked --manifest-path bench/Cargo.toml >&2
    exec "$(CARGO_TARGET_DIR=bench/target binary release)-bench" "$(binary release)" "$@"
}

cmd_fuzz() {
    need_cargo
    cargo fuzz --version >/dev/null 2>&1 || die 'cargo-fuzz is missing: cargo install cargo-fuzz' 127
    cargo +nightly --version >/dev/null 2>&1 ||
        die 'the nightly toolchain is missing: rustup toolchain install nightly' 127
    local seconds=${1:-60} target targets dictionary
    targets=${2:-$(cargo +nightly fuzz list)}
    for target in $targets; do
        dictionary=fuzz/dictionaries/$target.dict
        [ -e "$dictionary" ] || dictionary=
        mkdir -p "fuzz/corpus/$target"
        cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
            "-max_total_time=$seconds" -timeout=5 ${dictionary:+"-dict=$dictionary"}
    done
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
demo) cmd_demo "$@" ;;
test) cmd_test "$@" ;;
build) cmd_build "$@" ;;
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
