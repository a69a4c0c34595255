"""Review Terraform code: its resources, providers, modules, backend and secrets."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from agent.findings import Finding
from agent.lint import printable
from agent.redaction import find_secrets
from agent.secret_judgement import is_secret, kind_of_name
from agent.tools.terraform.hcl import BadSyntax, Block, Expression, read
from agent.tools.terraform.network import Problem
from agent.tools.terraform.resources import of_lifecycle, of_resource, secrets_of
from agent.tools.terraform.rules import RULES

RESOURCES_LISTED = 60
_BUILT_IN = {"terraform"}
# Blocks that people give alone, and the resource in which they mostly stand.
_INNER = {
    "ingress": "aws_security_group",
    "dynamic": "aws_security_group",
    "security_rule": "azurerm_network_security_group",
    "statement": "aws_iam_policy_document",
    "root_block_device": "aws_instance",
    "ebs_block_device": "aws_instance",
    "metadata_options": "aws_instance",
    "vpc_config": "aws_eks_cluster",
}
_INTERPOLATION = re.compile(r"\$\{[^{}\"]+\}")
_REGISTRY = re.compile(r"[\w-]+/[\w-]+/[\w-]+(?://.*)?|[\w.-]+\.[a-z]+/[\w-]+/[\w-]+/[\w-]+(?://.*)?")
_COMMIT = re.compile(r"[?&]ref=|@[0-9a-f]{7,40}")


def review_code(text: str) -> tuple[dict[str, Any], list[Finding]]:
    """Return the facts and the findings of Terraform code."""
    try:
        blocks = read(text)
    except BadSyntax as error:
        broken = _finding(Problem("syntax-error", error.line, str(error)), "")
        return {"kind": "code", "resources": [], "resource_count": 0}, [broken]
    resources = [block for block in blocks if block.type == "resource" and len(block.labels) > 1]
    findings = [_finding(problem, path) for path, problem in _problems(blocks)]
    told = {finding.line for finding in findings if finding.rule == "hard-coded-secret"}
    for secret in find_secrets(text):
        if secret.line not in told:
            told.add(secret.line)
            problem = Problem("hard-coded-secret", secret.line, f"A secret stands in the text ({secret.kind}).")
            findings.append(_finding(problem, ""))
    counts = Counter(block.labels[0] for block in resources)
    facts = {
        "kind": "code",
        "resource_count": len(resources),
        "resources": [f"{block.labels[0]}.{block.labels[1]}"[:120] for block in resources[:RESOURCES_LISTED]],
        "types": dict(counts.most_common(30)),
        "modules": [printable(block.labels[0], 80) for block in blocks if block.type == "module" and block.labels][:30],
        "variables": sum(block.type == "variable" for block in blocks),
        "outputs": sum(block.type == "output" for block in blocks),
    }
    return facts, findings


def _finding(problem: Problem, path: str) -> Finding:
    rule = RULES[problem.rule]
    message = printable(problem.message)
    return Finding(problem.rule, rule.severity, message, rule.why, rule.fix, problem.line, printable(path, 120))


def _problems(blocks: list[Block]) -> Iterator[tuple[str, Problem]]:
    checks = {
        **dict.fromkeys(_INNER, _fragment),
        "": _fragment,
        "resource": _resource,
        "data": _data,
        "module": _module,
        "variable": _variable,
        "terraform": _terraform,
    }
    for block in blocks:
        path = ".".join(([] if block.type == "resource" else [block.type]) + list(block.labels))
        check = checks.get(block.type)
        for problem in [*(check(block) if check else ()), *secrets_of(block), *_old(block)]:
            yield path, problem
    for problem in _project(blocks):
        yield "", problem


def _fragment(block: Block) -> Iterator[Problem]:
    """Yield what is risky about a block that was given without its resource; what is only missing is not told."""
    kind = _INNER.get(block.type, "")
    whole = Block("resource", (kind,), None, {}, {}, [block])
    if block.type == "" and "from_port" in block.attributes:
        kind, whole = "aws_security_group_rule", replace(block, labels=("aws_security_group_rule",))
    if kind:
        name = f"`{block.type}`" if block.type else "A rule"
        yield Problem("fragment", block.line, f"{name} stands outside of a resource.")
        yield from (problem for problem in of_resource(kind, whole) if problem.line is not None)


def _resource(block: Block) -> Iterator[Problem]:
    kind = (block.labels or ("",))[0]
    yield from of_resource(kind, block)
    yield from of_lifecycle(kind, block)


def _data(block: Block) -> Iterator[Problem]:
    kind = (block.labels or ("",))[0]
    if kind == "aws_ami" and block.literal("most_recent") is True:
        if not block.get("owners"):
            yield Problem("ami-of-strangers", block.line, "The newest image is taken from any owner.")
        elif not block.blocks("filter") and not block.get("name_regex"):
            yield Problem("ami-not-filtered", block.line, "The newest image of the owner is taken without a filter.")
    if kind == "http":
        url = str(block.get("url"))
        rule = "plain-http" if url.startswith("http://") else "external-data"
        yield Problem(rule, block.line_of("url"), "Data is read from an address while planning.")
    if kind == "external":
        yield Problem("external-data", block.line, "A program is run while planning.")
    if kind == "template_file":
        yield Problem("deprecated", block.line, "data.template_file; use the function templatefile.")
    yield from of_resource(kind, block)


def _module(block: Block) -> Iterator[Problem]:
    source = block.get("source")
    if not isinstance(source, str) or isinstance(source, Expression) or source.startswith((".", "/")):
        return
    line = block.line_of("source")
    if source.startswith("http://"):
        yield Problem("plain-http", line, "The module is fetched without TLS.")
    if _REGISTRY.fullmatch(source) and not source.startswith(("github.com", "bitbucket.org")):
        if not block.get("version"):
            yield Problem("module-without-version", line, "A module of the registry has no version.")
    elif not _COMMIT.search(source) and not source.startswith(("s3::", "gcs::")):
        yield Problem("module-without-version", line, "The module's source names no ref.")


def _variable(block: Block) -> Iterator[Problem]:
    named = kind_of_name(block.labels[0]) if block.labels else None
    default = block.get("default")
    if named and isinstance(default, str) and not isinstance(default, Expression):
        if "<redacted:" in default or is_secret(default, named, placed=True, quoted=True):
            yield Problem("hard-coded-secret", block.line_of("default"), "The default of the variable is a secret.")


def _terraform(block: Block) -> Iterator[Problem]:
    for backend in block.blocks("backend"):
        name = (backend.labels or ("",))[0]
        if name == "local":
            yield Problem("local-backend", backend.line, "The state is kept in a local file.")
        if name == "s3":
            if backend.literal("encrypt") is False:
                yield Problem("state-not-encrypted", backend.line_of("encrypt"), "encrypt is false.")
            if not backend.get("use_lockfile") and not backend.get("dynamodb_table"):
                yield Problem("no-state-lock", backend.line, "The s3 backend has no lock.")
        if str(backend.get("address")).startswith("http://"):
            yield Problem("plain-http", backend.line_of("address"), "The state is sent without TLS.")
    for required in block.blocks("required_providers"):
        for name, value in required.attributes.items():
            version = value.get("version") if isinstance(value, dict) else value
            if not version:
                yield Problem(
                    "provider-without-version", required.line_of(name), f"Provider {name[:40]} has no version."
                )


def _project(blocks: list[Block]) -> Iterator[Problem]:
    """Yield what is missing in the whole; a part of a project without its terraform block is left alone."""
    yield from _twice(blocks)
    settings = [block for block in blocks if block.type == "terraform"]
    for block in blocks:
        if block.type == "provider" and block.get("version"):
            message = "`version` inside of a provider block; use required_providers."
            yield Problem("deprecated", block.line_of("version"), message)
    if not settings:
        return
    if not any(block.get("required_version") for block in settings):
        yield Problem("no-required-version", settings[0].line, "required_version is not set.")
    listed = {name for block in settings for one in block.blocks("required_providers") for name in one.attributes}
    used: dict[str, int | None] = {}
    for block in blocks:
        if block.type in ("resource", "data") and block.labels and not isinstance(block.get("provider"), str):
            used.setdefault(block.labels[0].partition("_")[0], block.line)
        elif block.type == "provider" and block.labels:
            used.setdefault(block.labels[0], block.line)
    for name, line in used.items():
        if listed and name not in listed | _BUILT_IN:
            yield Problem("provider-without-version", line, f"Provider {name[:40]} is not in required_providers.")


def _twice(blocks: list[Block]) -> Iterator[Problem]:
    first: dict[tuple[str, ...], int | None] = {}
    for block in blocks:
        address = (block.type, *block.labels)
        if block.type in ("resource", "data", "module", "variable", "output") and address in first:
            name = ".".join(address).removeprefix("resource.")[:100]
            yield Problem("same-address", block.line, f"`{name}` stands in line {first[address]} already.")
        first.setdefault(address, block.line)


def _old(block: Block) -> Iterator[Problem]:
    old = next(iter(_interpolations(block)), None)
    if old is not None:
        yield old


def _interpolations(block: Block) -> Iterable[Problem]:
    for name, value in block.attributes.items():
        if isinstance(value, str) and not isinstance(value, Expression) and _INTERPOLATION.fullmatch(value):
            yield Problem("old-interpolation", block.line_of(name), f"`{name[:60]}` is only an expression in quotes.")
