# shellcheck shell=bash
# Measuring and fuzzing. Sourced.

# Installs a Debian package for a command that is missing.
need() {
    command -v "$1" >/dev/null && return
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || die "$1 is missing: install it (Debian: apt install $2)" 127
    say "installing $2 by apt: bench needs $1"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$2"; } >&2
}

# A workspace beside the gateway's starts from its lock file, and so measures the versions that are shipped.
with_versions_of_gateway() {
    cp Cargo.lock "$1/Cargo.lock"
}

# Ends it all if `bench` was asked for something that there is not, before anything is installed or built.
check_bench() {
    local mode=''
    while [ $# -gt 0 ]; do
        case $1 in
        --against | --binary)
            [ -x "${2:-}" ] || die "bench $1 needs a binary" 64
            shift
            ;;
        --quick | --memory | --growth | --soak | --readers | --instructions)
            [ -z "$mode" ] || die "bench takes one mode, not both $mode and $1" 64
            mode=$1
            if [ "$mode" = --instructions ] && [ $# -gt 1 ] && [[ $2 != -* ]]; then shift; fi
            ;;
        *) refuse bench "$1" ;;
        esac
        shift
    done
}

cmd_bench() {
    check_bench "$@"
    need_cargo
    case " $* " in
    ' --readers ')
        with_versions_of_gateway bench/readers
        exec cargo bench --manifest-path bench/readers/Cargo.toml
        ;;
    *' --readers '*) die 'bench --readers takes no other argument' 64 ;;
    esac
    local measured='' arguments=()
    while [ $# -gt 0 ]; do
        if [ "$1" = --binary ]; then
            measured=$2
            shift
        else
            arguments+=("$1")
        fi
        shift
    done
    set -- "${arguments[@]}"
    case " $* " in
    *' --instructions '*) need valgrind valgrind ;;
    *)
        # The package starts a server of its own at once, on port 80.
        command -v nginx >/dev/null || [ -e /usr/sbin/nginx ] || need nginx nginx-light
        PATH=$PATH:/usr/sbin
        ;;
    esac
    if [ -z "$measured" ]; then
        build_release
        measured=$(binary release)
    fi
    CARGO_TARGET_DIR=bench/target cargo build --release --locked --manifest-path bench/Cargo.toml >&2
    exec "$(CARGO_TARGET_DIR=bench/target binary release)-bench" "$measured" "$@"
}

cmd_fuzz() {
    local seconds=${1:-60} target targets dictionary
    [[ $seconds =~ ^[0-9]+$ ]] || refuse fuzz "$seconds"
    [ $# -lt 2 ] || [ -d "fuzz/seeds/$2" ] || die "fuzz has no target $2: ./ops.sh fuzz --help" 64
    [ $# -le 2 ] || refuse fuzz "$3"
    need_cargo
    cargo fuzz --version >/dev/null 2>&1 || die 'cargo-fuzz is missing: cargo install cargo-fuzz' 127
    cargo +nightly --version >/dev/null 2>&1 ||
        die 'the nightly toolchain is missing: rustup toolchain install nightly' 127
    targets=${2:-$(cargo +nightly fuzz list)}
    with_versions_of_gateway fuzz
    for target in $targets; do
        dictionary=fuzz/dictionaries/$target.dict
        [ -e "$dictionary" ] || dictionary=
        mkdir -p "fuzz/corpus/$target"
        cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
            "-max_total_time=$seconds" -timeout=5 ${dictionary:+"-dict=$dictionary"}
    done
}
