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

# build_with FLAG PROFILES: a release build with a flag that names what is in the folder PROFILES. The flag is joined to those
# of .cargo/config.toml; RUSTFLAGS would take their place.
build_with() {
    CARGO_TARGET_DIR=$2/target cargo build --release --locked \
        --config "target.$(host_target).rustflags=['-C', '$1']" >&2
}

# build_profiled FOLDER: a build after a profile for the machine that it is made on, below an absolute path. A first build
# counts what a training runs; in the second one what runs often lies together and is inlined.
build_profiled() {
    need_cargo
    local merger profiles=$1
    merger=$(merger_of_profiles)
    mkdir -p "$profiles"
    rm -f "$profiles"/*.prof{raw,data}
    build_with "profile-generate=$profiles" "$profiles"
    CARGO_TARGET_DIR=bench/target cargo build --release --locked --manifest-path bench/Cargo.toml >&2
    LLVM_PROFILE_FILE=$profiles/%p.profraw "$(CARGO_TARGET_DIR=bench/target binary release)-bench" \
        "$(CARGO_TARGET_DIR=$profiles/target binary release)" --training >&2
    "$merger" merge -o "$profiles/merged.profdata" "$profiles"/*.profraw
    build_with "profile-use=$profiles/merged.profdata" "$profiles"
}

# llvm-profdata of rustc's own version of LLVM, as no other reads its profiles for certain.
merger_of_profiles() {
    local version program
    version=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    for program in "$(rustc --print sysroot)/lib/rustlib/$(host_target)/bin/llvm-profdata" \
        "/usr/lib/llvm-$version/bin/llvm-profdata"; do
        if [ -x "$program" ]; then
            printf '%s\n' "$program"
            return
        fi
    done
    die "llvm-profdata of LLVM $version is missing: rustup component add llvm-tools (Debian: apt install llvm-$version)" 127
}

# target_for MACHINE: Rust's name of a kind of machine, by what `uname -m` says there.
target_for() {
    case $1 in
    armv7* | armv8l) printf 'armv7-unknown-linux-gnueabihf\n' ;; # a Raspberry Pi with a system of 32 bits
    *) printf '%s-unknown-linux-gnu\n' "$1" ;;
    esac
}

# tools_for MACHINE: what its compiler's name begins with, as Debian names it.
tools_for() {
    case $1 in
    armv7* | armv8l) printf 'arm-linux-gnueabihf\n' ;;
    *) printf '%s-linux-gnu\n' "$1" ;;
    esac
}

# For another kind of machine: needs the target's standard library, and gcc for ring and for linking.
build_release_for() {
    need_cargo
    local target tools variable
    target=$(target_for "$1") tools=$(tools_for "$1")
    [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] ||
        die "Rust's standard library for $target is missing: rustup target add $target" 127
    command -v "$tools-gcc" >/dev/null ||
        die "$tools-gcc is missing (Debian: apt install gcc-${tools//_/-})" 127
    variable=${target//-/_}
    env "CARGO_TARGET_${variable^^}_LINKER=$tools-gcc" "CC_$variable=$tools-gcc" \
        cargo build --release --locked --target "$target" >&2
}

cmd_build() {
    local built file=./ai-gateway profiles
    case ${1:-} in
    '')
        build_release
        built=$(binary release)
        ;;
    --profiled)
        [ $# -eq 1 ] || refuse build "$2"
        profiles=$(realpath -m "${CARGO_TARGET_DIR:-target}/profiled")
        build_profiled "$profiles"
        built=$(CARGO_TARGET_DIR=$profiles/target binary release)
        ;;
    --target)
        [[ ${2:-} =~ ^[a-z0-9_]+(-[a-z0-9_-]+)?$ ]] || die 'build --target needs a machine: x86_64, aarch64 or armv7' 64
        [ $# -eq 2 ] || refuse build "$3"
        file=./ai-gateway-${2%%-*}
        build_release_for "${2%%-*}"
        built=$(binary release "$(target_for "${2%%-*}")")
        ;;
    *) refuse build "$1" ;;
    esac
    install -m 755 "$built" "$file"
    printf 'built %s (%s bytes, static)\n' "$file" "$(wc -c <"$file")"
}
