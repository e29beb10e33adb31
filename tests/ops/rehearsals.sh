# shellcheck shell=bash disable=SC2154,SC2016,SC2317
# What vps.sh goes through, in this order: each builds on what the ones before have left. Sourced.
# (Single quotes hold what the machine is to expand; functions are called by name.)

rehearse_deploying() {
    check 'deploy from nothing to healthy' ops deploy --binary "$binary"
    check 'it answers' answers
    check 'not as root' on_machine '[ "$(stat -c %U /proc/$(systemctl show -p MainPID --value ai-gateway))" = ai-gateway ]'
    check 'configuration and keys are 0600 and the service user'\''s' on_machine \
        '[ "$(stat -c "%a %U" /etc/ai-gateway/config.yaml /etc/ai-gateway/env | sort -u)" = "600 ai-gateway" ]'
    check 'no way to the server is left on it' on_machine '! grep -rE "SSH_|GHCR_PULL|pull-token" /etc/ai-gateway'
    check 'a hostile value was neither executed nor bent' on_machine \
        '[ ! -e /pwned ] && tr "\0" "\n" </proc/$(systemctl show -p MainPID --value ai-gateway)/environ |
            grep -Fx "PROVIDER_KEY=\$(touch /pwned) it\"s # not a comment"'
    check 'nothing is left in the home or in /tmp' on_machine '[ -z "$(ls -A /root | grep gateway; ls -A /tmp | grep -v ^systemd-private | grep -v unix$)" ]'
    local exposure
    exposure=$(on_machine systemd-analyze security ai-gateway.service | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
    check "systemd-analyze security of the running unit: $exposure <= 1.5" awk "BEGIN { exit !(\"$exposure\" + 0 > 0 && $exposure <= 1.5) }"
    check 'a status worth reading' on_machine \
        'systemctl show -p StatusText ai-gateway | grep -Fx "StatusText=1 route, 0 steps cooling"'
    check 'status says version and sockets' bash -c "cd '$project' && ./ops.sh status | grep -q 'Listen: .*:$port'"
    check 'its manual and its completions are there' on_machine 'cd /usr/local/share &&
        [ -s man/man1/ai-gateway.1 ] && [ -s bash-completion/completions/ai-gateway ] && [ -s zsh/site-functions/_ai-gateway ] &&
        [ -s fish/vendor_completions.d/ai-gateway.fish ]'
    check 'asking for help uninstalls nothing' bash -c "cd '$project' && ./ops.sh uninstall --help | grep -q '^usage: '"
    check 'logs shows the log' bash -c "cd '$project' && ./ops.sh logs -n 50 | grep -q listening"
    begin_load
    check 'deploy again' ops deploy --binary "$binary"
    check 'and again' ops deploy --binary "$binary"
    end_load 'no request failed under 20 a second meanwhile'
}

rehearse_failures() {
    local before after began
    begin_load
    before=$(main_pid)
    write_config 'unknown_key: 1'
    if ops deploy --binary "$binary" >"$work/refusal" 2>&1; then bad 'an invalid configuration is refused'; else
        check 'an invalid configuration is refused, with its line' grep -q 'config.yaml:3: unknown_key' "$work/refusal"
    fi
    check 'and the old process does not even notice' [ "$(main_pid)" = "$before" ]
    # Valid, as far as can be told without starting.
    write_config 'ca_file: /nowhere/ca.pem'
    if ops deploy --binary "$binary" >"$work/refusal" 2>&1; then bad 'a version that is not healthy is noticed'; else
        check 'a version that is not healthy is rolled back' grep -q 'rolled back: the previous version serves again' "$work/refusal"
    fi
    check 'the old configuration is in its place' on_machine '! grep ca_file /etc/ai-gateway/config.yaml'
    write_config ''
    end_load 'no request failed meanwhile'

    before=$(main_pid)
    began=$(milliseconds)
    on_machine "kill -9 $before"
    until_true 5 answers || true
    after=$(milliseconds)
    check "killed, it is back within 2 s: $((after - began)) ms" [ $((after - began)) -le 2000 ]
    check 'as another process' [ "$(main_pid)" != "$before" ]

    before=$(main_pid)
    began=$SECONDS
    on_machine "kill -STOP $before"
    another() { local now && now=$(main_pid) && [ "$now" != "$before" ] && [ "$now" != 0 ]; }
    until_true 60 another || true
    until_true 5 answers || true
    check "wedged, the watchdog has it restarted: $((SECONDS - began)) s" another
    check 'it answers again' answers
}

rehearse_reloading() {
    local before
    before=$(main_pid)
    begin_load
    for _ in 1 2 3; do
        on_machine "sed -i 's/^# reload.*//' /etc/ai-gateway/config.yaml; echo '# reload' >>/etc/ai-gateway/config.yaml"
        check 'reload' on_machine systemctl reload ai-gateway
        sleep 0.5
    done
    on_machine 'cp -a /etc/ai-gateway/config.yaml /root/kept; echo "wrong: 1" >>/etc/ai-gateway/config.yaml'
    check 'systemctl reload itself fails with a wrong file' on_machine '! systemctl reload ai-gateway'
    check 'so does the process, and says so' on_machine 'kill -HUP $(systemctl show -p MainPID --value ai-gateway); sleep 0.5
        systemctl show -p StatusText ai-gateway | grep "still with the old one" && journalctl -u ai-gateway -o cat | grep "is refused"'
    on_machine 'mv /root/kept /etc/ai-gateway/config.yaml'
    check 'by the command, too' on_machine '/usr/local/bin/ai-gateway reload'
    sleep 0.5
    end_load 'no request failed meanwhile'
    check 'it is still the same process' [ "$(main_pid)" = "$before" ]
}

# A key that is neither in the configuration nor in the environment.
rehearse_credentials() {
    on_machine 'mkdir -p -m 700 /etc/ai-gateway/keys /etc/systemd/system/ai-gateway.service.d
        printf from-a-credential >/etc/ai-gateway/keys/local && chmod 600 /etc/ai-gateway/keys/local
        printf "[Service]\nLoadCredential=local:/etc/ai-gateway/keys/local\n" >/etc/systemd/system/ai-gateway.service.d/keys.conf'
    # shellcheck disable=SC2016 # The gateway replaces it.
    sed -i 's|\${PROVIDER_KEY}|${file:/run/credentials/ai-gateway.service/local}|' "$project/config.yaml"
    check 'a key as a credential' ops deploy --binary "$binary"
    check 'it answers with it' answers
    check 'reload knows it too' on_machine systemctl reload ai-gateway
    write_config ''
    on_machine 'rm -r /etc/systemd/system/ai-gateway.service.d /etc/ai-gateway/keys'
    check 'and back' ops deploy --binary "$binary"
}

rehearse_docker() {
    on_machine 'cat >/usr/local/bin/docker && chmod 755 /usr/local/bin/docker; rm -f /var/log/docker-stand-in' <tests/ops/docker
    check 'deploy-docker' bash -c "cd '$project' && scripts/sync-config-to-vds.sh"
    check 'exactly these files, with these modes' diff - <(on_machine 'cd services/ai-gateway && stat -c "%a %u %n" $(ls -A)') <<'TEXT'
600 0 .env
600 65532 config.yaml
644 0 docker-compose.yml
TEXT
    check 'exactly these commands' diff - <(on_machine 'sed "s/:new.yaml:.*/:new.yaml/" /var/log/docker-stand-in') <<'TEXT'
login ghcr.io -u pull-user-7 --password-stdin <13 characters in a folder of mode 700
compose pull in a folder of mode 700
compose run --rm --no-deps -T -v /root/services/ai-gateway/config.yaml.new:/etc/ai-gateway/new.yaml:ro ai-gateway check --config /etc/ai-gateway/new.yaml
compose up -d --remove-orphans
compose kill -s HUP ai-gateway
compose ps -q ai-gateway
inspect -f {{.State.Health.Status}} 0123456789ab
TEXT
    check 'the configuration as it is here' bash -c "diff '$project/config.yaml' <($(declare -p machine ssh_port); $(declare -f on_machine); on_machine cat services/ai-gateway/config.yaml)"
    check 'no way to the server or the registry is left on it' on_machine \
        '! grep -rE "SSH_|GHCR_PULL|pull-token|auth of" /root/services /root/.docker /dev/shm 2>/dev/null'
    check 'the values are the same there' on_machine "grep -Fx \"PROVIDER_KEY='\\\$(touch /pwned) it\\\"s # not a comment'\" services/ai-gateway/.env"
    on_machine 'echo 78 >/run/stand-in-check'
    write_config 'unknown_key: 1'
    if ops deploy-docker >"$work/refusal" 2>&1; then bad 'an invalid configuration is refused'; else
        check 'an invalid configuration is refused' grep -q 'still runs with the old one' "$work/refusal"
    fi
    check 'and the old one stays' on_machine '! grep unknown services/ai-gateway/config.yaml && ! ls services/ai-gateway/*.new'
    write_config ''
    on_machine 'rm -f /run/stand-in-check'
}

# Somebody who is not root, but may become it.
rehearse_another_user() {
    on_machine 'useradd --create-home --shell /bin/bash deployer && cp -r /root/.ssh /home/deployer/ && chown -R deployer /home/deployer/.ssh
        echo "deployer ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/deployer' || true
    check 'deploy as another user' env SSH_USER=deployer bash -c "cd '$project' && ./ops.sh deploy --binary '$binary'"
    check 'deploy-docker as another user' env SSH_USER=deployer bash -c "cd '$project' && ./ops.sh deploy-docker"
    check 'the container runs as who owns the configuration' on_machine 'cd /home/deployer/services/ai-gateway &&
        [ "$(stat -c "%a %u:%g" config.yaml)" = "600 $(id -u deployer):$(id -g deployer)" ] &&
        grep -Fx "RUN_AS=$(id -u deployer):$(id -g deployer)" .env'
    on_machine 'userdel -r deployer; rm -f /etc/sudoers.d/deployer /usr/local/bin/docker' 2>/dev/null || true
}

rehearse_reboot() {
    local boot
    boot=$(on_machine cat /proc/sys/kernel/random/boot_id /proc/1/stat | cksum)
    rebooted() { local now && now=$(on_machine cat /proc/sys/kernel/random/boot_id /proc/1/stat | cksum) && [ "$now" != "$boot" ]; }
    on_machine 'systemctl reboot' || true
    until_true 90 rebooted || true
    until_true 30 answers || true
    check 'after a reboot it is back by itself' answers
    check 'without help' on_machine 'systemctl is-active ai-gateway.service ai-gateway.socket'
}

rehearse_removal() {
    tar -C "$project" -c ops | on_machine 'tar -x -C /root && bash /root/ops/service.sh uninstall --purge; rm -r /root/ops'
    check 'uninstall --purge leaves nothing' on_machine \
        '[ -z "$(ls -d /etc/ai-gateway /var/lib/ai-gateway* /etc/systemd/system/ai-gateway* /usr/local/bin/ai-gateway 2>/dev/null)" ] &&
            [ -z "$(find /usr/local/share -name "*ai-gateway*")" ] && ! getent passwd ai-gateway'
    if answers >/dev/null 2>&1; then bad 'nobody answers any more'; else ok 'nobody answers any more'; fi
}

# Debian's own way, on the machine that ops.sh has left clean.
rehearse_package() {
    local package version
    version=$("$binary" --version | cut -d' ' -f2)
    check 'the package is built' ./ops.sh package --binary "$binary"
    package=ai-gateway_${version}_$(on_machine dpkg --print-architecture).deb
    if command -v lintian >/dev/null; then check 'lintian' lintian --fail-on error,warning "$package"; fi
    on_machine 'cat >/root/ai-gateway.deb' <"$package"
    rm -f "$package"
    check 'it installs' on_machine 'dpkg -i /root/ai-gateway.deb'
    check 'enabled, and not started' on_machine 'systemctl is-enabled ai-gateway.service ai-gateway.socket &&
        ! systemctl is-active ai-gateway.service && ! systemctl is-active ai-gateway.socket'
    check 'configuration and keys are 0600 and the service user'\''s' on_machine \
        '[ "$(stat -c "%a %U" /etc/ai-gateway/config.yaml /etc/ai-gateway/env | sort -u)" = "600 ai-gateway" ]'
    check 'the client key is nobody else'\''s' on_machine 'grep -Eq "^GATEWAY_API_KEY=sk-gateway-[0-9a-f]{48}$" /etc/ai-gateway/env'
    check 'the program, its manual and its completions are there' on_machine '[ "$(command -v ai-gateway)" = /usr/bin/ai-gateway ] &&
        dpkg -L ai-gateway | grep -c -e ai-gateway.1.gz -e completions/ai-gateway -e _ai-gateway -e ai-gateway.fish | grep -Fx 4'
    if ops deploy --binary "$binary" >"$work/refusal" 2>&1; then bad 'ops.sh refuses to install beside it'; else
        check 'ops.sh refuses to install beside it, and says why' grep -q 'the Debian package ai-gateway is installed here' "$work/refusal"
    fi
    check 'and has changed nothing' on_machine '[ ! -e /usr/local/bin/ai-gateway ] && [ ! -e /etc/systemd/system/ai-gateway.service ]'
    check 'nor does it uninstall it' on_machine 'cat >/root/service.sh && ! bash /root/service.sh uninstall --purge &&
        [ -e /etc/ai-gateway/env ] && rm /root/service.sh' <ops/service.sh

    on_machine "mkdir -p /etc/systemd/system/ai-gateway.socket.d && cd /etc/systemd/system/ai-gateway.socket.d &&
        printf '[Socket]\nListenStream=\nListenStream=127.0.0.1:$port\n' >listen.conf && systemctl daemon-reload"
    on_machine 'cat >/etc/ai-gateway/config.yaml' <"$project/config.yaml"
    on_machine "printf 'GATEWAY_API_KEY=%s\nPROVIDER_KEY=local-provider-key\n' '$GATEWAY_API_KEY' >/etc/ai-gateway/env"
    check 'with keys it starts' on_machine systemctl start ai-gateway
    check 'it answers' answers
    check 'status finds it' bash -c "cd '$project' && ./ops.sh status | grep -Fx 'ai-gateway $version'"
    begin_load
    check 'an upgrade' on_machine 'dpkg -i /root/ai-gateway.deb && systemctl is-active ai-gateway.service'
    end_load 'no request failed meanwhile'
    check 'and the configuration is as it was' on_machine 'grep -q "name: plain" /etc/ai-gateway/config.yaml &&
        grep -q "^PROVIDER_KEY=local-provider-key" /etc/ai-gateway/env && [ "$(stat -c "%a %U" /etc/ai-gateway/env)" = "600 ai-gateway" ]'
    check 'it can be removed' on_machine 'dpkg -r ai-gateway && ! systemctl is-active ai-gateway.service && ! systemctl is-active ai-gateway.socket'
    check 'the configuration stays' on_machine '[ -e /etc/ai-gateway/env ]'
    check 'purged, nothing is left' on_machine 'rm -r /etc/systemd/system/ai-gateway.socket.d; dpkg -P ai-gateway &&
        [ -z "$(ls -d /etc/ai-gateway /var/lib/ai-gateway* 2>/dev/null; find /etc/systemd /usr/share /usr/lib/systemd -name "*ai-gateway*")" ]'

    check 'ops.sh installs where the package was' ops deploy --binary "$binary"
    check 'the package refuses to install beside ops.sh, and says why' on_machine \
        'said=$(dpkg -i /root/ai-gateway.deb 2>&1) && exit 1; grep -q "installed on this machine by ops.sh" <<<"$said"'
    check 'and what runs goes on' answers
    tar -C . -c ops | on_machine 'tar -x -C /root && bash /root/ops/service.sh uninstall --purge; rm -r /root/ops; dpkg -P ai-gateway; rm /root/ai-gateway.deb' || true
}
