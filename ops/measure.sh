# shellcheck shell=bash
# Measuring and fuzzing. Sourced.

# Installs a Debian package for a command that is missing.
need() {
    command -v "$1" >/dev/null && return
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || die "$1 is missing: install it (Debian: apt install $2)" 127
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$2"; } >&2
}

# A workspace beside the gateway's starts from its lock file, and so measures the versions that are shipped.
with_versions_of_gateway() {
    cp Cargo.lock "$1/Cargo.lock"
}

cmd_bench() {
    need_cargo
    case " $* " in
    ' --readers ')
        with_versions_of_gateway bench/readers
        exec cargo bench --manifest-path bench/readers/Cargo.toml
        ;;
    *' --readers '*) die 'bench --readers takes no other argument' 64 ;;
    *' --instructions '*) need valgrind valgrind ;;
    *)
        # The package starts a server of its own at once, on port 80.
        command -v nginx >/dev/null || [ -e /usr/sbin/nginx ] || need nginx nginx-light
        PATH=$PATH:/usr/sbin
        ;;
    esac
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
    with_versions_of_gateway fuzz
    for target in $targets; do
        dictionary=fuzz/dictionaries/$target.dict
        [ -e "$dictionary" ] || dictionary=
        mkdir -p "fuzz/corpus/$target"
        cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
            "-max_total_time=$seconds" -timeout=5 ${dictionary:+"-dict=$dictionary"}
    done
}
