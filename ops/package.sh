# shellcheck shell=bash
# The Debian package. Sourced, after build.sh.

cmd_package() {
    local file=''
    case ${1:-} in
    '') ;;
    --binary)
        file=${2:-}
        [ -f "$file" ] || die 'package --binary needs a file' 64
        [ $# -eq 2 ] || refuse package "$3"
        ;;
    *) refuse package "$1" ;;
    esac
    command -v dpkg-deb >/dev/null || die 'dpkg-deb is missing: install dpkg' 127
    if [ -z "$file" ]; then
        build_release
        file=$(binary release)
    fi
    local version architecture root package
    version=$(version_of_cargo)
    architecture=$(architecture_of "$file")
    package=ai-gateway_${version}_$architecture.deb
    root=$(staging_folder)
    on_exit rm -rf "$root"
    # Its file modes are those of the package.
    chmod 755 "$root"
    (umask 022 && lay_out_package "$file" "$root" && control_of_package "$root" "$version" "$architecture")
    SOURCE_DATE_EPOCH=$(source_date) dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
    say "built $package ($(wc -c <"$package") bytes); install it with: sudo apt install ./$package"
}

version_of_cargo() {
    sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1
}

# Debian's name for the kind of machine that a program is for: e_machine of its ELF header.
architecture_of() {
    case $(od -An -tx1 -j18 -N2 "$1" | tr -d ' ') in
    3e00) echo amd64 ;;
    b700) echo arm64 ;;
    2800) echo armhf ;;
    *) die "$1 is no program for x86_64, aarch64 or armv7" 65 ;;
    esac
}

# A program that can say here what the one in the package would say there: that one, else one that is built here.
program_that_runs() {
    if "$(realpath "$1")" --version >/dev/null 2>&1; then
        realpath "$1"
    else
        build_release
        realpath "$(binary release)"
    fi
}

# lay_out_package BINARY ROOT
lay_out_package() {
    local file=$1 root=$2 program share=$2/usr/share
    program=$(program_that_runs "$file")
    [ "$("$program" --version)" = "ai-gateway $(version_of_cargo)" ] ||
        die "$file says it is $("$program" --version), and Cargo.toml says $(version_of_cargo)" 65
    install -D -m 755 "$file" "$root/usr/bin/ai-gateway"

    mkdir -p "$root/usr/lib/systemd/system" "$share"/{ai-gateway,man/man1,doc/ai-gateway} \
        "$share"/{bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}
    sed -e 's|/usr/local/bin/|/usr/bin/|' -e 's|^# Installed by .*|# Of the package ai-gateway. Changes of your own belong into a drop-in:|' \
        systemd/ai-gateway.service >"$root/usr/lib/systemd/system/ai-gateway.service"
    sed -e 's|^# another address than port 8080 there is a drop-in.*|# another address than port 8080: systemctl edit ai-gateway.socket (an empty ListenStream= first).|' \
        systemd/ai-gateway.socket >"$root/usr/lib/systemd/system/ai-gateway.socket"

    "$program" manual | gzip -9n >"$share/man/man1/ai-gateway.1.gz"
    "$program" completions bash >"$share/bash-completion/completions/ai-gateway"
    "$program" completions zsh >"$share/zsh/vendor-completions/_ai-gateway"
    "$program" completions fish >"$share/fish/vendor_completions.d/ai-gateway.fish"
    "$program" schema >"$share/ai-gateway/config.schema.json"
    # What postinst makes the first configuration of; what only ops.sh reads is left out.
    # shellcheck disable=SC2016 # Nothing is to be expanded.
    sed 's|^\(# yaml-language-server: \$schema=\).*|\1/usr/share/ai-gateway/config.schema.json|' \
        config.yaml.example >"$share/ai-gateway/config.yaml.example"
    sed -e '/^# \.\/ops\.sh deploy/,$d' -e '1s|.*|# The environment of the service. Fill in your keys.|' .env.example >"$share/ai-gateway/env.example"

    debian_changelog | gzip -9n >"$share/doc/ai-gateway/changelog.gz"
    gzip -9nc CHANGELOG.md >"$share/doc/ai-gateway/CHANGELOG.md.gz"
    gzip -9nc docs/operating.md >"$share/doc/ai-gateway/operating.md.gz"
    install -D -m 644 packaging/debian/lintian-overrides "$share/lintian/overrides/ai-gateway"
    {
        printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: ai-gateway\n'
        printf 'Source: https://github.com/leshchenko1979/ai-gateway\n\nFiles: *\n'
        sed -n 's/^Copyright (c) /Copyright: /p' LICENSE
        printf 'License: Expat\n'
        sed '1,/^Copyright/d' LICENSE | sed -e 1d -e 's/^$/./' -e 's/^/ /'
    } >"$share/doc/ai-gateway/copyright"
}

# The one that Debian's tools read; what has changed stands in CHANGELOG.md.
debian_changelog() {
    printf 'ai-gateway (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- %s  %s\n' "$(version_of_cargo)" \
        "$(sed -n 's/^Maintainer: //p' packaging/debian/control)" "$(date -u -R -d "@$(source_date)")"
}

# The time of the source (seconds since 1970): the same source gives the same package.
source_date() {
    printf '%s' "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
}

# control_of_package ROOT VERSION ARCHITECTURE
control_of_package() {
    local size
    size=$(du -sk --apparent-size "$1" | cut -f 1)
    mkdir "$1/DEBIAN"
    sed -e "s/@VERSION@/$2/" -e "s/@ARCHITECTURE@/$3/" -e "s/@SIZE@/$size/" packaging/debian/control >"$1/DEBIAN/control"
    install -m 755 packaging/debian/{preinst,postinst,prerm,postrm} "$1/DEBIAN/"
    (cd "$1" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$1/DEBIAN/md5sums"
}
