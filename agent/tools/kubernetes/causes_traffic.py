"""Tell why traffic does not arrive: an ingress without its backend, a service without endpoints."""

from collections.abc import Iterator

from agent.tools.kubernetes.case import Case, Evidence, Found
from agent.tools.kubernetes.causes_pods import explain_pods
from agent.tools.kubernetes.client import METADATA_ONLY
from agent.tools.kubernetes.pod_status import is_ready
from agent.tools.kubernetes.reading import Json, at, clean, count, labels, name_of, rows, table, texts, words
from agent.tools.kubernetes.resources import INGRESS_CLASSES, INGRESSES, PODS, SECRETS, SERVICES, SLICES
from agent.types import ToolError

BACKENDS_MAX = 6


def explain_service(case: Case, service: Json) -> None:
    """Add why a service has nowhere to send its traffic to."""
    name, selector = name_of(service), labels(service, "spec", "selector")
    shown = ",".join(f"{key}={value}" for key, value in selector.items())
    if words(service, "spec", "type") == "ExternalName":
        case.good.append((f"Service {name} spec", f"points to {words(service, 'spec', 'externalName')}"))
        return
    pods = case.several(PODS, labels=shown, decides=True) if selector else Found([])
    case.facts["selector"] = shown or "none"
    if pods.items:
        _explain_ports(case, service, pods.items)
    slices = case.several(SLICES, labels=f"kubernetes.io/service-name={name}", decides=True)
    ready, waiting = _endpoints(slices.items)
    if ready or slices.whole:
        case.facts |= {"endpoints_ready": ready, "endpoints_not_ready": waiting}
        case.good.append((f"EndpointSlices of {name}", f"{ready} ready, {waiting} not ready"))
    if not ready and slices.whole:
        _explain_emptiness(case, service, shown, pods, waiting)
    elif waiting or not slices.whole:
        explain_pods(case, pods.items)
    _explain_balancer(case, service)


def _endpoints(slices: list[Json]) -> tuple[int, int]:
    """Return how many pods take traffic, and how many do not; one with two addresses stands in two slices."""
    states: dict[str, bool] = {}
    for one in [one for part in slices for one in rows(part, "endpoints")]:
        about = words(one, "targetRef", "name") or " ".join(texts(one, "addresses"))
        states[about] = states.get(about, False) or at(one, "conditions", "ready") is not False
    return sum(states.values()), len(states) - sum(states.values())


def _explain_emptiness(case: Case, service: Json, selector: str, pods: Found, waiting: int) -> None:
    name, ready = name_of(service), sum(map(is_ready, pods.items))
    evidence: list[Evidence] = [(f"EndpointSlices of {name}", f"0 ready, {waiting} not ready")]
    evidence.append((f"Service {name} spec", f"selector {selector or 'none'}"))
    if not selector:
        fix = "Give it a selector that fits the pods' labels, or make an EndpointSlice by hand."
        case.add(f"Service {name} has no selector and no endpoints.", evidence, fix)
    elif not pods.items and not pods.whole:
        fix = "Let the role of the connection list pods, and ask again."
        cause = f"Service {name} has no endpoints; its pods could not be looked at."
        case.add(cause, evidence, fix, confidence="medium")
    elif not pods.items:
        evidence += _nearest(case, labels(service, "spec", "selector"))
        fix = "Make the service's selector and the labels of the pods' template equal, or start the pods."
        case.add(f"Service {name} has no endpoints: no pod has the labels {selector}.", evidence, fix)
    else:
        evidence.append((f"Pods with {selector}", f"{len(pods.items)} pods, {ready} ready"))
        fix = "Get the pods ready; their causes are listed beside this one."
        why = f"none of its {len(pods.items)} pods is ready"
        if ready:
            why = f"{ready} of its pods are ready, and the cluster has not taken them up"
            fix = "Ask again in a minute; if it stays, see whether the controller manager of the cluster runs."
        case.add(f"Service {name} has no endpoints: {why}.", evidence, fix, confidence="medium" if ready else "high")
        explain_pods(case, pods.items)


def _nearest(case: Case, selector: dict[str, str]) -> list[Evidence]:
    """Return the labels of pods that share a key with the selector, or are named like its values."""
    found, every = [], case.several(PODS)
    for pod in every.items:
        own = labels(pod, "metadata", "labels")
        alike = [f"{key}={own[key]}" for key in selector if key in own]
        if alike:
            found.append(", ".join(alike))
    different = [*dict.fromkeys(found)]
    if not different and not every.whole:
        return []
    fact = f"have {'; '.join(different[:6])}" if different else "none has these label keys"
    return [(f"Pods in namespace {case.namespace}", fact)]


def _explain_ports(case: Case, service: Json, pods: list[Json]) -> None:
    """Add that a port leads to no port of the pods."""
    every = [port for one in rows(pods[0], "spec", "containers") for port in rows(one, "ports")]
    names, numbers = {words(one, "name") for one in every}, {count(one, "containerPort") for one in every}
    for port in rows(service, "spec", "ports"):
        target = port.get("targetPort", port.get("port"))
        known = ", ".join(f"{words(one, 'name', default='-')}:{count(one, 'containerPort')}" for one in every[:8])
        evidence = [
            (f"Service {name_of(service)} spec", f"port {count(port, 'port')}, targetPort {clean(str(target), 40)}"),
            (f"Pod {name_of(pods[0])} spec", f"container ports {known or 'none named'}"),
        ]
        fix = "Set targetPort to the port on which the container listens."
        if isinstance(target, str) and not target.isdigit() and target not in names:
            cause = f"Port {count(port, 'port')} of service {name_of(service)} leads to `{clean(target, 40)}`, "
            case.add(cause + "a port name that its pods do not have.", evidence, fix)
        elif isinstance(target, int) and numbers and target not in numbers:
            cause = f"Port {count(port, 'port')} of service {name_of(service)} leads to {target}, "
            cause += "which is no port that its pods name."
            case.add(cause, evidence, fix, severity="warning", confidence="medium")


def _explain_balancer(case: Case, service: Json) -> None:
    if words(service, "spec", "type") != "LoadBalancer" or rows(service, "status", "loadBalancer", "ingress"):
        return
    name = name_of(service)
    event = case.warning(service, SERVICES, "SyncLoadBalancerFailed", "CreatingLoadBalancerFailed")
    evidence = [(f"Service {name} status", "the load balancer has no address")]
    evidence += [case.event_fact(event)] if event else []
    fix = "Look at the cloud controller (or MetalLB) and at the cloud's quota; bare clusters have none by themselves."
    cause = f"Service {name} waits for its load balancer's address."
    case.add(cause, evidence, fix, severity="warning", confidence="high" if event else "medium")


def explain_ingress(case: Case, ingress: Json) -> None:
    """Add what is missing on the way from an ingress to its pods."""
    name = name_of(ingress)
    case.facts["hosts"] = [words(one, "host", default="*") for one in rows(ingress, "spec", "rules")][:10]
    _explain_class(case, ingress)
    seen: set[str] = set()
    for backend in _backends(ingress):
        service = words(backend, "service", "name", longest=260)
        key = f"{service} {at(backend, 'service', 'port')}"
        if service and key not in seen and len(seen) < BACKENDS_MAX:
            seen.add(key)
            _explain_backend(case, name, backend, service)
    for tls in rows(ingress, "spec", "tls")[:BACKENDS_MAX]:
        _explain_secret(case, name, words(tls, "secretName", longest=260), texts(tls, "hosts"))
    if not rows(ingress, "status", "loadBalancer", "ingress"):
        evidence = [(f"Ingress {name} status", "no address")]
        evidence += [case.event_fact(one) for one in case.events(ingress, INGRESSES)[:2]]
        fix = "See whether an ingress controller for its class runs, and read its log."
        case.add(f"Ingress {name} has got no address.", evidence, fix, severity="warning", confidence="medium")


def _backends(ingress: Json) -> Iterator[Json]:
    yield table(ingress, "spec", "defaultBackend")
    for rule in rows(ingress, "spec", "rules"):
        for path in rows(rule, "http", "paths"):
            yield table(path, "backend")


def _explain_class(case: Case, ingress: Json) -> None:
    wanted, name = words(ingress, "spec", "ingressClassName", longest=260), name_of(ingress)
    if wanted and case.is_missing(INGRESS_CLASSES, wanted):
        classes = case.several(INGRESS_CLASSES)
        known = ", ".join(name_of(one) for one in classes.items[:8]) or ("none" if classes.whole else "not known")
        evidence = [(f"Ingress {name} spec", f"ingressClassName {wanted}"), ("IngressClasses", known)]
        fix = "Install the ingress controller of this class, or name a class that exists."
        case.add(f"Ingress class `{wanted}` does not exist, so no controller serves ingress {name}.", evidence, fix)


def _explain_backend(case: Case, name: str, backend: Json, service: str) -> None:
    port = table(backend, "service", "port")
    wanted = words(port, "name") or count(port, "number")
    source: Evidence = (f"Ingress {name} spec", f"backend {service}:{wanted}")
    found = case.one(SERVICES, service)
    if case.is_missing(SERVICES, service):
        evidence = [source, (f"Service {service}", f"does not exist in namespace {case.namespace}")]
        fix = "Correct the backend's service name, or create the service."
        case.add(f"Ingress {name} sends to service `{service}`, which does not exist.", evidence, fix)
    elif found:
        ports = rows(found, "spec", "ports")
        if all(wanted not in (words(one, "name"), count(one, "port")) for one in ports):
            known = ", ".join(f"{words(one, 'name', default='-')}:{count(one, 'port')}" for one in ports[:8])
            evidence = [source, (f"Service {service} spec", f"ports {known}")]
            fix = "Name a port of the service in the ingress: the service's port, not the container's."
            case.add(f"Ingress {name} sends to port {wanted} of service {service}, which has none such.", evidence, fix)
        explain_service(case, found)


def _explain_secret(case: Case, name: str, secret: str, hosts: list[str]) -> None:
    """Add that a certificate's secret is missing; its contents are not asked for."""
    if not secret:
        return
    case.note(f"whether Secret {secret} exists")
    try:
        case.cluster.get(*SECRETS.path(case.namespace, secret), accept=METADATA_ONLY)
    except ToolError as error:
        if getattr(error, "status", 0) != 404:
            case.fail(f"Secret {secret}", error)
            return
        evidence = [(f"Ingress {name} spec", f"tls of {', '.join(hosts[:5])} uses secret {secret}")]
        evidence.append((f"Secret {secret}", f"does not exist in namespace {case.namespace}"))
        fix = "Create the TLS secret, or look at cert-manager's Certificate and its events."
        case.add(f"Ingress {name} has no certificate: secret `{secret}` is missing.", evidence, fix, severity="warning")
