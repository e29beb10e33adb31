# shellcheck shell=bash
# What `./ops.sh --help` and `./ops.sh COMMAND --help` print. Sourced.

usage() {
    cat <<'TEXT'
usage: ./ops.sh COMMAND [ARGUMENT ...]
       ./ops.sh COMMAND --help    more about one of them

On this machine
  demo [--port N] [--once]   build, and run the gateway on two embedded providers: no configuration, key or network
  test [--long]              build, and run all tests, with --long the slow ones, too
  build [--target aarch64]   build the static binary: ./ai-gateway, or ./ai-gateway-aarch64 for another kind of machine
  package [--binary FILE]    build a Debian package of it
  bench [--quick]            measure speed and memory beside nginx
  fuzz [SECONDS [TARGET]]    feed the readers of bytes with inputs bred from fuzz/seeds, 60 s each
  install                    copy ./ai-gateway to /usr/local/bin, with its manual and completions
  install-service            install binary, configuration and systemd units; start with: sudo systemctl start ai-gateway
  uninstall [--purge]        remove binary and units; with --purge the configuration, keys and state, too

On the server SSH_HOST
  deploy [--binary FILE]     build (or take FILE), upload, install as a systemd service, start; back to the previous
                             version if it is not healthy within 30 s
  deploy-docker [--pull]     upload docker-compose.yml, config.yaml and .env, pull the image, start, wait for health;
                             with --pull the files there stay as they are

There if SSH_HOST is set, else here
  logs [ARGUMENT ...]        follow the log; the arguments are journalctl's (docker compose logs': --docker first)
  status [--docker]          the service, its version and health

Settings are read from .env and from the environment, which has the last word:
  SSH_HOST, SSH_USER (root), SSH_PORT (22), SSH_KEY (a file), SSH_KNOWN_HOSTS (a file)
  GHCR_PULL_USER, GHCR_PULL_TOKEN    for a private image; like SSH_*, never left on the server
Everything else in .env is for the running gateway (keys, PORT, LOG_LEVEL) and docker compose (DOMAIN, GHCR_IMAGE,
IMAGE_TAG), and is uploaded. The file is parsed, never executed.
TEXT
}

# help_of COMMAND: fails for one that there is not.
help_of() {
    case $1 in
    demo)
        cat <<'TEXT'
usage: ./ops.sh demo [--port N] [--once]

Builds the gateway, and runs it on two embedded providers, one of which is always rate-limited: no configuration, key or
network is needed. Nothing is installed and nothing is left behind but target/.

  --port N   listen on 127.0.0.1:N; without it on 8080, or on any free port if that is taken
  --once     end after the two requests that it makes
TEXT
        ;;
    test)
        cat <<'TEXT'
usage: ./ops.sh test [--long] [ARGUMENT ...]

Builds, and runs all tests. What they need and the machine lacks is named, and then installed:
  nginx, haproxy        by apt, as root on Debian only; the gateway is tested behind them, elsewhere that is skipped
  openai, jsonschema    from PyPI, in virtual environments below target/; the gateway is tested with real clients, and
                        the schema of its configuration by a real validator

  --long        the slow tests as well (floods, soaks, streams of minutes)
  ARGUMENT ...  cargo test's: only the tests that these name are run, and nothing is installed. For example:
                ./ops.sh test --test it reload
TEXT
        ;;
    build)
        cat <<'TEXT'
usage: ./ops.sh build [--profiled | --target MACHINE]

Builds the static binary ./ai-gateway. Needs Rust 1.91 or newer and a C compiler.

  --profiled         build it twice, the second time after a profile of the first one at work: a tenth to a quarter less
                     CPU per request for half a megabyte more. Takes three times as long. Needs llvm-profdata (rustup
                     component add llvm-tools)
  --target MACHINE   for another kind of machine, such as aarch64: ./ai-gateway-MACHINE. Needs Rust's standard library
                     for it (rustup target add) and its gcc
TEXT
        ;;
    package)
        cat <<'TEXT'
usage: ./ops.sh package [--binary FILE]

Builds the Debian package ai-gateway_VERSION_ARCHITECTURE.deb in this folder, of the binary for this machine. Needs
dpkg-deb. The package has the program in /usr/bin, its systemd units, manual, completions and the schema of the
configuration. Installed, the service is enabled, but not started before /etc/ai-gateway/env has your keys.

  --binary FILE   of this binary instead, also one for another kind of machine
TEXT
        ;;
    bench)
        cat <<'TEXT'
usage: ./ops.sh bench [MODE] [--binary FILE] [--against BINARY]

Measures the gateway beside nginx, which is installed by apt if it is missing (as root on Debian; valgrind for
--instructions). Exits with 1 if a criterion is missed.

  no mode, or --quick          the criteria beside nginx, about 6 minutes, or 2
  --memory                     of these only memory, start and a crowd that waits
  --growth                     a table of what more connections, routes, bytes and streams cost
  --soak                       memory over two million requests and 100,000 connections
  --instructions [DIRECTORY]   instructions of one plain request and of one event; valgrind's profiles are kept in DIRECTORY
  --readers                    criterion benches of the readers of bytes
  --binary FILE                measures this binary, such as a release's, and not a build as usual (not with --readers)
  --against BINARY             measures BINARY as well, in the same rounds (not with --readers)
TEXT
        ;;
    fuzz)
        cat <<'TEXT'
usage: ./ops.sh fuzz [SECONDS [TARGET]]

Feeds each reader of bytes for SECONDS (60) with inputs bred from fuzz/seeds, or only TARGET. Needs cargo-fuzz and a
nightly toolchain. The targets are the files of fuzz/fuzz_targets.
TEXT
        ;;
    install)
        cat <<'TEXT'
usage: ./ops.sh install

Copies ./ai-gateway (built first if it is not there) to /usr/local/bin, its manual and its shell completions below
/usr/local/share. No service, no configuration. Refused beside the Debian package, which has them in /usr.
TEXT
        ;;
    install-service)
        cat <<'TEXT'
usage: ./ops.sh install-service

Installs ./ai-gateway (built first if it is not there), ./config.yaml, ./.env and the systemd units on this machine, and
enables the service; `sudo systemctl start ai-gateway` starts it. A service that runs is restarted. A configuration
that is not valid changes nothing. Refused beside the Debian package, which has units of the same names.
TEXT
        ;;
    uninstall)
        cat <<'TEXT'
usage: ./ops.sh uninstall [--purge]

Stops the service, and removes the binary, its manual, its completions and the systemd units from this machine. The
configuration, the keys (/etc/ai-gateway) and the state (/var/lib/ai-gateway) stay.

  --purge   these as well, and the service's user. There is no way back
TEXT
        ;;
    deploy)
        cat <<'TEXT'
usage: SSH_HOST=your-server.com ./ops.sh deploy [--binary FILE]

Builds the gateway for the server, uploads it with ./config.yaml and ./.env, installs it as a systemd service there and
starts it. A configuration that is not valid changes nothing; a version that is not healthy within 30 s is taken back.
SSH_HOST, SSH_USER (root), SSH_PORT (22), SSH_KEY and SSH_KNOWN_HOSTS come from the environment, else from .env.

  --binary FILE   deploy this binary, such as a released one: no Rust is needed
TEXT
        ;;
    deploy-docker)
        cat <<'TEXT'
usage: SSH_HOST=your-server.com ./ops.sh deploy-docker [--pull]

Uploads docker-compose.yml, ./config.yaml and ./.env to ~/services/ai-gateway on the server, pulls the image, lets it
check the configuration, starts it, and waits for its health.

  --pull   the files there stay as they are: only pull and start
TEXT
        ;;
    logs)
        cat <<'TEXT'
usage: ./ops.sh logs [ARGUMENT ...]
       ./ops.sh logs --docker [ARGUMENT ...]

Follows the log of the systemd service, on SSH_HOST if it is set, else on this machine.

  ARGUMENT ...   journalctl's instead of -f, such as: -n 50, --since today, -p warning
  --docker       the log of the container on SSH_HOST; the arguments are those of docker compose logs
TEXT
        ;;
    status)
        cat <<'TEXT'
usage: ./ops.sh status [--docker]

Prints the state of the systemd service and the version of its program, on SSH_HOST if it is set, else on this machine.

  --docker   the container on SSH_HOST
TEXT
        ;;
    *) return 1 ;;
    esac
}

# asks_for_help ARGUMENT ...: behind `--` the arguments are another program's.
asks_for_help() {
    local argument
    for argument in "$@"; do
        case $argument in
        --) return 1 ;;
        -h | --help) return 0 ;;
        esac
    done
    return 1
}

# takes_nothing COMMAND ARGUMENT ...: ends it all if there is an argument.
takes_nothing() {
    [ $# -eq 1 ] || refuse "$1" "$2"
}

# refuse COMMAND ARGUMENT
refuse() {
    die "$1 does not know $2: ./ops.sh $1 --help" 64
}
