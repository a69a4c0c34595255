# syntax=docker/dockerfile:1.10
FROM debian:12.8-slim AS base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN <<EOF
set -eux
apt-get update
apt-get install -y --no-install-recommends ca-certificates=20230311+deb12u1
rm -rf /var/lib/apt/lists/*
EOF
RUN <<-"PYTHON" python3
	print("FROM inside of a here-document is no instruction")
	PYTHON
COPY <<one.conf <<two.conf /etc/app/
listen = 80
USER root
one.conf
debug = false
two.conf
COPY --chmod=0755 <<'SCRIPT' /usr/local/bin/start
#!/bin/sh
exec "$@"
SCRIPT
RUN useradd --system --uid 10001 app
USER 10001:10001
ENTRYPOINT ["/usr/local/bin/start"]
CMD ["sleep", "infinity"]
HEALTHCHECK CMD ["true"]
