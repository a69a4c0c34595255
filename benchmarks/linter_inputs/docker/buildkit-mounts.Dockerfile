# syntax=docker/dockerfile:1
# check=skip=JSONArgsRecommended;error=true
ARG GO_VERSION=1.23.4
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
RUN --mount=type=bind,source=go.mod,target=go.mod \
    --mount=type=bind,source=go.sum,target=go.sum \
    --mount=type=cache,target=/go/pkg/mod,sharing=locked \
    go mod download -x
RUN --mount=type=secret,id=netrc,target=/root/.netrc,required=true \
    --mount=type=ssh \
    --network=default --security=sandbox \
    git ls-remote git@github.com:example/private.git
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/app ./cmd/app
FROM scratch
COPY --link --from=build --chown=65532:65532 /out/app /app
COPY --from=gcr.io/distroless/static-debian12:nonroot@sha256:6ec5aa99dc335666e79dc64e4a6c8b89c33a543a1967f20d360922a80dd21f02 /etc/passwd /etc/passwd
USER 65532
ENTRYPOINT ["/app"]
