"""Judge names, labels, rights, Secrets and namespaces of Kubernetes objects."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any

from agent.lint import Report, dig, mapping, sequence, text
from agent.tools.manifests.objects import CLUSTER_WIDE, KObject
from agent.tools.manifests.schema import is_own_kind

_LABEL_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
# Their names may hold colons and other signs.
_CONFIG_KEY = re.compile(r"(?!\.\.?$|\.\.)[-._a-zA-Z0-9]{1,253}")
# The Jobs of a CronJob add eleven characters to its name.
_CRON_JOB_NAME_MAX = 52
_FREE_NAMES = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_OLD_ANNOTATIONS = {
    "kubernetes.io/ingress.class": "Use `spec.ingressClassName`.",
    "volume.beta.kubernetes.io/storage-class": "Use `spec.storageClassName`.",
    "seccomp.security.alpha.kubernetes.io/pod": "Use `securityContext.seccompProfile`.",
    "scheduler.alpha.kubernetes.io/critical-pod": "Use `priorityClassName`.",
    "storageclass.beta.kubernetes.io/is-default-class": "Use `storageclass.kubernetes.io/is-default-class`.",
    "service.alpha.kubernetes.io/tolerate-unready-endpoints": "Use `spec.publishNotReadyAddresses`.",
}
_SERVER_FIELDS = ("resourceVersion", "uid", "managedFields", "selfLink")
_EVERYONE = {"system:unauthenticated", "system:authenticated", "system:serviceaccounts", "system:anonymous"}


def check_others(report: Report, objects: Sequence[KObject]) -> None:
    """Report what is wrong with each object for itself, and objects that stand there twice."""
    seen: dict[tuple[str, str, str, str], KObject] = {}
    for one in objects:
        _name(report, one)
        _metadata(report, one)
        group = one.api_version.partition("/")[0] if "/" in one.api_version else ""
        key = (group, one.kind, one.namespace, one.name)
        if one.name and key in seen:
            line = seen[key].document.line_of(seen[key].path)
            _add(report, "duplicate-object", one, ("metadata", "name"), f"{one.label} stands in line {line} already.")
        seen.setdefault(key, one)
        if one.kind in ("Role", "ClusterRole"):
            _role(report, one)
        elif one.kind in ("RoleBinding", "ClusterRoleBinding"):
            _binding(report, one)
        elif one.kind in ("Secret", "ConfigMap"):
            _config_keys(report, one)
        if one.kind == "Secret":
            _secret(report, one)
    _namespaces(report, objects)


def _name(report: Report, one: KObject) -> None:
    name = one.dig("metadata", "name")
    if not is_own_kind(one.api_version, one.kind):
        return
    if name is None and not one.dig("metadata", "generateName"):
        _add(report, "no-name", one, ("metadata",), f"The {one.kind} has no name.")
    if not isinstance(name, str) or one.kind in _FREE_NAMES:
        return
    if "{{" in name:
        _add(report, "template", one, ("metadata", "name"), f"The name `{name[:80]}` is still a template.")
        return
    pattern = {"Service": _SERVICE_NAME, "Namespace": _LABEL_NAME}.get(one.kind, _SUBDOMAIN)
    if len(name) > 253 or not pattern.fullmatch(name):
        _add(report, "invalid-name", one, ("metadata", "name"), f"`{name[:80]}` is not a valid name of a {one.kind}.")
    elif one.kind == "CronJob" and len(name) > _CRON_JOB_NAME_MAX:
        message = f"The name has {len(name)} characters; a CronJob's may have {_CRON_JOB_NAME_MAX}."
        _add(report, "invalid-name", one, ("metadata", "name"), message)


def _metadata(report: Report, one: KObject) -> None:
    for key, value in mapping(one.dig("metadata", "labels")).items():
        if isinstance(value, str) and "{{" not in value and not _LABEL_VALUE.fullmatch(value):
            message = f"The value of the label `{key[:80]}` is not valid: `{value[:80]}`."
            _add(report, "invalid-label", one, ("metadata", "labels", key), message)
    for key in mapping(one.dig("metadata", "annotations")):
        if key in _OLD_ANNOTATIONS:
            message = f"The annotation `{key}` is deprecated."
            path = one.at("metadata", "annotations", key)
            fix = _OLD_ANNOTATIONS[key]
            report.add("deprecated-field", one.document, path, message, owner=one.label, fix=fix)
    written = [key for key in _SERVER_FIELDS if one.dig("metadata", key) is not None]
    if written:
        message = f"{one.label} holds {', '.join(written)}."
        _add(report, "server-fields", one, ("metadata", written[0]), message)


def _role(report: Report, one: KObject) -> None:
    for index, rule in enumerate(sequence(one.dig("rules"))):
        groups, resources, verbs = (
            {str(v) for v in sequence(dig(rule, k))} for k in ("apiGroups", "resources", "verbs")
        )
        wild = [name for name, values in (("resources", resources), ("verbs", verbs)) if "*" in values]
        if wild:
            everything = " of all API groups" if "*" in groups else ""
            message = f"{one.label} allows all {' and '.join(wild)}{everything}."
            _add(report, "rbac-wildcard", one, ("rules", index), message)
        risky = verbs & {"escalate", "bind", "impersonate"}
        if risky:
            message = f"{one.label} allows {', '.join(sorted(risky))}."
            _add(report, "rbac-escalation", one, ("rules", index, "verbs"), message)


def _binding(report: Report, one: KObject) -> None:
    for index, subject in enumerate(sequence(one.dig("subjects"))):
        if dig(subject, "kind") == "ServiceAccount" and not dig(subject, "namespace"):
            message = f"The service account `{text(dig(subject, 'name'))[:60]}` has no namespace."
            _add(report, "subject-namespace", one, ("subjects", index), message)
    if one.dig("roleRef", "name") != "cluster-admin":
        return
    subjects = [mapping(subject) for subject in sequence(one.dig("subjects"))]
    names = {text(subject.get("name")) for subject in subjects}
    wide = sorted(names & _EVERYONE) + (["the default service account"] if "default" in names else [])
    whom = ", ".join(wide or sorted(names)[:4]) or "nobody yet"
    severity = "error" if wide and one.kind == "ClusterRoleBinding" else "warning"
    message = f"{one.label} makes {whom} administrator of the cluster."
    path = one.at("roleRef", "name")
    report.add("cluster-admin", one.document, path, message, owner=one.label, severity=severity)


def _config_keys(report: Report, one: KObject) -> None:
    for part in ("data", "stringData", "binaryData"):
        for key in mapping(one.dig(part)):
            if not _CONFIG_KEY.fullmatch(key) and "{{" not in key:
                message = f"`{key[:60]}` is no valid key of a {one.kind}."
                _add(report, "config-key", one, (part, key), message)


def _secret(report: Report, one: KObject) -> None:
    data, plain = mapping(one.dig("data")), mapping(one.dig("stringData"))
    for key, value in data.items():
        if isinstance(value, str) and not _is_base64(value):
            _add(report, "secret-not-base64", one, ("data", key), f"The value of `{key[:60]}` is not base64.")
    if data or plain:
        message = f"{one.label} holds its values ({', '.join(list({**data, **plain})[:5])[:120]})."
        _add(report, "secret-in-manifest", one, ("data" if data else "stringData",), message)
    for key in _SECRET_KEYS.get(text(one.dig("type")), ()):
        if key not in data and key not in plain:
            message = f"A Secret of type {one.dig('type')} needs the key `{key}`."
            path, fix = one.at("type"), f"Add `{key}`."
            report.add("secret-keys", one.document, path, message, owner=one.label, fix=fix)


def _is_base64(value: str) -> bool:
    # Markers of what was hidden, and variables of templates, stand for a value that is not here.
    if value.startswith(("<", "$")):
        return True
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _namespaces(report: Report, objects: Sequence[KObject]) -> None:
    """Tell once of the objects without a namespace; a list of them would drown the rest."""
    without = [one for one in objects if _is_in_namespace(one) and not one.namespace]
    if without:
        first, others = without[0], len(without) - 1
        more = f", nor have {others} others" if others else ""
        _add(report, "default-namespace", first, ("metadata",), f"{first.label} has no namespace{more}.")
    for one in objects:
        if one.namespace == "default":
            _add(report, "default-namespace", one, ("metadata", "namespace"), f"{one.label} is in `default`.")


def _is_in_namespace(one: KObject) -> bool:
    return is_own_kind(one.api_version, one.kind) and one.kind not in CLUSTER_WIDE


def _add(report: Report, rule: str, one: KObject, keys: Sequence[Any], message: str) -> None:
    report.add(rule, one.document, one.at(*keys), message, owner=one.label)
