# shellcheck shell=bash
# What ops.sh says, and how it tidies up. Sourced.

# Times and colours are for people; a log file has its own.
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    say() { printf '\033[2m%(%H:%M:%S)T\033[0m %s\n' -1 "$1" >&2; }
    warn() { printf '\033[2m%(%H:%M:%S)T\033[0m \033[33m%s\033[0m\n' -1 "$1" >&2; }
    fail() { printf '\033[2m%(%H:%M:%S)T\033[0m \033[31m%s\033[0m\n' -1 "$1" >&2; }
else
    say() { printf '%s\n' "$1" >&2; }
    warn() { printf '%s\n' "$1" >&2; }
    fail() { printf '%s\n' "$1" >&2; }
fi

die() {
    fail "ops.sh: $1"
    exit "${2:-1}"
}

# What to do on the way out, whatever the way is. Last in, first out.
tidying=()
tidy() {
    local code=$? index
    for ((index = ${#tidying[@]} - 1; index >= 0; index--)); do
        eval "${tidying[index]}" || true
    done
    exit "$code"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# on_exit COMMAND [ARGUMENT ...]
on_exit() {
    tidying+=("$(printf '%q ' "$@")")
}
