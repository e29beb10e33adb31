#!/usr/bin/env bash
# The static binary for other kinds of machines: it is compiled here, and its smoke test runs in emulation where the
# machine is another one.
#
#   tests/ops/machines.sh [--profiled] [MACHINE ...]   x86_64, aarch64 and armv7 if none is named; ./ai-gateway-MACHINE is
#                         left behind; that of a machine of this kind is built after a profile, if so asked
#   tests/ops/machines.sh --try FILE MACHINE   the smoke test of a binary alone
#
# Needs rustup, and Debian's gcc for the machine and qemu-user-static (installed from Debian or Ubuntu where sudo asks no
# password).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
passed=0 failed=0
ok() { passed=$((passed + 1)) && echo "ok      $1"; }
bad() { failed=$((failed + 1)) && echo "FAILED  $1"; }

# What ops.sh calls them.
. ops/output.sh
. ops/build.sh

here() { [ "$1" = "$(uname -m)" ]; }

# emulator MACHINE: what stands before its programs; nothing on a machine of that kind.
emulator() {
    here "$1" && return
    case $1 in armv7) echo qemu-arm-static ;; *) echo "qemu-$1-static" ;; esac
}

prepare() {
    local machine=$1 tools packages=()
    if ! here "$machine"; then
        tools=$(tools_for "$machine")
        command -v "$tools-gcc" >/dev/null || packages+=("gcc-${tools//_/-}")
        [ -d "/usr/$tools/include" ] || packages+=("libc6-dev-$(debian_name "$machine")-cross")
        command -v "$(emulator "$machine")" >/dev/null || packages+=(qemu-user-static)
    fi
    [ ${#packages[@]} -eq 0 ] || {
        sudo -n apt-get update -qq
        sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    }
    [ -d "$(rustc --print sysroot)/lib/rustlib/$(target_for "$machine")" ] || rustup target add "$(target_for "$machine")"
}

debian_name() {
    case $1 in x86_64) echo amd64 ;; aarch64) echo arm64 ;; armv7) echo armhf ;; esac
}

# try FILE MACHINE: whether it is static, and does what a first look would have it do.
try() {
    local file=$1 machine=$2 run=() said
    file=$(realpath "$file")
    mapfile -t run < <(emulator "$machine")
    if file "$file" | grep -qE 'static(ally|-pie) linked'; then ok "$machine: static"; else bad "$machine: $(file "$file")"; fi
    if said=$("${run[@]}" "$file" --version); then ok "$machine: $said"; else bad "$machine: --version: $said"; fi
    if said=$("${run[@]}" "$file" demo --once) && grep -q 'X-Routed-Via: steady/echo-1' <<<"$said"; then
        ok "$machine: the demo fails over"
    else bad "$machine: demo: $said"; fi
}

if [ "${1:-}" = --try ]; then
    try "$2" "$3"
else
    own=()
    if [ "${1:-}" = --profiled ]; then
        own=(--profiled)
        shift
    fi
    [ $# -gt 0 ] || set -- x86_64 aarch64 armv7
    for machine in "$@"; do
        prepare "$machine"
        if here "$machine"; then
            ./ops.sh build "${own[@]}"
            mv ai-gateway "ai-gateway-$machine"
        else
            ./ops.sh build --target "$machine"
        fi
        try "ai-gateway-$machine" "$machine"
    done
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
