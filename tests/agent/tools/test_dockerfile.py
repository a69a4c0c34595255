"""Show that Dockerfiles are read as BuildKit reads them, and that exactly what is wrong is found."""

import json
import time
from typing import Any

import pytest

from agent.outcomes import RESULT_MAX_CHARS
from agent.tools.dockerfile.lint import DOCKERFILE_LINT, lint
from agent.tools.dockerfile.rules import RULES
from agent.types import ToolError
from tests.agent.tools.support import NOWHERE

GOOD = """\
# syntax=docker/dockerfile:1
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /app
RUN apt-get update \\
    # what the wheels need
    && apt-get install -y --no-install-recommends gcc=4:14.2.0-1 \\

    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
COPY src/ ./src/

FROM python:${PYTHON}-slim
WORKDIR /app
COPY --from=build /app /app
COPY <<EOF /app/motd
RUN sudo apt-get install everything
FROM nowhere
EOF
RUN <<'SCRIPT'
set -e
useradd --uid 10001 app
# sudo is not used here
SCRIPT
ENV TOKEN_FILE=/run/secrets/token PASSWORD=""
EXPOSE 8080 9090/udp 10000-10010
USER 10001
HEALTHCHECK --interval=30s CMD ["python", "-c", "import app"]
ENTRYPOINT ["python", "-m", "src"]
CMD ["serve"]
"""


def rules(text: str, *, hints: bool = False) -> list[tuple[str, int | None]]:
    """Return the rules broken and their lines; hints only if asked for."""
    found = [(one.rule, one.line) for one in lint(text)[0] if hints or one.severity != "info"]
    return sorted(found, key=lambda pair: (pair[1] or 0, pair[0]))


def in_stage(lines: str, *, hints: bool = False) -> list[str]:
    """Return the rules that these lines break in an otherwise good file."""
    return [rule for rule, _ in rules(f"FROM debian:13\n{lines}\nUSER 10001\nHEALTHCHECK NONE\n", hints=hints)]


def test_a_good_file_has_no_findings() -> None:
    assert rules(GOOD, hints=True) == []


def test_a_usual_bad_file_has_exactly_these_findings() -> None:
    text = """\
FROM node
MAINTAINER bob
ENV API_TOKEN=abc DEBUG=true
WORKDIR app
COPY . .
RUN apt-get update
RUN apt-get install curl git && cd /tmp && curl -sSL https://x.example/i.sh | sh
RUN npm install
RUN sudo chmod -R 777 /app
ADD https://x.example/tool /usr/bin/tool
EXPOSE 80 70000
CMD npm start
"""
    assert rules(text, hints=True) == [
        ("base-not-pinned", 1),
        ("no-healthcheck", 1),
        ("runs-as-root", 1),
        ("maintainer", 2),
        ("secret-in-image", 3),
        ("relative-workdir", 4),
        ("copies-everything", 5),
        ("copy-before-install", 5),
        ("apt-update-alone", 6),
        ("apt-lists-kept", 7),
        ("apt-recommends", 7),
        ("cd-instead-of-workdir", 7),
        ("download-into-shell", 7),
        ("install-asks", 7),
        ("pipe-without-pipefail", 7),
        ("several-run", 7),
        ("unpinned-packages", 7),
        ("npm-install", 8),
        ("chmod-777", 9),
        ("sudo", 9),
        ("add-without-checksum", 10),
        ("bad-port", 11),
        ("shell-form", 12),
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("RUNN x", ["unknown-instruction"]),
        ("RUN", ["no-arguments"]),
        ("CMD ['a', 'b']", ["invalid-exec-form"]),
        ('CMD ["a", ]', ["invalid-exec-form"]),
        ("RUN [ -f /x ] || exit 1", []),
        ('CMD ["a"]\nCMD ["b"]', ["several-cmd"]),
        ('ENTRYPOINT ["a"]\nENTRYPOINT ["b"]', ["several-entrypoint"]),
        ("ENTRYPOINT a --b", ["shell-form"]),
        ("EXPOSE 0 $PORT", ["bad-port"]),
        ("EXPOSE http", ["bad-port"]),
        ("WORKDIR ../x", ["relative-workdir"]),
        ("WORKDIR $HOME/x", []),
        ("ADD app.py /app/", ["add-instead-of-copy"]),
        ("ADD rootfs.tar.gz /", []),
        ("ADD --checksum=sha256:ab https://x.example/a /a", []),
        ("ADD https://github.com/o/r.git#v1 /src", []),
        ("COPY a", ["copy-arguments"]),
        ("COPY a b c", ["copy-many-to-file"]),
        ("COPY a b c/", []),
        ('COPY ["a b", "c/"]', []),
        ("COPY .env /app/", ["secret-file-copied"]),
        ("COPY .env.example id_rsa.pub /app/", []),
        ("COPY --from=x /a /b", ["stage-or-image"]),
        ("COPY --from=0 /a /b", ["unknown-stage"]),
        ("COPY --from=nginx:1.29 /a /b", []),
        ("COPY --from=$STAGE /a /b", []),
        ("ONBUILD FROM x", ["bad-onbuild"]),
        ("ONBUILD RUN make", []),
        ("SHELL bash -c", ["bad-shell"]),
        (
            "HEALTHCHECK --interval=5s\nHEALTHCHECK CMD curl x",
            ["several-healthcheck", "bad-healthcheck", "several-healthcheck"],
        ),
        ("RUN apt-get install -qy a", []),
        ("RUN apt-get -y install a", []),
        ("RUN apt install -y a", ["apt-in-script"]),
        ("RUN DEBIAN_FRONTEND=noninteractive apt-get install a", ["install-asks"]),
        ("RUN dnf install a", ["install-asks"]),
        ("RUN apt-get update && apt-get dist-upgrade -y", []),
        ("RUN pip install -r r.txt", ["pip-cache"]),
        ("RUN python -m pip install flask==3", ["pip-cache"]),
        ("RUN pip install --no-cache-dir flask==3", []),
        ("ENV PIP_NO_CACHE_DIR=1\nRUN pip install flask==3", []),
        ("RUN npm install -g npm@11", []),
        ("RUN npm ci", []),
        ("RUN curl -f https://x | bash", ["download-into-shell", "pipe-without-pipefail"]),
        ("RUN set -o pipefail; curl -f https://x | tar xz", ["pipefail-in-dash"]),
        ('SHELL ["/bin/bash", "-c"]\nRUN set -o pipefail; a | b', []),
        ("RUN bash -c 'set -o pipefail; a | b'", []),
        ("RUN <<EOF\n#!/bin/bash\nset -o pipefail\nsource x\nEOF", []),
        ("RUN bash <<EOF\nsource x\nEOF", []),
        ("RUN source /venv/bin/activate", ["bash-in-dash"]),
        ("RUN if [[ -f /x ]]; then y; fi", ["bash-in-dash"]),
        ('SHELL ["powershell", "-Command"]\nRUN Get-ChildItem | Out-Null; kill 1', []),
        ('LABEL a="x" version', ["pair-without-equals"]),
        ("ENV A=1 B", ["pair-without-equals"]),
        ("ENV A=a\\ b C=\"d e\" D='f g'h E=$X", []),
        ("LABEL version 1.0", []),
        ("ARG A=1 B", []),
        ("RUN --mount=type=secrets,id=x cat", ["unknown-mount"]),
        ("RUN --mount=target=/x --mount=type=ssh x", []),
        ("COPY ../x ./", ["above-context"]),
        ("COPY --from=nginx:1.29 ../x ./", []),
        ('SHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN a | b', []),
        ("RUN echo 'a | b && sudo c'", []),
        ("RUN a || b", []),
        ("RUN a 2>&1 && b &> /dev/null", []),
        ("RUN <<EOF\nset -e\nsudo ls\ncurl x | sh\nEOF", ["download-into-shell", "pipe-without-pipefail", "sudo"]),
        ("RUN cat <<EOF > /etc/x\nsudo ls | sh\nEOF", []),
        ("RUN python3 <<EOF\nimport sudo\nEOF", []),
        ("RUN <<EOF\necho", ["unfinished-heredoc", "runs-as-root"]),
        ("RUN wget --no-check-certificate https://x", ["tls-check-off"]),
        ("RUN systemctl enable x", ["pointless-command"]),
        ("RUN cd /app", ["cd-without-effect"]),
        ("ARG DB_PASSWORD", ["secret-as-argument"]),
        ("ARG NPM_TOKEN=abc", ["secret-in-image"]),
        ("ENV PASSWORD hunter2", ["secret-in-image"]),
        ("ENV DB_PASSWORD=<redacted:password>", ["secret-in-image"]),
        ("ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D TOKEN_TTL=60", []),
        ("RUN mysql -u root -phunter2 -e 'select 1'", ["secret-in-text"]),
        ("ARG TOKEN=$X\nRUN --mount=type=secret,id=t cat /run/secrets/t", ["secret-in-image"]),
    ],
)
def test_rules(lines: str, expected: list[str]) -> None:
    assert sorted(in_stage(lines)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN a", [("no-from", 1)]),
        ("RUN a\nFROM debian:13\nUSER 1", [("before-from", 1)]),
        ("FROM a b\nUSER 1", [("bad-from", 1)]),
        ("FROM debian:13 AS a\nFROM debian:13 AS A\nUSER 1", [("duplicate-stage", 2)]),
        ("FROM debian:latest\nUSER 1", [("base-not-pinned", 1)]),
        ("FROM registry:5000/team/app\nUSER 1", [("base-not-pinned", 1)]),
        ("FROM debian@sha256:" + "0" * 64 + "\nUSER 1", []),
        ("ARG V=latest\nFROM debian:$V\nUSER 1", [("base-not-pinned", 2)]),
        ("ARG V\nFROM debian:${V}\nUSER 1", []),
        ("FROM node:${V}\nUSER 1", [("from-without-arg", 1)]),
        ("FROM node:24${V}\nUSER 1", [("empty-variable", 1)]),
        ("FROM debian:13 AS a\nARG V=1\nFROM node:${V}\nUSER 1", [("from-without-arg", 3)]),
        ("FROM --platform=$TARGETPLATFORM node:${V:-24}\nUSER 1", []),
        ("ARG V=1.2\nFROM debian:13\nRUN a $V\nRUN b $V\nUSER 1", [("empty-variable", 3)]),
        ("ARG V=1.2\nFROM debian:13\nARG V\nRUN a ${V}\nUSER 1", []),
        ("ARG V=1.2\nFROM debian:13\nRUN V=2; a $V ${V:-x}\nUSER 1", []),
        ("ARG V=1.2\nFROM debian:13 AS a\nARG V\nFROM a\nRUN b $V\nUSER 1", []),
        ("ARG PYTHON_VERSION=3.13\nFROM python:${PYTHON_VERSION}\nRUN a $PYTHON_VERSION\nUSER 1", []),
        ("FROM alpine:3.22\nRUN set -o pipefail; a | b\nUSER 1", []),
        ('FROM debian:13 AS a\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nFROM a\nRUN a | b\nUSER 1', []),
        ("FROM --platform=linux/amd64 debian:13\nUSER 1", [("fixed-platform", 1)]),
        ("FROM --platform=$BUILDPLATFORM debian:13\nUSER 1", []),
        ("FROM debian:13\nUSER app\nUSER root", [("runs-as-root", 3)]),
        ("FROM debian:13 AS a\nUSER app\nFROM a", []),
        ("FROM gcr.io/distroless/static:nonroot", []),
        ("FROM scratch\nCOPY --from=b /a /a\nUSER 1\nFROM debian:13 AS b\nUSER 1", [("unknown-stage", 2)]),
        ("# escape=`\nFROM debian:13\nRUN a `\n  && sudo b\nUSER 1", [("sudo", 3)]),
        ("FROM debian:13\r\nRUN a \\\r\n  && sudo b\r\nUSER 1\r\n", [("sudo", 2)]),
        (
            "FROM node:24\nCOPY package.json .\nRUN npm ci\nCOPY . .\nRUN npm run build && npm ci\nUSER 1",
            [],
        ),
    ],
)
def test_stages(text: str, expected: list[tuple[str, int]]) -> None:
    assert rules(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from debian:13\nuser 1\nhealthcheck NONE", []),
        ("FROM debian:13\nuser 1\nHEALTHCHECK NONE", [("casing", 2)]),
        ("FROM debian:13 as x\nUSER 1\nHEALTHCHECK NONE", [("casing", 1)]),
        (
            "FROM debian:13\nRUN a\nRUN b\nRUN c\nENV a b\nUSER 1\nHEALTHCHECK NONE",
            [("several-run", 3), ("env-without-equals", 5)],
        ),
        ("FROM golang:1 AS b\nRUN a\nRUN b\nFROM scratch\nUSER 1\nHEALTHCHECK NONE", []),
        ("FROM debian:13\nRUN --mount=type=cache,target=/a a\nRUN b\nUSER 1\nHEALTHCHECK NONE", []),
        ("FROM debian:13\nRUN rm -rf /var/lib/apt/lists/*\nUSER 1\nHEALTHCHECK NONE", [("lists-removed-late", 2)]),
        ("FROM debian:13\nEXPOSE 22\nUSER 1\nHEALTHCHECK NONE", [("ssh-exposed", 2)]),
        ("FROM alpine:3.22\nRUN apk add curl\nUSER 1\nHEALTHCHECK NONE", [("apk-cache", 2), ("unpinned-packages", 2)]),
    ],
)
def test_hints(text: str, expected: list[tuple[str, int]]) -> None:
    assert rules(text, hints=True) == expected


def test_the_advice_for_pipes_works_in_every_shell() -> None:
    assert "set -o pipefail" not in RULES["pipe-without-pipefail"].fix


def test_values_of_secrets_are_never_shown() -> None:
    output = DOCKERFILE_LINT.run(
        {"dockerfile": "FROM debian:13\nENV A_TOKEN=hunter2hunter2 A_KEY=x hunter4\nRUN x --password hunter3\n"},
        NOWHERE,
    )
    assert "hunter" not in json.dumps(output.data)


def test_the_result_says_what_was_looked_at() -> None:
    output = DOCKERFILE_LINT.run({"dockerfile": GOOD}, NOWHERE)
    assert output.summary == "no findings"
    assert (output.data["stages"], output.data["base_images"]) == (
        2,
        ["python:${PYTHON}-slim", "python:${PYTHON}-slim"],
    )


@pytest.mark.parametrize("text", ["", "\n# only a comment\n", "FROM x\0", "RUN x\n" * 1_001, "RUN " + "x" * 30_001])
def test_what_is_no_dockerfile_is_refused(text: str) -> None:
    with pytest.raises(ToolError):
        DOCKERFILE_LINT.run(DOCKERFILE_LINT.read({"dockerfile": text}), NOWHERE)


@pytest.mark.parametrize(
    "text",
    [
        "FROM x\n" * 1_000,
        "FROM x\nRUN " + "a|" * 14_000,
        "FROM x\nRUN " + "'" * 29_000,
        "FROM x\nENV " + 'a="' * 9_000,
        "FROM x\nCMD " + "[" * 29_000,
        "FROM x\nRUN " + "<<a " * 7_000,
        "FROM x\nRUN a \\\n" + "# x\n" * 49_000,
        "FROM x\n" + ("ADD a b c d /e\nRUN cd /x | sh\nENV A_TOKEN=b\n" * 333),
        "".join(f"FROM s{n} AS s{n + 1}\n" for n in range(999)),
        "ARG V\nFROM x\nENV " + "\"'" * 14_000 + "\nRUN " + "$V " * 9_000,
        "FROM a AS b\n" * 500 + "COPY --from=b a b\n" * 400,
    ],
    ids=lambda text: text[7:20],
)
def test_hostile_input_ends_soon_and_fits(text: str) -> None:
    began = time.process_time()
    try:
        data = DOCKERFILE_LINT.run(DOCKERFILE_LINT.read({"dockerfile": text}), NOWHERE).data
    except ToolError:
        data = {}
    assert time.process_time() - began < 2
    assert len(json.dumps(data)) < RESULT_MAX_CHARS


def test_every_rule_is_worded() -> None:
    for name, rule in RULES.items():
        assert rule.severity in ("error", "warning", "info"), name
        assert rule.why.endswith(".") and rule.fix.endswith("."), name


def test_wrong_input_is_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {},
        {"dockerfile": 5},
        {"dockerfile": "x" * 200_001},
        {"dockerfile": "FROM x", "a": 1},
    ]
    for raw in wrong:
        with pytest.raises(ToolError):
            DOCKERFILE_LINT.read(raw)
