#!/usr/bin/env bash
# What the released binaries are made of: an SBOM in CycloneDX' JSON, by cargo-cyclonedx, of what the three targets
# compile, with neither the tests' packages nor the build's.
#
#   tests/ops/sbom.sh FILE
set -euo pipefail
file=$(realpath "${1:?FILE}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo cyclonedx --format json --target all --no-build-deps --spec-version 1.5 --override-filename sbom-of-a-release
trap 'rm -f sbom-of-a-release.json' EXIT
python3 - sbom-of-a-release.json Cargo.toml <<'PY'
import json, re, sys
sbom = json.load(open(sys.argv[1]))
version = re.search(r'^version = "(.*)"', open(sys.argv[2]).read(), re.M)[1]
about = sbom["metadata"]["component"]
assert (about["name"], about["version"]) == ("ai-gateway", version), about
names = {component["name"] for component in sbom["components"]}
assert {"ring", "mio", "ureq", "serde_json"} <= names, names
assert "tiny_http" not in names, "a package of the tests"
print(f"{len(names)} packages")
PY
mv sbom-of-a-release.json "$file"
