# shellcheck shell=bash
# The container on the server. Sourced, after remote.sh.
# shellcheck disable=SC2154 # ssh_options and server are remote.sh's.

# Below the home of SSH_USER there: /root/services/ai-gateway.
compose_folder=services/ai-gateway

# The user that the container runs as when root deploys (docker-compose.yml).
container_user=65532

# there COMMAND...: a shell command as SSH_USER, in the folder of the service.
there() {
    # shellcheck disable=SC2029 # No setting is a part of it.
    ssh "${ssh_options[@]}" "$server" "umask 077; mkdir -p $compose_folder && cd $compose_folder && $1"
}

# put FILE MODE: standard input to a file there, in one step.
put() {
    there "cat >$1.part && chmod $2 $1.part && mv -f $1.part $1"
}

cmd_deploy_docker() {
    local upload=yes
    case ${1:-} in
    '') ;;
    --pull) upload='' ;;
    *) refuse deploy-docker "$1" ;;
    esac
    [ $# -le 1 ] || refuse deploy-docker "$2"
    if [ -n "$upload" ]; then
        [ -e config.yaml ] || die 'there is no config.yaml: cp config.yaml.example config.yaml, and edit it' 66
        [ -e .env ] || die 'there is no .env: cp .env.example .env, and edit it' 66
    fi
    connect
    there 'command -v docker >/dev/null' || die "docker is missing on $server" 69
    [ -z "$upload" ] || upload_service
    pull
    [ -z "$upload" ] || take_configuration
    say 'starting'
    there 'docker compose up -d --remove-orphans' || die 'docker compose up failed'
    # A container that was left as it is reads the configuration now.
    [ -z "$upload" ] || there 'docker compose kill -s HUP ai-gateway' || die 'the container does not run'
    await_health
}

upload_service() {
    local environment numbers
    say "uploading docker-compose.yml, config.yaml and .env to $server:$compose_folder"
    environment=$(print_env)
    put docker-compose.yml 644 <./docker-compose.yml
    put config.yaml.new 600 <./config.yaml
    # The container reads its configuration as an unprivileged user. Root can give the file to that one; anybody else
    # has the container run under their own number.
    numbers=$(there "id -u && id -g")
    if [[ $numbers == 0* ]]; then
        there "chown $container_user:$container_user config.yaml.new"
    else
        environment+=$'\n'RUN_AS=${numbers/$'\n'/:}
    fi
    put .env 600 <<<"$environment"
}

# The new configuration takes the place of the old one if the image finds it valid. It is written into the same file,
# because that is what the container has mounted.
take_configuration() {
    # shellcheck disable=SC2016 # Expanded there.
    there 'docker compose run --rm --no-deps -T -v "$PWD/config.yaml.new:/etc/ai-gateway/new.yaml:ro" ai-gateway \
        check --config /etc/ai-gateway/new.yaml >/dev/null' </dev/null || {
        there 'rm -f config.yaml.new'
        die 'the configuration is not valid: the container still runs with the old one' 78
    }
    there 'if [ -e config.yaml ]; then cat config.yaml.new >config.yaml && rm config.yaml.new; else mv config.yaml.new config.yaml; fi'
}

# Pulls the image. The login for a private one is gone afterwards: it stands in a folder of its own, in memory.
pull() {
    local user token registry
    user=$(setting GHCR_PULL_USER)
    token=$(setting GHCR_PULL_TOKEN)
    say 'pulling the image'
    if [ -z "$user" ] || [ -z "$token" ]; then
        there 'docker compose pull' || die 'docker compose pull failed'
        return
    fi
    registry=$(setting GHCR_IMAGE ghcr.io/)
    # shellcheck disable=SC2016 # Expanded there. User and token come by standard input, where no process list shows them.
    printf '%s\n%s\n%s\n' "${registry%%/*}" "$user" "$token" | there '
        DOCKER_CONFIG=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || pwd)") && export DOCKER_CONFIG || exit
        trap "rm -rf \"$DOCKER_CONFIG\"" EXIT
        [ ! -d ~/.docker/cli-plugins ] || ln -s ~/.docker/cli-plugins "$DOCKER_CONFIG/cli-plugins"
        read -r registry && read -r user && docker login "$registry" -u "$user" --password-stdin >/dev/null &&
            docker compose pull' || die 'docker login or docker compose pull failed'
}

await_health() {
    local state='' tries
    for ((tries = 0; tries < 60; tries++)); do
        # shellcheck disable=SC2016 # Expanded there.
        state=$(there 'docker inspect -f "{{.State.Health.Status}}" "$(docker compose ps -q ai-gateway)"') || state=unknown
        case $state in
        healthy) say 'healthy' && return ;;
        unhealthy) break ;;
        esac
        sleep 1
    done
    there 'docker compose logs --tail 20' >&2 || true
    die "the container is not healthy: $state"
}

in_compose_folder() {
    connect
    local words
    printf -v words '%q ' "$@"
    there "docker compose $words"
}
