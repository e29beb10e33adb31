#!/usr/bin/env bash
# The tour of docs/tour.md, typed as it stands but for its two ports: what it promises is looked for in what comes out.
#
#   tests/ops/tour.sh [BINARY]     needs curl and python3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2012 # Names of our own making.
binary=$(realpath "${1:-$(ls -t target/*/release/ai-gateway target/*/debug/ai-gateway 2>/dev/null | head -n 1)}")
tour=$PWD/docs/tour.md
work=$(mktemp -d)
running=()
finish() {
    kill "${running[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
cd "$work"
mkdir bin && ln -s "$binary" bin/ai-gateway && PATH=$work/bin:$PATH
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
gateway=$(free_port) demo=$(free_port)
# block N: the commands of the Nth block.
block() {
    awk -v wanted="$1" '/^```sh$/ { at++; inside = 1; next } /^```/ { inside = 0 } inside && at == wanted' "$tour" |
        sed "s/8080/$gateway/g; s/8081/$demo/g"
}
answers() {
    for _ in $(seq 100); do
        curl -fs -o /dev/null "http://127.0.0.1:$1/health" && return
        sleep 0.1
    done
    return 1
}
passed=0 failed=0
# expect NAME WORDS FILE
expect() {
    if grep -q -- "$2" "$3"; then passed=$((passed + 1)) && echo "ok      $1"; else
        failed=$((failed + 1)) && echo "FAILED  $1: no $2 in" && sed 's/^/        | /' "$3"
    fi
}

bash -c "exec $(block 1)" >demo.out 2>&1 & running+=($!)
answers "$demo"
expect 'the demo shows a failover' 'steady.*answered' demo.out
bash -e -c "$(block 2)" >init.out
expect 'init writes a route' 'name: home' config.yaml
bash -e -c "$(block 3 | head -n -1)" >check.out
expect 'check is content' 'config.yaml is valid' check.out
bash -c "exec $(block 3 | tail -n 1)" >gateway.out 2>&1 & running+=($!)
answers "$gateway"
first=$(block 4)
bash -e -c "$first" >first.out 2>/dev/null
expect 'the first request falls over to the second step' 'X-Routed-Via: local-2/demo' first.out
expect 'and says so' 'X-Fallback-Count: 1' first.out
bash -e -c "$(block 5)" >explain.out
expect 'explain tells what is cooling' 'local/qwen3' explain.out
bash -e -c "$(block 4 | head -n 1; block 6)" >request.out
expect 'explain --request tells the way of one' 'local/qwen3' request.out
bash -c "exec $(block 7)" >tail.out 2>&1 & running+=($!)
bash -e -c "$first" >/dev/null 2>&1
for _ in $(seq 50); do
    if [ "$(grep -c home tail.out)" -ge 3 ]; then break; fi
    sleep 0.1
done
expect 'tail follows' 'local-2' tail.out
sed -i 's/timeout: 2m/timeout: 1m/' config.yaml
bash -e -c "$(block 8)" >reload.out
expect 'reload takes a change over' 'taken the configuration over' reload.out
echo "$passed well, $failed not"
[ "$failed" -eq 0 ]
