# shellcheck shell=bash
# The .env file: parsed, never executed. Sourced.
#
# A line is NAME=value, with or without `export` before it. Without quotes the value ends at white space and "#", in
# single quotes everything is itself, in double quotes \" \\ \$ \n \t are what they are in a shell. "$" is never
# replaced: a key may hold one.

declare -A env_value=() # by name
env_names=()            # in the order of the file

# read_env FILE: fills env_value and env_names. Names what is wrong and its line.
read_env() {
    local line number=0 name
    env_value=() env_names=()
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        line=${line%$'\r'}
        [ "$number" -ne 1 ] || line=${line#$'\xef\xbb\xbf'}
        [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
        if ! [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]]; then
            die "$1:$number: is no NAME=value" 78
        fi
        name=${BASH_REMATCH[2]}
        env_parsed=
        parse_env_value "${BASH_REMATCH[3]}" || die "$1:$number: $name: $env_problem" 78
        [ -n "${env_value[$name]+set}" ] || env_names+=("$name")
        env_value[$name]=$env_parsed
    done <"$1"
}

# Leaves the value in env_parsed, or what is wrong with it in env_problem.
parse_env_value() {
    local text=$1 character next index
    case $text in
    \'*)
        text=${text#\'}
        [[ $text == *\'* ]] || { env_problem="has no closing '" && return 1; }
        env_parsed=${text%%\'*}
        only_a_comment "${text#*\'}"
        ;;
    \"*)
        for ((index = 1; index < ${#text}; index++)); do
            character=${text:index:1}
            case $character in
            \") only_a_comment "${text:index+1}" && return || return 1 ;;
            \\)
                index=$((index + 1))
                next=${text:index:1}
                case $next in
                n) env_parsed+=$'\n' ;;
                t) env_parsed+=$'\t' ;;
                \" | \\ | \$ | \`) env_parsed+=$next ;;
                *) env_parsed+=\\$next ;;
                esac
                ;;
            *) env_parsed+=$character ;;
            esac
        done
        env_problem='has no closing "'
        return 1
        ;;
    *)
        text=$(without_comment "$text")
        env_parsed=${text%"${text##*[![:space:]]}"}
        ;;
    esac
}

# Without quotes, a comment begins at the first "#" that stands at the beginning or behind white space.
without_comment() {
    local text=$1 index
    for ((index = 0; index < ${#text}; index++)); do
        if [ "${text:index:1}" = '#' ] && { [ "$index" -eq 0 ] || [[ ${text:index-1:1} =~ [[:space:]] ]]; }; then
            printf '%s' "${text:0:index}"
            return
        fi
    done
    printf '%s' "$text"
}

only_a_comment() {
    [[ $1 =~ ^[[:space:]]*(#.*)?$ ]] || { env_problem='goes on behind the closing quote' && return 1; }
}

# setting NAME [DEFAULT]: of the environment, else of .env, else the default.
setting() {
    local value=${!1:-}
    value=${value:-${env_value[$1]:-}}
    printf '%s' "${value:-${2:-}}"
}

# Whether a variable is only for the machine that deploys.
stays_here() {
    [[ $1 == SSH_* || $1 == GHCR_PULL_* ]]
}

# print_env: the file for the server, written so that systemd (systemd.exec(5)), docker compose and a shell all read
# the same values from it.
print_env() {
    local name value
    for name in "${env_names[@]}"; do
        stays_here "$name" && continue
        value=${env_value[$name]}
        if [[ $value == *[[:cntrl:]]* ]]; then
            die ".env: $name holds a line break or another control character, which not all readers of the file take" 78
        fi
        printf '%s=%s\n' "$name" "$(quoted "$value")"
    done
}

quoted() {
    local value=$1
    if [[ $value =~ ^[A-Za-z0-9_./:@%+,=-]*$ ]]; then
        printf '%s' "$value"
    elif [[ $value != *\'* ]]; then
        printf "'%s'" "$value"
    else
        value=${value//\\/\\\\}
        value=${value//\"/\\\"}
        value=${value//\$/\\\$}
        # A shell would run what stands between two of them. docker compose alone keeps the backslash: a value with both
        # ' and ` has no spelling that all three read alike.
        value=${value//\`/\\\`}
        printf '"%s"' "$value"
    fi
}

# Reads ./.env if there is one.
load_settings() {
    if [ -e .env ]; then read_env .env; fi
}
