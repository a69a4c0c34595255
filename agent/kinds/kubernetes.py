"""Connect a Kubernetes cluster: by a kubeconfig's text, or by its address and a token."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from agent.kinds.kubernetes_config import from_kubeconfig
from agent.kinds.kubernetes_keys import checked_ca, checked_token, expiry_and_subject
from agent.tools.kubernetes.client import ApiError, Cluster, cluster_of
from agent.tools.kubernetes.reading import words
from agent.types import Kind, Reach, SettingField, ToolError

KUBECONFIG_MAX = 200_000
_KEYS = ("kubeconfig", "server", "token", "ca")
_TAIL_SHOWN_FROM = 20


def read(raw: object) -> dict[str, str]:
    """Return the settings that are stored: server, token or client certificate, ca, namespace, context."""
    given = _given(raw)
    if "kubeconfig" in given:
        if len(given) > 1:
            raise ToolError("Give either the kubeconfig or server and token, not both.")
        found = from_kubeconfig(given["kubeconfig"])
    else:
        found = _from_fields(given)
    return {**found, "server": checked_server(found["server"])}


def _given(raw: object) -> dict[str, str]:
    """Return what was filled in; a form sends empty fields too."""
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise ToolError("The settings must be a JSON object.")
    unknown = [key[:40] for key in raw if key not in _KEYS]
    if unknown:
        raise ToolError(f"A Kubernetes connection has no setting `{unknown[0]}`; it has {', '.join(_KEYS)}.")
    for key, value in raw.items():
        if value is not None and not isinstance(value, str):
            raise ToolError(f"`{key}` must be text.")
        if value and len(value) > KUBECONFIG_MAX:
            raise ToolError(f"`{key}` is longer than {KUBECONFIG_MAX:,} characters.")
    return {key: value.strip() for key, value in raw.items() if value and value.strip()}


def _from_fields(given: Mapping[str, str]) -> dict[str, str]:
    for key in ("server", "token"):
        if key not in given:
            raise ToolError(f"`{key}` is missing. Give a kubeconfig, or server and token.")
    found = {"server": given["server"], "token": checked_token(given["token"]), "namespace": "default"}
    return found | ({"ca": checked_ca(given["ca"])} if "ca" in given else {})


def checked_server(server: str) -> str:
    """Return the API's address if it is a plain https one; raises ToolError."""
    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError:
        raise ToolError("The server is no address. Write it like https://203.0.113.10:6443.") from None
    if parts.scheme == "http":
        raise ToolError("The server must be reached by https: a token must not travel in the open.")
    odd = not server.isascii() or not server.isprintable() or " " in server or "\\" in server or len(server) > 500
    if parts.scheme != "https" or not parts.hostname or odd or port == 0:
        raise ToolError("The server is no address. Write it like https://203.0.113.10:6443.")
    if parts.username is not None or parts.password is not None:
        raise ToolError("The server's address must not hold a user name or password.")
    if "?" in server or "#" in server or ".." in parts.path or "%" in parts.path:
        raise ToolError("The server's address must end with its host, port or a plain path.")
    return server.rstrip("/")


def mask(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what may be shown of stored settings."""
    shown = {key: settings[key] for key in ("server", "context", "namespace") if settings.get(key)}
    token = settings.get("token")
    if token:
        shown["token"] = f"****{token[-4:]}" if len(token) > _TAIL_SHOWN_FROM else "****"
    if settings.get("client_certificate"):
        expiry, subject = expiry_and_subject(settings["client_certificate"])
        shown["certificate"] = f"{subject}, expires {expiry:%Y-%m-%d}"
    return shown


def probe(reach: Reach) -> dict[str, str]:
    """Ask the cluster its version and whether these credentials count; raises ToolError."""
    cluster = cluster_of(reach)
    found = {"version": _version(cluster)}
    try:
        cluster.get("api", "v1", "namespaces", params={"limit": "1"})
        found["access"] = "may list namespaces"
    except ApiError as error:
        if error.status != 403:
            raise
        found["access"] = "may not list namespaces"
    return found


def _version(cluster: Cluster) -> str:
    """Return the version; a cluster that keeps it from these credentials is a cluster all the same."""
    try:
        answer = cluster.get("version")
    except ApiError as error:
        if error.status == 403:
            return "unknown"
        raise
    version = words(answer, "gitVersion", longest=60)
    if not version:
        raise ToolError("The server answers, but not as a Kubernetes API does. Check its address.")
    return version


KUBERNETES = Kind(
    name="kubernetes",
    title="Kubernetes",
    fields=(
        SettingField(
            "kubeconfig",
            "Kubeconfig",
            secret=True,
            multiline=True,
            help="The text of a kubeconfig with inline data. Commands in it (exec) are never run. Or fill in the rest.",
        ),
        SettingField("server", "API server", help="Such as https://203.0.113.10:6443"),
        SettingField("token", "Service account token", secret=True),
        SettingField("ca", "Certificate authority", multiline=True, help="PEM text, for a cluster with its own CA"),
    ),
    read=read,
    mask=mask,
    probe=probe,
    secrets=("token", "client_key"),
    help=(
        "Make a service account that may only read: kubectl -n kube-system create serviceaccount devops-agent; "
        "kubectl create clusterrolebinding devops-agent --clusterrole=view "
        "--serviceaccount=kube-system:devops-agent; kubectl -n kube-system create token devops-agent "
        "--duration=8760h. Scaling and restarting also need patch on deployments and deployments/scale."
    ),
)
