"""Show services, configuration, nodes, volumes and the like as kubectl does."""

from datetime import datetime

from agent.tools.kubernetes.columns_workloads import Cell, Columns, some
from agent.tools.kubernetes.reading import (
    Json,
    at,
    clean,
    condition,
    count,
    flag,
    labels,
    rows,
    table,
    texts,
    whole,
    words,
)


def _service(found: Json, _now: datetime) -> dict[str, Cell]:
    inside = rows(found, "status", "loadBalancer", "ingress")
    outside = [words(one, "ip") or words(one, "hostname") for one in inside] + texts(found, "spec", "externalIPs")
    kind = words(found, "spec", "type", default="ClusterIP")
    missing = "<pending>" if kind == "LoadBalancer" else "<none>"
    return {
        "type": kind,
        "cluster_ip": words(found, "spec", "clusterIP", default="<none>"),
        "external_ip": words(found, "spec", "externalName") or ",".join(outside) or missing,
        "ports": ",".join(_port(one) for one in rows(found, "spec", "ports")) or "<none>",
        "selector": ",".join(f"{key}={value}" for key, value in labels(found, "spec", "selector").items()) or "<none>",
    }


def _port(port: Json) -> str:
    node = whole(port, "nodePort")
    return f"{count(port, 'port')}{f':{node}' if node else ''}/{words(port, 'protocol', default='TCP')}"


def _endpoints(found: Json, _now: datetime) -> dict[str, Cell]:
    parts = rows(found, "subsets")
    ready = [words(one, "ip") for part in parts for one in rows(part, "addresses")]
    waiting = sum(len(rows(part, "notReadyAddresses")) for part in parts)
    return {"endpoints": some(ready), "not_ready": waiting}


def _slice(found: Json, _now: datetime) -> dict[str, Cell]:
    addresses = [address for one in rows(found, "endpoints") for address in texts(one, "addresses")]
    ready = sum(at(one, "conditions", "ready") is not False for one in rows(found, "endpoints"))
    ports = [str(count(one, "port")) for one in rows(found, "ports")]
    return {"ports": ",".join(ports), "endpoints": some(addresses), "ready": ready}


def _ingress(found: Json, _now: datetime) -> dict[str, Cell]:
    hosts = [words(one, "host", default="*") for one in rows(found, "spec", "rules")]
    outside = [words(one, "ip") or words(one, "hostname") for one in rows(found, "status", "loadBalancer", "ingress")]
    return {
        "class": words(found, "spec", "ingressClassName", default="<none>"),
        "hosts": some(hosts),
        "address": ",".join(outside),
        "ports": "80, 443" if rows(found, "spec", "tls") else "80",
    }


def _configmap(found: Json, _now: datetime) -> dict[str, Cell]:
    keys = [*table(found, "data"), *table(found, "binaryData")]
    sizes = [
        len(one) for one in [*table(found, "data").values(), *table(found, "binaryData").values()] if type(one) is str
    ]
    return {"data": len(keys), "keys": some([clean(key, 60) for key in keys]), "characters": sum(sizes)}


def _secret(found: Json, _now: datetime) -> dict[str, Cell]:
    keys = [*table(found, "data")]
    return {"type": words(found, "type"), "data": len(keys), "keys": some([clean(key, 60) for key in keys])}


def _node(found: Json, _now: datetime) -> dict[str, Cell]:
    ready = {"True": "Ready", "False": "NotReady"}.get(words(condition(found, "Ready"), "status"), "Unknown")
    pressed = [
        words(one, "type")
        for one in rows(found, "status", "conditions")
        if one.get("status") == "True" and words(one, "type").endswith("Pressure")
    ]
    held = ["SchedulingDisabled"] if flag(found, "spec", "unschedulable") else []
    prefix = "node-role.kubernetes.io/"
    roles = [key.removeprefix(prefix) for key in labels(found, "metadata", "labels") if key.startswith(prefix)]
    return {
        "status": ",".join([ready, *pressed, *held]),
        "roles": ",".join(roles) or "<none>",
        "version": words(found, "status", "nodeInfo", "kubeletVersion"),
        "cpu": words(found, "status", "allocatable", "cpu"),
        "memory": words(found, "status", "allocatable", "memory"),
    }


def _namespace(found: Json, _now: datetime) -> dict[str, Cell]:
    return {"status": words(found, "status", "phase")}


def _claim(found: Json, _now: datetime) -> dict[str, Cell]:
    return {
        "status": words(found, "status", "phase"),
        "volume": words(found, "spec", "volumeName"),
        "capacity": words(found, "status", "capacity", "storage"),
        "access_modes": ",".join(texts(found, "spec", "accessModes")),
        "storage_class": words(found, "spec", "storageClassName", default="<unset>"),
    }


def _volume(found: Json, _now: datetime) -> dict[str, Cell]:
    claim = table(found, "spec", "claimRef")
    return {
        "capacity": words(found, "spec", "capacity", "storage"),
        "access_modes": ",".join(texts(found, "spec", "accessModes")),
        "reclaim_policy": words(found, "spec", "persistentVolumeReclaimPolicy"),
        "status": words(found, "status", "phase"),
        "claim": f"{words(claim, 'namespace')}/{words(claim, 'name')}" if claim else "",
        "storage_class": words(found, "spec", "storageClassName", default="<unset>"),
    }


def _storage_class(found: Json, _now: datetime) -> dict[str, Cell]:
    default = labels(found, "metadata", "annotations").get("storageclass.kubernetes.io/is-default-class") == "true"
    return {
        "default": str(default),
        "provisioner": words(found, "provisioner"),
        "binding": words(found, "volumeBindingMode", default="Immediate"),
    }


def _quota(found: Json, _now: datetime) -> dict[str, Cell]:
    used = labels(found, "status", "used")
    hard = labels(found, "status", "hard")
    return {"used": ", ".join(f"{key}: {used.get(key, '0')}/{limit}" for key, limit in [*hard.items()][:12])}


def _account(found: Json, _now: datetime) -> dict[str, Cell]:
    return {"secrets": len(rows(found, "secrets")), "pull_secrets": len(rows(found, "imagePullSecrets"))}


def _policy(found: Json, _now: datetime) -> dict[str, Cell]:
    chosen = labels(found, "spec", "podSelector", "matchLabels")
    return {"pod_selector": ",".join(f"{key}={value}" for key, value in chosen.items()) or "<none>"}


OTHERS: dict[str, Columns] = {
    "services": _service,
    "endpoints": _endpoints,
    "endpointslices": _slice,
    "ingresses": _ingress,
    "configmaps": _configmap,
    "secrets": _secret,
    "nodes": _node,
    "namespaces": _namespace,
    "persistentvolumeclaims": _claim,
    "persistentvolumes": _volume,
    "storageclasses": _storage_class,
    "resourcequotas": _quota,
    "serviceaccounts": _account,
    "networkpolicies": _policy,
}
