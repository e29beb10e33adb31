"""Runs the cases for Node against a gateway and a provider of their own. Run by run.sh with the binary and the packages."""

import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))

import native  # noqa: E402
import ollama_provider  # noqa: E402
import provider as media  # noqa: E402
from gateway import KEY, NATIVE, OLLAMA, WITH_DEFAULTS, Gateway  # noqa: E402

binary, packages = sys.argv[1:]
providers = [native.Provider(), media.Provider(), ollama_provider.Provider()]
configs = [NATIVE, WITH_DEFAULTS, OLLAMA]
gateways = [Gateway(binary, provider.url, config) for provider, config in zip(providers, configs)]
try:
    conversations, others, local = (gateway.url.removesuffix("/v1") for gateway in gateways)
    ended = subprocess.run(["node", str(here / "cases.mjs"), conversations, KEY, packages, others, local], check=False)
    if not providers[-1].abandoned.wait(10):
        sys.exit("the stream that the ollama package aborts goes on at the provider")
finally:
    for gateway, provider in zip(gateways, providers):
        gateway.stop()
        provider.shutdown()
sys.exit(ended.returncode)
