"""Runs the cases for Node against a gateway and a provider of their own. Run by run.sh with the binary and the packages."""

import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))

from gateway import KEY, NATIVE, Gateway  # noqa: E402
from native import Provider  # noqa: E402

binary, packages = sys.argv[1:]
provider = Provider()
gateway = Gateway(binary, provider.url, NATIVE)
try:
    address = gateway.url.removesuffix("/v1")
    ended = subprocess.run(["node", str(here / "cases.mjs"), address, KEY, packages], check=False)
finally:
    gateway.stop()
    provider.shutdown()
sys.exit(ended.returncode)
