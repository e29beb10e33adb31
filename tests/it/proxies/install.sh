#!/usr/bin/env bash
# Installs the proxies that stand in front of the gateway in tests/it/proxies, where that can be done without asking:
# as root on Debian. Without them those tests say that they are skipped, so nothing here is an error.
set -uo pipefail

missing=()
for proxy in nginx haproxy; do
    PATH=$PATH:/usr/sbin command -v "$proxy" >/dev/null || missing+=("$proxy")
done
[ ${#missing[@]} -gt 0 ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || exit 0

echo "installing ${missing[*]} by apt: the gateway is tested behind them (tests/it/proxies)" >&2
# The tests start their own; the packages shall not start services.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=15 "$@" >/dev/null 2>&1; }
install install --no-install-recommends -y "${missing[@]}" ||
    { install update && install install --no-install-recommends -y "${missing[@]}"; } ||
    printf 'cannot install %s: tests behind it are skipped\n' "${missing[*]}" >&2
exit 0
