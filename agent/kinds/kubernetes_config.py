"""Read a kubeconfig as data: nothing in it is run, and no file that it names is opened."""

from typing import Any

from agent.kinds.kubernetes_keys import checked_authority, checked_pair, checked_token, decoded
from agent.tools.kubernetes.reading import Json, clean
from agent.tools.kubernetes.resources import is_namespace
from agent.types import ToolError
from agent.yaml_input import read_documents

_INLINE = (
    "is the path of a file, which this server does not open. "
    "Put its contents inline with `kubectl config view --raw --flatten --minify`."
)
# Each key of a cluster or user that is refused, and why, in one sentence.
_NOT_IN_CLUSTERS = {
    "certificate-authority": f"`certificate-authority` {_INLINE}",
    "proxy-url": "`proxy-url` is not supported: the connection is made directly.",
    "tls-server-name": "`tls-server-name` is not supported: the server must show a certificate for its own address.",
}
_NOT_IN_USERS = {
    "exec": "The user's credentials come from a command (`exec`), which this server never runs. Use a token instead.",
    "auth-provider": "`auth-provider` is not supported. Use a service account's token instead.",
    "client-certificate": f"`client-certificate` {_INLINE}",
    "client-key": f"`client-key` {_INLINE}",
    "tokenFile": f"`tokenFile` {_INLINE}",
    "username": "User name and password are not supported. Use a token or a client certificate.",
    "password": "User name and password are not supported. Use a token or a client certificate.",
    "as": "Acting as someone else (`as`) is not supported.",
    "as-uid": "Acting as someone else (`as-uid`) is not supported.",
    "as-groups": "Acting as someone else (`as-groups`) is not supported.",
    "as-user-extra": "Acting as someone else (`as-user-extra`) is not supported.",
}


def from_kubeconfig(text: str) -> dict[str, str]:
    """Return the current context's server and credentials as flat settings; raises ToolError."""
    config = _document(text)
    context_name, context = _context(config)
    cluster = _named(config, "clusters", "cluster", _required(context, "cluster", "context"))
    user = _named(config, "users", "user", _required(context, "user", "context"))
    found = {"server": _required(cluster, "server", "cluster"), "context": clean(context_name, 200)}
    found["namespace"] = _text(context, "namespace") or "default"
    if not is_namespace(found["namespace"]):
        raise ToolError("The namespace of the kubeconfig's context is no name of a namespace.")
    return found | _trust(cluster) | _credentials(user)


def _document(text: str) -> Json:
    documents = read_documents(text, what="kubeconfig")
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        raise ToolError("The kubeconfig must be one YAML document with clusters, users and contexts.")
    if documents[0].duplicates:
        raise ToolError("The kubeconfig says the same key twice in one place, so that it can be read in two ways.")
    config: Json = documents[0].value
    if config.get("kind", "Config") != "Config" or not isinstance(config.get("clusters"), list):
        raise ToolError("This is no kubeconfig: it has no list of clusters.")
    return config


def _context(config: Json) -> tuple[str, Json]:
    """Return the current context; a file that names none but has only one means that one."""
    current = _text(config, "current-context")
    if not current:
        names = [_text(one, "name") for one in _entries(config, "contexts")]
        if len(names) != 1:
            raise ToolError(f"The kubeconfig has {len(names)} contexts and no `current-context`. Say which one to use.")
        current = names[0]
    return current, _named(config, "contexts", "context", current)


def _entries(config: Json, section: str) -> list[Json]:
    found = config.get(section)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _named(config: Json, section: str, key: str, name: str) -> Json:
    """Return the entry of this name; as in kubectl the first one counts."""
    for one in _entries(config, section):
        if one.get("name") == name:
            found: Any = one.get(key)
            if isinstance(found, dict):
                return found
            raise ToolError(f"The {key} `{clean(name, 60)}` of the kubeconfig is empty.")
    raise ToolError(f"The kubeconfig has no {key} called `{clean(name, 60)}`.")


def _text(entry: Json, key: str) -> str:
    value = entry.get(key)
    if value is not None and not isinstance(value, str):
        raise ToolError(f"`{key}` of the kubeconfig must be text.")
    return (value or "").strip()


def _required(entry: Json, key: str, what: str) -> str:
    found = _text(entry, key)
    if not found:
        raise ToolError(f"The {what} of the kubeconfig has no `{key}`.")
    return found


def _refuse(entry: Json, refused: dict[str, str]) -> None:
    for key, why in refused.items():
        if entry.get(key) not in (None, "", [], {}):
            raise ToolError(why)


def _trust(cluster: Json) -> dict[str, str]:
    _refuse(cluster, _NOT_IN_CLUSTERS)
    if cluster.get("insecure-skip-tls-verify") not in (None, False):
        raise ToolError("`insecure-skip-tls-verify` is not supported: give the cluster's certificate authority.")
    data = _text(cluster, "certificate-authority-data")
    what = "`certificate-authority-data`"
    return {"ca": checked_authority(decoded(data, what), what)} if data else {}


def _credentials(user: Json) -> dict[str, str]:
    _refuse(user, _NOT_IN_USERS)
    found = {}
    if token := _text(user, "token"):
        found["token"] = checked_token(token, "`token`")
    certificate, key = _text(user, "client-certificate-data"), _text(user, "client-key-data")
    if bool(certificate) != bool(key):
        raise ToolError("`client-certificate-data` and `client-key-data` only work together; one of them is missing.")
    if certificate:
        found["client_certificate"], found["client_key"] = checked_pair(
            decoded(certificate, "`client-certificate-data`"), decoded(key, "`client-key-data`")
        )
    if not found:
        raise ToolError("The user of the kubeconfig has neither a token nor a client certificate.")
    return found
