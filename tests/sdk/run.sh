#!/bin/sh
# Runs the SDK tests against a built gateway: once for each major line of the openai package in use, what Home Assistant asks
# by it, the anthropic package with LangChain's, LlamaIndex, agents of OpenAI and LangChain, Ollama's package and what
# speaks to it, what Home Assistant speaks and hears with, those of packages for vectors and, where there is npm, the packages
# of OpenAI, Anthropic and Ollama for Node and agents for it. Among the long tests (AI_GATEWAY_LONG_TESTS=1) Claude Code,
# Codex, and the code of Home Assistant and of Open WebUI that talks to servers, too.
#
#     tests/sdk/run.sh [BINARY]
#
# Without BINARY the newest of the debug and release builds is taken. The virtual environments live under target/ and are
# made anew only when their requirements change.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck disable=SC2012 # Names of our own making.
binary=${1:-$(ls -t "$root"/target/*/release/ai-gateway "$root"/target/*/debug/ai-gateway \
    "$root"/target/release/ai-gateway "$root"/target/debug/ai-gateway 2>/dev/null | head -n 1)}
[ -x "$binary" ] || { echo "tests/sdk: no gateway binary; build it first: cargo build" >&2; exit 1; }
command -v python3 >/dev/null || { echo "tests/sdk: python3 is missing; install python3 and its venv module" >&2; exit 1; }
python3 -c 'import ensurepip, venv' 2>/dev/null \
    || { echo "tests/sdk: python3 has no venv; install the package python3-venv" >&2; exit 1; }

# Leaves a virtual environment with these requirements in this folder.
prepare() {
    requirements=$1 folder=$2
    stamp=$(cksum <"$requirements")
    [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ] && return
    echo "installing $(head -n 1 "$requirements") and what it needs from PyPI into ${folder#"$root/"}: the gateway is" \
        "tested with real clients" >&2
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --no-compile --disable-pip-version-check -r "$requirements"
    echo "$stamp" >"$folder/stamp"
}

counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
runs=0
# The cases of these files, with the packages of this line.
run() {
    folder=$root/target/sdk-$1
    prepare "$root/tests/sdk/requirements-$1.txt" "$folder"
    shift
    for cases; do
        runs=$((runs + 1))
        PYTHONDONTWRITEBYTECODE=1 "$folder/bin/python" "$root/tests/sdk/$cases" "$binary" | tee -a "$counts"
    done
}
run 2 cases.py responses.py native_by_openai.py translated_responses.py
run 3 cases.py responses.py native_by_openai.py translated_responses.py home_assistant.py
run anthropic messages.py
run llamaindex llamaindex.py
run agents agent_cases.py
run ollama ollama_cases.py
run wyoming wyoming_cases.py
# Leaves these parts of a wheel in this folder, and nothing else of it.
prepare_parts() {
    wheel=$1 folder=$2
    [ -d "$folder" ] && return
    shift 2
    rm -rf "${folder%/*}"
    mkdir -p "$folder.part"
    "$root/target/sdk-3/bin/pip" download --quiet --disable-pip-version-check --no-deps --ignore-requires-python \
        --dest "$folder.whole" "$wheel"
    python3 -m zipfile -e "$folder.whole"/*.whl "$folder.whole"
    for part; do
        mv "$folder.whole/$part" "$folder.part"
    done
    rm -rf "$folder.whole"
    mv "$folder.part" "$folder"
}
# Of Home Assistant and Open WebUI a few files are wanted: with all that they need they would take gigabytes.
if [ -n "${AI_GATEWAY_LONG_TESTS:-}" ]; then
    version=2026.11.0
    home_assistant=$root/target/sdk-home_assistant/homeassistant-$version
    components=homeassistant/components
    [ -d "$home_assistant/rest" ] || rm -rf "$home_assistant"
    prepare_parts "homeassistant==$version" "$home_assistant" \
        "$components/litellm" "$components/llama_cpp" "$components/ollama" "$components/openai_conversation" "$components/rest"
    version=0.12.4
    open_webui=$root/target/sdk-open_webui_parts/$version
    prepare_parts "open-webui==$version" "$open_webui" \
        open_webui/constants.py open_webui/routers open_webui/utils
    prepare "$root/tests/sdk/requirements-open_webui.txt" "$root/target/sdk-open_webui"
    prepare "$root/tests/sdk/requirements-rest.txt" "$root/target/sdk-rest"
    for cases in 3/home_assistant_code.py 3/home_assistant_responses.py ollama/home_assistant_ollama.py \
        rest/home_assistant_rest.py open_webui/open_webui.py; do
        folder=$home_assistant
        [ "${cases%/*}" = open_webui ] && folder=$open_webui
        runs=$((runs + 1))
        PYTHONDONTWRITEBYTECODE=1 "$root/target/sdk-${cases%/*}/bin/python" "$root/tests/sdk/${cases#*/}" "$binary" "$folder" \
            | tee -a "$counts"
    done
fi
# Leaves the packages of this folder of the tests in this folder.
prepare_node() {
    stamp=$(cksum <"$1/package.json")
    [ "$(cat "$2/stamp" 2>/dev/null)" = "$stamp" ] && return
    rm -rf "$2"
    mkdir -p "$2"
    cp "$1/package.json" "$2"
    npm install --prefix "$2" --no-audit --no-fund --silent
    echo "$stamp" >"$2/stamp"
}
# Claude Code and Codex alone are more than 600 MB.
for packages in node node_agents ${AI_GATEWAY_LONG_TESTS:+claude_code codex}; do
    command -v npm >/dev/null || break
    runs=$((runs + 1))
    folder=$root/target/sdk-$packages
    prepare_node "$root/tests/sdk/$packages" "$folder"
    PYTHONDONTWRITEBYTECODE=1 python3 "$root/tests/sdk/$packages/run.py" "$binary" "$folder" | tee -a "$counts"
done
# One of the cases of vectors is Node's.
folder=$root/target/sdk-vectors
prepare "$root/tests/sdk/requirements-vectors.txt" "$folder"
runs=$((runs + 1))
node=$root/target/sdk-node
[ -d "$node/node_modules/openai" ] || node=
PYTHONDONTWRITEBYTECODE=1 "$folder/bin/python" "$root/tests/sdk/vector_cases.py" "$binary" ${node:+"$node"} | tee -a "$counts"
# The sum of all runs; a run that broke down before its count counts as a failure.
awk -v all="$runs" '/ passed, [0-9]+ failed$/ { runs++; passed += $(NF - 3); failed += $(NF - 1) }
    END { failed += all - runs; print passed + 0 " passed, " failed " failed"; exit failed > 0 }' "$counts"
