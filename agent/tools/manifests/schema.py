"""Check Kubernetes objects against the schemas of a version, which come with the package kubernetes-validate."""

import json
import re
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource

from agent.lint import Report, dig
from agent.schema_check import violations
from agent.tools.manifests.objects import KObject
from agent.tools.manifests.removed import removed
from agent.types import ToolError

_SCHEMAS = files("kubernetes_validate") / "kubernetes-json-schema"
_FOLDER = re.compile(r"v1\.(\d+)\.\d+-local-strict")
_WANTED = re.compile(r"v?1\.(\d{1,3})(?:\.\d{1,3})?(?:[-+].{0,40})?")


@lru_cache
def _folders() -> dict[int, Traversable]:
    found = [(_FOLDER.fullmatch(folder.name), folder) for folder in _SCHEMAS.iterdir()]
    return {int(match.group(1)): folder for match, folder in sorted(found, key=str) if match}


def minor_of(version: str | None) -> int:
    """Return the minor version to check against; raises ToolError for one that is not bundled."""
    known = sorted(_folders())
    if version is None:
        return known[-1]
    match = _WANTED.fullmatch(version.strip())
    if not match or int(match.group(1)) not in known:
        raise ToolError(
            f"No schemas for Kubernetes `{version[:20]}`; versions 1.{known[0]} to 1.{known[-1]} are known. Give one "
            'such as "1.31".'
        )
    return int(match.group(1))


@lru_cache(maxsize=3)
def _registry(minor: int) -> Any:
    definitions: dict[str, Any] = json.loads((_folders()[minor] / "_definitions.json").read_bytes())
    return Resource.from_contents(definitions) @ Registry()


@lru_cache(maxsize=3)
def _names(minor: int) -> frozenset[str]:
    return frozenset(entry.name for entry in _folders()[minor].iterdir())


@lru_cache(maxsize=256)
def _validator(minor: int, api_version: str, kind: str) -> Any:
    """Return the validator of a kind, or None if it is not one of Kubernetes' own."""
    group, _, version = api_version.rpartition("/")
    short = group.partition(".")[0]
    # The name is made of the user's words, so it is only looked up among those that exist.
    name = f"{kind.lower()}-{f'{short}-' if short else ''}{version}.json"
    if name not in _names(minor):
        return None
    schema = json.loads((_folders()[minor] / name).read_bytes())
    itself = {"group": group, "version": version, "kind": kind}
    if itself not in schema.get("x-kubernetes-group-version-kind", []):
        return None
    return Draft202012Validator(schema, registry=_registry(minor))


@lru_cache(maxsize=3)
def _kinds(minor: int) -> dict[str, set[str]]:
    """Return the API versions of each kind, for hints."""
    found: dict[str, set[str]] = {}
    for definition in dig(_registry(minor).contents("https://kubernetes.io/api/_definitions.json"), "$defs").values():
        for one in definition.get("x-kubernetes-group-version-kind", []):
            group = f"{one['group']}/" if one["group"] else ""
            found.setdefault(one["kind"], set()).add(f"{group}{one['version']}")
    return found


def is_own_kind(api_version: str, kind: str) -> bool:
    """Whether the kind is one of Kubernetes itself, in the newest bundled version or removed since."""
    return bool(removed(api_version, kind)) or api_version in _kinds(minor_of(None)).get(kind, ())


def check_schema(report: Report, one: KObject, minor: int) -> bool:
    """Report what does not fit the schema; return whether the kind was known."""
    if not _has_a_kind(report, one):
        return False
    gone = removed(one.api_version, one.kind)
    validator = _validator(minor, one.api_version, one.kind)
    if gone and (gone.minor <= minor or validator is None):
        _gone(report, one, "removed", f"since Kubernetes 1.{gone.minor}", gone.replacement, gone.also)
        return False
    if gone:
        _gone(report, one, "deprecated", f"and removed in Kubernetes 1.{gone.minor}", gone.replacement, gone.also)
    if validator is None:
        _unknown(report, one, minor)
        return False
    for violation in violations(validator, one.value):
        rule = "unknown-field" if violation.unknown else "schema"
        path = one.at(*violation.path)
        report.add(rule, one.document, path, violation.message, owner=one.label, fix=violation.fix)
    return True


def _has_a_kind(report: Report, one: KObject) -> bool:
    missing = [key for key, value in (("apiVersion", one.api_version), ("kind", one.kind)) if not value]
    if missing:
        words = " and ".join(f"`{key}`" for key in missing)
        report.add("no-kind", one.document, one.path, f"The object has no {words}.", owner=one.label)
    return not missing


def _gone(report: Report, one: KObject, word: str, since: str, replacement: str, also: str) -> None:
    message = f"`{one.api_version}` of {one.kind} is {word} {since}."
    use = f"Use `apiVersion: {replacement}`." if replacement else f"{one.kind} has no replacement of the same kind."
    report.add(f"api-{word}", one.document, one.at("apiVersion"), message, owner=one.label, fix=f"{use} {also}".strip())


def _unknown(report: Report, one: KObject, minor: int) -> None:
    """Report a kind without a schema: a wrong version of a known kind, a misspelt kind, or a custom resource."""
    kinds = _kinds(minor)
    shown = one.kind[:60]
    message = f"Kubernetes 1.{minor} has no {shown} in `{one.api_version[:60]}`."
    group = one.api_version.rpartition("/")[0]
    if group not in {version.rpartition("/")[0] for versions in kinds.values() for version in versions}:
        message = f"{shown} of `{one.api_version[:60]}` is a custom resource; its fields were not checked."
        report.add("not-checked", one.document, one.at("kind"), message, owner=one.label)
    elif one.kind in kinds:
        fix = f"Use {', '.join(sorted(kinds[one.kind]))}."
        report.add("wrong-api-version", one.document, one.at("apiVersion"), message, owner=one.label, fix=fix)
    else:
        guess = (one.kind, kinds)
        report.add("wrong-kind", one.document, one.at("kind"), message, owner=one.label, guess=guess)
