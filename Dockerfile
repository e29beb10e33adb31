# syntax=docker/dockerfile:1
# The image is the binary and nothing else: docker build -t ai-gateway .

FROM --platform=$BUILDPLATFORM rust:1.95-bookworm AS build
ARG TARGETARCH
WORKDIR /src
RUN <<'SH'
set -eu
case "$TARGETARCH" in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*) echo "unknown architecture $TARGETARCH" >&2; exit 1 ;;
esac
echo "$machine" >/machine
rustup target add "$machine-unknown-linux-gnu"
if [ "$machine" != "$(uname -m)" ]; then
    # The compiler and C library of the other architecture; ring has a little C.
    apt-get update -q
    apt-get install -qy --no-install-recommends "gcc-$(echo "$machine" | tr _ -)-linux-gnu" "libc6-dev-$TARGETARCH-cross"
fi
SH
COPY Cargo.toml Cargo.lock LICENSE README.md build.rs ./
COPY .cargo .cargo
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target,id=target-$TARGETARCH <<'SH'
set -eu
machine=$(cat /machine)
target=$machine-unknown-linux-gnu
variable=$(echo "$target" | tr - _)
if [ "$machine" != "$(uname -m)" ]; then
    export "CARGO_TARGET_$(echo "$variable" | tr a-z A-Z)_LINKER=$machine-linux-gnu-gcc" "CC_$variable=$machine-linux-gnu-gcc"
fi
cargo build --release --locked --target "$target"
install -D -m 755 "target/$target/release/ai-gateway" /image/ai-gateway
SH

FROM scratch
ARG VERSION=dev REVISION=unknown
LABEL org.opencontainers.image.title="ai-gateway" \
      org.opencontainers.image.description="A failover gateway for OpenAI-compatible language models" \
      org.opencontainers.image.source="https://github.com/leshchenko1979/ai-gateway" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/ai-gateway /ai-gateway
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 \
    CMD ["/ai-gateway", "healthcheck", "--config", "/etc/ai-gateway/config.yaml"]
ENTRYPOINT ["/ai-gateway"]
CMD ["--config", "/etc/ai-gateway/config.yaml"]
