"""Show that Compose files are judged as an experienced operator would judge them."""

import pytest

from agent.tools.compose.lint import COMPOSE_LINT, lint
from agent.types import ToolError
from tests.agent.tools.lint_support import INPUTS, complete, expected, rules, seen, survives
from tests.agent.tools.support import NOWHERE

STACK = (INPUTS / "stack.yaml").read_text()
CLEAN = (INPUTS / "clean-stack.yaml").read_text()


TOKEN = "ghp_" + "1234567890abcdefghijABCDEFGHIJ123456"


def of(compose: str) -> set[str]:
    return rules(lint(compose)[0])


def service(lines: str) -> str:
    return f"services:\n  a:\n    image: a:1\n    restart: always\n    mem_limit: 1g\n    {lines}\n"


def test_a_bad_file_gives_exactly_what_its_comments_expect() -> None:
    findings, facts = lint(STACK)
    assert seen(findings) == expected(STACK)
    assert facts == {"service_count": 3, "services": ["web", "db", "proxy"], "volumes": 1, "networks": 0}
    complete(lambda: findings)


def test_a_good_file_gives_nothing() -> None:
    assert lint(CLEAN)[0] == []


def test_a_secret_is_never_echoed() -> None:
    wrong = service("environment: {A_PASSWORD: hunter2, OTHER: [sesame]}")
    for compose in (STACK, wrong):
        output = COMPOSE_LINT.run(COMPOSE_LINT.read({"compose": compose}), NOWHERE)
        assert output.data["counts"]["warning"]
        assert "hunter2" not in str(output) and "sesame" not in str(output)


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ("prots: ['80:80']", "unknown-field"),
        ("ports: ['80:80', '80:8080']", "port-collision"),
        ("ports: [{target: 5432, published: '5432'}]", "database-exposed"),
        ("ports: ['0.0.0.0:${PORT:-6379}:6379']", "database-exposed"),
        ("ports: ['70000:80']", "port-range"),
        ("ports: [3306:33]", "port-unquoted"),
        ("volumes: [/etc:/host/etc:ro]", "host-mount-read-only"),
        ("volumes: [{type: bind, source: /, target: /host}]", "host-mount"),
        ("volumes: [{type: volume, source: x, target: /x}]", "unknown-volume"),
        ("secrets: [{source: x, target: y}]", "unknown-secret"),
        ("configs: [x]", "unknown-config"),
        ("networks: {x: {aliases: [y]}}", "unknown-network"),
        ("network_mode: service:b", "unknown-service"),
        ("network_mode: host", "host-network"),
        ("network_mode: none\n    networks: [default]", "network-mode-and-networks"),
        ("extends: b", "unknown-service"),
        ("links: ['b:c']", "unknown-service"),
        ("depends_on: [a]", "dependency-cycle"),
        ("cap_add: [SYS_ADMIN]", "capabilities-added"),
        ("security_opt: ['seccomp:unconfined']", "unconfined"),
        ("environment: ['URL=postgres://me:swordfish@db/x']", "secret-in-env"),
        ("environment: {DB_PASSWORD: <redacted:password>}", "secret-in-env"),
        ("restart: 5", "schema"),
        ("image: b:2", "duplicate-key"),
        ("command: $$X ${Y}", "variable-without-default"),
        ("restart: allways", "invalid-value"),
        ("mem_limit: 512megs", "invalid-value"),
        ("shm_size: 64mbit", "invalid-value"),
        ("cpus: two", "invalid-value"),
        ("deploy: {resources: {limits: {memory: lots}}}", "invalid-value"),
        ("container_name: same\n  b: {image: 'b:1', container_name: same}", "container-name-twice"),
        ("ports: ['8000-8010:8000-8009']", "port-range"),
        ("volumes: ['~/.ssh:/root/.ssh:ro']", "host-keys"),
        ("volumes: [/root/.kube:/k]", "host-keys"),
        ("volumes: ['${HOME}/.aws:/aws']", "host-keys"),
        ("volumes: [/var/lib/docker:/d]", "host-mount"),
        (f"command: --token {TOKEN}", "secret-in-text"),
        (f"build: {{context: ., args: {{NPM_TOKEN: {TOKEN}}}}}", "secret-in-text"),
    ],
)
def test_a_service_shows_what_is_wrong_with_it(lines: str, rule: str) -> None:
    assert rule in of(service(lines))


@pytest.mark.parametrize(
    "lines",
    [
        "ports: ['127.0.0.1:5432:5432', '[::1]:3306:3306']",
        "ports: ['8000-8010:80', '80', 9000]",
        "ports: ['80:80/tcp', '80:80/udp']",
        "ports: ['127.0.0.1:80:80', '127.0.0.2:80:80']",
        "volumes: ['./etc:/etc', '~/x:/y', '/data', 'C:\\x:/y', '/etc/localtime:/etc/localtime:ro']",
        "environment: {DB_PASSWORD: '${DB_PASSWORD:?}', PASSWORD_FILE: /run/x, TOKEN: ''}",
        "command: '${A:-b} ${C?d} $$E ${F:-${G:-h}}'",
        "depends_on: {other: {condition: service_started, required: false}}",
        "ports: !reset null",
        "x-anything: {a: 1}",
        "mem_reservation: 1.5 GiB\n    memswap_limit: '-1'\n    shm_size: '${SIZE:-64mb}'\n    cpus: '.5'",
        "shm_size: '${SIZE:?}'",
        "container_name: same\n  b: {image: 'b:1', mem_limit: 1g, container_name: same, profiles: [x]}",
        "ports: ['8000-8010:9000-9010']",
        "volumes: ['./.docker:/x', '~/.ssh/known_hosts:/k:ro']",
        "working_dir: ${HOME}/${PWD}/$USER",
    ],
)
def test_what_is_right_is_left_alone(lines: str) -> None:
    assert of(service(lines)) == set()


def test_names_of_an_included_file_are_trusted() -> None:
    assert of("include: [other.yaml]\n" + service("volumes: ['x:/x']\n    depends_on: [y]")) == set()


@pytest.mark.parametrize(("subnet", "bad"), [("10.0.0.0/33", True), ("10.5.0.0/16", False), ("${NET:?}", False)])
def test_the_subnet_of_a_network_is_read(subnet: str, bad: bool) -> None:
    network = f"networks: {{default: {{ipam: {{config: [{{subnet: '{subnet}'}}]}}}}}}\n"
    assert ("invalid-value" in of(service("init: true") + network)) is bad


@pytest.mark.parametrize("policy", ['"no"', "always", "on-failure:5", "unless-stopped", "'${RESTART:-no}'"])
def test_a_restart_policy_that_docker_knows_is_left_alone(policy: str) -> None:
    assert of(service("init: true").replace("restart: always", f"restart: {policy}")) == set()


def test_a_secret_is_told_once() -> None:
    assert of(service(f"environment: {{API_TOKEN: {TOKEN}}}")) == {"secret-in-env"}


def test_a_dependency_on_a_service_of_a_profile_is_told() -> None:
    both = service("depends_on: [b]") + "  b: {image: 'b:1', mem_limit: 1g, profiles: [debug]}\n"
    assert of(both) == {"depends-on-profile"}


def test_a_health_check_that_is_off_can_never_be_waited_for() -> None:
    waits = service("depends_on: {b: {condition: service_healthy}}")
    off = waits + "  b: {image: 'b:1', restart: always, mem_limit: 1g, healthcheck: {disable: true}}\n"
    assert rules(lint(off)[0], "error") == {"health-condition"}


WRONG = """\
volumes: [1]
services:
  a: null
  b: 5
  c: {image: [1], ports: {a: 1}, volumes: [1], environment: [1, [2]], depends_on: 5, networks: [[1]]}
  d: {deploy: 5, healthcheck: [1], cap_add: [[1]], extends: [1], links: {a: 1}, security_opt: [[1]]}
"""
HOSTILE = {
    "many services": "services:\n" + "".join(f"  s{n}: {{depends_on: [s{n + 1}], y: 1}}\n" for n in range(4000)),
    "many ports": "services:\n  a:\n    ports: [" + '"80:80",' * 15_000 + "]",
    "variables without end": f"services: {{a: {{image: '{'${' * 60_000}', ports: ['${{{'a' * 100_000}']}}}}",
    "many unknown keys": "services:\n  a:\n" + "".join(f"    k{n}: 1\n" for n in range(12_000)),
    "not to be compared": f"services: {{a: {{image: x, dns: [{','.join(f'{{a: {n}}}' for n in range(9000))}]}}}}",
    "wrong types": WRONG,
    "two documents": "services: {}\n---\nservices: {}\n",
    "other text": "Dear operator, my stack is broken.",
    "another file": "kind: Pod",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_survived(text: str) -> None:
    survives(COMPOSE_LINT, "compose", text)


@pytest.mark.parametrize("raw", [{}, {"compose": ""}, {"compose": 5}, {"compose": "x" * 10_000_000}])
def test_input_out_of_bounds_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(ToolError):
        COMPOSE_LINT.read(raw)
