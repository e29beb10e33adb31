# syntax=docker/dockerfile:1.24@sha256:87999aa3d42bdc6bea60565083ee17e86d1f3339802f543c0d03998580f9cb89
# The image is the binary and an empty folder: docker build -t ai-gateway .

FROM --platform=$BUILDPLATFORM rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS build
ARG TARGETARCH TARGETVARIANT
WORKDIR /src
RUN <<'SH'
set -eu
case "$TARGETARCH$TARGETVARIANT" in
amd64*) target=x86_64-unknown-linux-gnu tools=x86-64-linux-gnu package=amd64 ;;
arm64*) target=aarch64-unknown-linux-gnu tools=aarch64-linux-gnu package=arm64 ;;
armv7) target=armv7-unknown-linux-gnueabihf tools=arm-linux-gnueabihf package=armhf ;;
*) echo "unknown architecture $TARGETARCH$TARGETVARIANT" >&2; exit 1 ;;
esac
echo "$target" >/target
rustup target add "$target"
if [ "$package" != "$(dpkg --print-architecture)" ]; then
    # The compiler and C library of the other architecture; ring has a little C.
    apt-get update -q
    apt-get install -qy --no-install-recommends "gcc-$tools" "libc6-dev-$package-cross"
    # The package of one has a hyphen where its program has an underscore.
    echo "$tools-gcc" | sed 's/^x86-/x86_/' >/compiler
fi
SH
COPY Cargo.toml Cargo.lock LICENSE README.md build.rs ./
COPY .cargo .cargo
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target,id=target-$TARGETARCH$TARGETVARIANT <<'SH'
set -eu
target=$(cat /target)
variable=$(echo "$target" | tr - _)
if [ -e /compiler ]; then
    compiler=$(cat /compiler)
    export "CARGO_TARGET_$(echo "$variable" | tr a-z A-Z)_LINKER=$compiler" "CC_$variable=$compiler"
fi
cargo build --release --locked --target "$target"
install -D -m 755 "target/$target/release/ai-gateway" /image/ai-gateway
# For a volume that keeps the state: a new one takes its mode from here, so that any user may write into it.
install -d -m 1777 /image/var/lib/ai-gateway
SH

FROM scratch
ARG VERSION=dev REVISION=unknown
LABEL org.opencontainers.image.title="ai-gateway" \
      org.opencontainers.image.description="A failover gateway for OpenAI-compatible language models" \
      org.opencontainers.image.source="https://github.com/leshchenko1979/ai-gateway" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image /
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 \
    CMD ["/ai-gateway", "healthcheck", "--config", "/etc/ai-gateway/config.yaml"]
ENTRYPOINT ["/ai-gateway"]
CMD ["--config", "/etc/ai-gateway/config.yaml"]
