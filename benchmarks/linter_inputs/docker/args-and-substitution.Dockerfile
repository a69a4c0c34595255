# syntax=docker/dockerfile:1
ARG BASE=ubuntu:24.04
ARG REGISTRY
FROM ${REGISTRY:+${REGISTRY}/}${BASE:-ubuntu:24.04}
ARG BASE
ARG VERSION="1.2.3"
ENV VERSION=${VERSION} SHORT=${VERSION%.*} MAJOR=${VERSION%%.*} FLAT=${VERSION//./_} \
    PATH=/opt/app/bin:$PATH
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends tzdata=2024a-3ubuntu1 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/app/${VERSION}
COPY --parents --exclude=*.md ./src/./** ./
COPY ["file with spaces.txt", "a[[]b.txt", "./"]
EXPOSE ${PORT:-8080} 9000-9010/udp
USER nobody
CMD ["app"]
HEALTHCHECK --start-interval=2s CMD ["app", "check"]
