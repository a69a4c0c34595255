"""Connect a Kubernetes cluster: by a kubeconfig's text, or by its address and a token."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from agent.kinds.kubernetes_config import from_kubeconfig
from agent.kinds.kubernetes_keys import checked_ca, checked_token, expiry_and_subject
from agent.kinds.shapes import about, demand_privacy, masked, texts
from agent.tools.kubernetes.answers import ApiError
from agent.tools.kubernetes.client import Cluster, cluster_of
from agent.tools.kubernetes.reading import words
from agent.types import BadSetting, Kind, Reach, SettingField, ToolError

_FIELDS = (
    SettingField(
        "kubeconfig",
        "Kubeconfig",
        secret=True,
        multiline=True,
        help="The text of a kubeconfig with inline data. Commands in it (exec) are never run. Or fill in the rest.",
    ),
    SettingField(
        "server", "API server", help="Such as https://203.0.113.10:6443; by http only within your own network"
    ),
    SettingField("token", "Service account token", secret=True),
    SettingField("ca", "Certificate authority", multiline=True, help="PEM text, for a cluster with its own CA"),
)


def read(raw: object) -> dict[str, str]:
    """Return the settings that are stored: server, token or client certificate, ca, namespace, context."""
    given = texts(raw, _FIELDS)
    if "kubeconfig" not in given:
        return _from_fields(given)
    with about("kubeconfig"):
        if len(given) > 1:
            raise ToolError("Give either the kubeconfig or server and token, not both.")
        found = from_kubeconfig(given["kubeconfig"])
        found["server"] = checked_server(found["server"])
        if "client_certificate" in found and found["server"].startswith("http:"):
            raise ToolError("A client certificate only counts where the server is reached by https.")
        return found


def _from_fields(given: Mapping[str, str]) -> dict[str, str]:
    if not given:
        raise BadSetting({"kubeconfig": "Give a kubeconfig, or the API server and a token."})
    for key, label in (("server", "API server"), ("token", "Service account token")):
        if key not in given:
            raise BadSetting({key: f"{label} is missing. Give a kubeconfig, or server and token."})
    found = {"namespace": "default"}
    with about("server"):
        found["server"] = checked_server(given["server"])
    with about("token"):
        found["token"] = checked_token(given["token"], "The token")
    if "ca" in given:
        with about("ca"):
            found["ca"] = checked_ca(given["ca"])
    return found


def checked_server(server: str) -> str:
    """Return the API's address if it is a plain one, by http only within one's own network; raises ToolError."""
    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError:
        raise ToolError("The server is no address. Write it like https://203.0.113.10:6443.") from None
    odd = not server.isascii() or not server.isprintable() or " " in server or "\\" in server or len(server) > 500
    if parts.scheme not in ("http", "https") or not parts.hostname or odd or port == 0:
        raise ToolError("The server is no address. Write it like https://203.0.113.10:6443.")
    if parts.username is not None or parts.password is not None:
        raise ToolError("The server's address must not hold a user name or password.")
    if "?" in server or "#" in server or ".." in parts.path or "%" in parts.path:
        raise ToolError("The server's address must end with its host, port or a plain path.")
    demand_privacy(server, "The server")
    return server.rstrip("/")


def mask(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what may be shown of stored settings."""
    shown = {key: settings[key] for key in ("server", "context", "namespace") if settings.get(key)}
    token = settings.get("token")
    if token:
        shown["token"] = masked(token)
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
    fields=_FIELDS,
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
