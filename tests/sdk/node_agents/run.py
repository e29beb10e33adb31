"""Runs the cases of agents for Node against a gateway and a strict provider of their own. Run by run.sh with the binary and the
packages."""

import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))

from gateway import KEY, TRANSLATED, Gateway  # noqa: E402
from strict_chat import Provider  # noqa: E402

binary, packages = sys.argv[1:]
provider = Provider()
gateway = Gateway(binary, provider.url, TRANSLATED)
try:
    ended = subprocess.run(["node", str(here / "cases.mjs"), gateway.url, KEY, packages], check=False)
finally:
    gateway.stop()
    provider.shutdown()
if provider.faults:
    print(f"the strict provider refuses: {provider.faults}", file=sys.stderr)
sys.exit(ended.returncode or bool(provider.faults))
