# shellcheck shell=bash
# Building. Sourced.

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

host_target() {
    rustc -vV | sed -n 's/^host: //p'
}

# binary PROFILE [TARGET]: where the static binary is. Builds name the host as an explicit target (.cargo/config.toml).
binary() {
    printf '%s/%s/%s/ai-gateway\n' "${CARGO_TARGET_DIR:-target}" "${2:-$(host_target)}" "$1"
}

build_release() {
    need_cargo
    cargo build --release --locked >&2
}

# For another kind of machine: needs the target's standard library, and gcc for ring and for linking.
build_release_for() {
    need_cargo
    local machine=$1 target=$1-unknown-linux-gnu compiler=$1-linux-gnu-gcc variable
    [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] ||
        die "Rust's standard library for $target is missing: rustup target add $target" 127
    command -v "$compiler" >/dev/null ||
        die "$compiler is missing (Debian: apt install gcc-${machine//_/-}-linux-gnu)" 127
    variable=${target//-/_}
    env "CARGO_TARGET_${variable^^}_LINKER=$compiler" "CC_$variable=$compiler" \
        cargo build --release --locked --target "$target" >&2
}

cmd_build() {
    local target='' file=./ai-gateway
    case ${1:-} in
    '') build_release ;;
    --target)
        [[ ${2:-} =~ ^[a-z0-9_]+(-[a-z0-9_-]+)?$ ]] || die 'build --target needs a machine, such as aarch64' 64
        [ $# -eq 2 ] || refuse build "$3"
        target=${2%%-*}-unknown-linux-gnu
        file=./ai-gateway-${2%%-*}
        build_release_for "${2%%-*}"
        ;;
    *) refuse build "$1" ;;
    esac
    install -m 755 "$(binary release "$target")" "$file"
    printf 'built %s (%s bytes, static)\n' "$file" "$(wc -c <"$file")"
}
