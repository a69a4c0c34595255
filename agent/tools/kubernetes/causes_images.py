"""Tell why an image can't be had: no such image, no right to it, or no way to the registry."""

import re

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.client import METADATA_ONLY
from agent.tools.kubernetes.reading import Json, at, name_of, rows, words
from agent.tools.kubernetes.resources import PODS, SECRETS, SERVICE_ACCOUNTS
from agent.types import ToolError

REASONS = {
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RegistryUnavailable",
    "ImageInspectError",
    "SignatureValidationFailed",
}

# The first match counts. Docker Hub says the same for an image that is private and for one that is not there.
_UNCLEAR = re.compile(r"(?i)repository does not exist or may require|insufficient_scope|pull access denied")
_AUTH = re.compile(
    r"(?i)unauthorized|\b401\b|\b403\b|forbidden|authentication required|no basic auth|authorization failed|"
    r"failed to authorize|access denied|denied:"
)
_RATE = re.compile(r"(?i)toomanyrequests|\b429\b|rate limit")
_PLATFORM = re.compile(r"(?i)no match for platform|no matching manifest|exec format")
_GONE = re.compile(r"(?i)not found|manifest unknown|does not exist|\b404\b|name unknown|no such image")
_DNS = re.compile(r"(?i)no such host|server misbehaving|name resolution")
_TLS = re.compile(r"(?i)x509|certificate|http response to https client")
_DISK = re.compile(r"(?i)no space left")
_LINE = re.compile(
    r"(?i)i/o timeout|connection refused|deadline exceeded|handshake timeout|no route|connection reset|EOF"
)

_KINDS: tuple[tuple[re.Pattern[str], str, str, str], ...] = (
    (
        _UNCLEAR,
        "the registry gives no access to it: it does not exist, or it is private and the pod has no valid login",
        "medium",
        "Check the image's name and tag. If the image is private, add a docker-registry secret to imagePullSecrets.",
    ),
    (
        _RATE,
        "the registry's rate limit is reached",
        "high",
        "Wait, log in to the registry with imagePullSecrets, or pull through a mirror.",
    ),
    (
        _AUTH,
        "the registry refuses the login: authentication failed",
        "high",
        "Create a docker-registry secret with a login that may pull this image, and name it in imagePullSecrets.",
    ),
    (
        _PLATFORM,
        "the image is not made for the processor of the node",
        "high",
        "Build the image for this platform (docker buildx --platform ...), or choose nodes by kubernetes.io/arch.",
    ),
    (
        _GONE,
        "the registry does not know it: not found",
        "high",
        "Correct the image's name or tag, or push this tag to the registry.",
    ),
    (
        _DNS,
        "the node cannot resolve the registry's name",
        "high",
        "Check the registry's host name for typing errors, and DNS on the node.",
    ),
    (
        _TLS,
        "the node does not trust the registry's certificate, or the registry does not speak TLS",
        "high",
        "Give the node's container runtime the registry's certificate authority, or configure it as insecure there.",
    ),
    (_DISK, "the node's disk is full", "high", "Free disk space on the node or give it a larger disk."),
    (
        _LINE,
        "the node cannot reach the registry",
        "medium",
        "Check the network between the nodes and the registry: firewall, proxy, NAT, and whether the registry is up.",
    ),
)


def explain_image(case: Case, pod: Json, status: Json, where: str) -> None:
    """Add why the image of this container can't be had."""
    reason = words(status, "state", "waiting", "reason")
    image = _image(pod, status)
    evidence = [(f"{where} status", f"{reason}: {words(status, 'state', 'waiting', 'message') or 'no message'}")]
    evidence += [fact for fact in _pull_events(case, pod, image) if fact[1][:250] not in evidence[0][1]]
    said = " ".join(fact for _, fact in evidence)
    if reason == "InvalidImageName":
        fix = "Write the image as registry/name:tag, in small letters and without a scheme such as https://."
        case.add(f"Image `{image}` has an invalid name.", evidence, fix)
    elif reason == "ErrImageNeverPull":
        fix = "Load the image onto the node, or set imagePullPolicy to IfNotPresent."
        case.add(f"Image `{image}` is not on the node, and imagePullPolicy Never forbids pulling it.", evidence, fix)
    else:
        _explain_pull(case, pod, image, evidence, said)


def _explain_pull(case: Case, pod: Json, image: str, evidence: list[Evidence], said: str) -> None:
    for pattern, why, confidence, fix in _KINDS:
        # The image's own name may hold words like these.
        if pattern.search(said.replace(image, "")):
            if pattern in (_AUTH, _UNCLEAR):
                evidence += _logins(case, pod)
            case.add(f"Image `{image}` cannot be pulled: {why}.", evidence, fix, confidence=confidence)
            return
    fix = "Read the events of the pod for the registry's own words, and try to pull the image by hand."
    case.add(f"Image `{image}` cannot be pulled.", evidence, fix, confidence="low")


def _image(pod: Json, status: Json) -> str:
    """Return the image as the pod's spec writes it; the status may hold another form."""
    name = status.get("name")
    every = rows(pod, "spec", "containers") + rows(pod, "spec", "initContainers")
    return next((words(one, "image") for one in every if one.get("name") == name), words(status, "image"))


def _pull_events(case: Case, pod: Json, image: str) -> list[Evidence]:
    """Return the events that hold the registry's own words, for this image before others."""
    events = [one for one in case.events(pod, PODS) if words(one, "reason") in ("Failed", "InspectFailed")]
    telling = [one for one in events if not words(one, "message").startswith("Error: ")]
    mine = [one for one in telling if image in words(one, "message", longest=2000)]
    return [case.event_fact(one) for one in (mine or telling)[:2]]


def _logins(case: Case, pod: Json) -> list[Evidence]:
    """Return which pull secrets the pod has and whether they exist; their contents are not asked for."""
    names = [words(one, "name") for one in rows(pod, "spec", "imagePullSecrets")]
    account = words(pod, "spec", "serviceAccountName", default="default")
    if not names:
        names = [words(one, "name") for one in rows(case.one(SERVICE_ACCOUNTS, account), "imagePullSecrets")]
    source = f"Pod {name_of(pod)} spec"
    if not names:
        return [(source, f"neither the pod nor its service account {account} has imagePullSecrets")]
    return [(source, f"imagePullSecrets `{name}`{_existence(case, name)}") for name in names[:3] if name]


def _existence(case: Case, name: str) -> str:
    case.note(f"whether Secret {name} exists")
    try:
        found = case.cluster.get(*SECRETS.path(case.namespace, name), accept=METADATA_ONLY)
    except ToolError as error:
        return ", which does not exist in this namespace" if getattr(error, "status", 0) == 404 else ""
    return ", which exists" if at(found, "metadata") else ""
