#!/usr/bin/env bash
# What the released binaries are made of: an SBOM in CycloneDX' JSON, by cargo-cyclonedx, without the packages of the
# tests. One speaks for all machines, which is checked: they compile the same packages.
#
#   tests/ops/sbom.sh FILE
set -euo pipefail
file=$(realpath "${1:?FILE}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
first=x86_64-unknown-linux-gnu
packages() { cargo tree --locked --edges normal --prefix none --target "$1" | sed 's/ (\*)$//' | sort -u; }
for target in aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf; do
    diff <(packages "$first") <(packages "$target")
done
name=sbom-of-a-release # beside Cargo.toml, which is where it can be
trap 'rm -f "$name.json"' EXIT
cargo cyclonedx --quiet --format json --target "$first" --no-build-deps --spec-version 1.5 --override-filename "$name"
python3 - "$name.json" Cargo.toml <<'PY'
import json, re, sys
sbom = json.load(open(sys.argv[1]))
version = re.search(r'^version = "(.*)"', open(sys.argv[2]).read(), re.M)[1]
about = sbom["metadata"]["component"]
assert (about["name"], about["version"]) == ("ai-gateway", version), about
names = {component["name"] for component in sbom["components"]}
assert {"ring", "mio", "ureq", "serde_json"} <= names, names
assert not names & {"tiny_http", "proptest"}, "packages of the tests"
print(f"{len(names)} packages")
PY
mv "$name.json" "$file"
