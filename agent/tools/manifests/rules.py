"""List the rules for Kubernetes manifests: how bad a finding is, why it matters, what to do."""

from agent.lint import Rule

_SCHEMA = "The API server refuses the object."

RULES: dict[str, Rule] = {
    # What the API server says.
    "no-kind": Rule("error", "Nothing tells the API server what this is.", "Add `apiVersion` and `kind`."),
    "schema": Rule("error", _SCHEMA, ""),
    "unknown-field": Rule("error", "The field is refused or silently dropped, so it has no effect.", ""),
    "api-removed": Rule("error", "The API server answers `no matches for kind`.", ""),
    "api-deprecated": Rule("warning", "It works on this version and stops with an upgrade.", ""),
    "wrong-api-version": Rule("error", "The API server answers `no matches for kind`.", ""),
    "wrong-kind": Rule("error", "The API server answers `no matches for kind`.", "Correct the kind or the apiVersion."),
    "not-checked": Rule("info", "Its schema lives in your cluster.", "Check it with `kubectl apply --dry-run=server`."),
    "client-file": Rule("info", "It is no object of a cluster: another program reads it.", ""),
    "fragment": Rule("info", "`kubectl apply` needs a whole object.", "Put it into the object that it belongs to."),
    "duplicate-key": Rule(
        "error", "The first value is silently lost, or the file is refused.", "Remove one of the two."
    ),
    "duplicate-object": Rule("error", "The second one overwrites the first.", "Remove or rename one of them."),
    "no-name": Rule("error", _SCHEMA, "Add `metadata.name`."),
    "invalid-name": Rule(
        "error", _SCHEMA, "Use lower case letters, digits and `-`, beginning and ending with a letter or digit."
    ),
    "template": Rule("error", _SCHEMA, "Render the template first (for Helm: `helm template`) and check the result."),
    "invalid-label": Rule(
        "error", _SCHEMA, "At most 63 letters, digits, `-`, `_`, `.`; the first and last a letter or digit."
    ),
    "invalid-value": Rule("error", _SCHEMA, ""),
    "one-of": Rule("error", _SCHEMA, ""),
    "config-key": Rule("error", _SCHEMA, "Use letters, digits, `-`, `_` and `.`; the file's folder is no part of it."),
    # Images and resources.
    "no-image": Rule("error", _SCHEMA, "Add `image`."),
    "image-not-pinned": Rule(
        "warning",
        "Pods of one workload can run different code, and a rollback has nothing to go back to.",
        "Name a version, best with its digest: `image: name:1.2.3@sha256:...`.",
    ),
    "no-requests": Rule(
        "warning",
        "The scheduler places the pod blindly, and it is among the first to be evicted.",
        "Add `resources.requests` with `cpu` and `memory`, such as 100m and 128Mi.",
    ),
    "no-memory-limit": Rule(
        "warning",
        "A leak takes the memory of the whole node and of its neighbours.",
        "Add `resources.limits.memory`, best equal to the request.",
    ),
    "invalid-quantity": Rule("error", _SCHEMA, "Write memory like 512Mi or 2Gi and CPU like 250m or 1.5."),
    "suspicious-quantity": Rule(
        "error", "The container can't run with it.", "Write memory like 512Mi and CPU like 250m."
    ),
    "memory-decimal-unit": Rule(
        "info", "M and G are powers of 1000: 1G is 7% less than 1Gi.", "Write Mi or Gi if you mean powers of 1024."
    ),
    "request-above-limit": Rule("error", _SCHEMA, "Lower the request or raise the limit."),
    # Health.
    "no-readiness-probe": Rule(
        "warning",
        "Traffic arrives before the container can answer, and during its hangs.",
        "Add a `readinessProbe` that asks a cheap endpoint.",
    ),
    "no-liveness-probe": Rule(
        "info", "A container that hangs is not restarted.", "Add a `livenessProbe` if the process can hang."
    ),
    "same-probes": Rule(
        "info",
        "A slow moment restarts the container instead of only taking it out of traffic.",
        "Let liveness be slower to fail: a higher `failureThreshold`, or a simpler check.",
    ),
    "probe-port": Rule("error", "The probe always fails.", "Name a port of the container, or give its number."),
    "probe-threshold": Rule("error", _SCHEMA, "Remove `successThreshold`."),
    # Security.
    "privileged": Rule(
        "error",
        "Whoever takes over the container has the whole node.",
        "Remove `privileged: true`; add single capabilities if they are needed.",
    ),
    "container-socket": Rule(
        "error", "Whoever reaches the socket of the container runtime is root on the node.", "Don't mount it."
    ),
    "host-path-sensitive": Rule(
        "error", "The container can read or change the node itself.", "Mount a narrower folder, read-only."
    ),
    "host-path": Rule(
        "warning",
        "The pod depends on one node's files and can reach out of its box.",
        "Use a PersistentVolumeClaim, ConfigMap or emptyDir.",
    ),
    "host-namespace": Rule(
        "warning",
        "The pod sees the node's network or processes as its own.",
        "Remove it, unless the pod manages the node.",
    ),
    "host-port": Rule(
        "warning", "Only one such pod fits on a node, past Services and network policies.", "Use a Service."
    ),
    "runs-as-root": Rule(
        "warning", "A way out of the container begins as root.", "Set `runAsNonRoot: true` and a `runAsUser` above 0."
    ),
    "privilege-escalation": Rule(
        "warning", "A setuid program can gain more rights than its parent.", "Set `allowPrivilegeEscalation: false`."
    ),
    "capabilities-added": Rule(
        "warning",
        "These capabilities are close to root on the node.",
        "Add only what is needed, never ALL or SYS_ADMIN.",
    ),
    "hardening": Rule(
        "info",
        "The restricted Pod Security Standard asks for it.",
        "securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, "
        "capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}",
    ),
    "secret-in-env": Rule(
        "warning",
        "Whoever can read the manifest, the repository or the pod can read it.",
        "Put it into a Secret and use `valueFrom.secretKeyRef`.",
    ),
    # Lists in pods.
    "duplicate-env": Rule("warning", "Only the last one counts, and merges drop one of them.", "Remove one."),
    "duplicate-port": Rule("warning", "The port stands there twice.", "Remove one."),
    "port-range": Rule("error", _SCHEMA, "Ports go from 1 to 65535."),
    "duplicate-name": Rule("error", _SCHEMA, "Give each its own name."),
    "duplicate-mount": Rule("error", _SCHEMA, "Mount each path once."),
    "unknown-volume": Rule("error", _SCHEMA, "Add the volume under the pod's `volumes`, or correct the name."),
    "unused-volume": Rule("info", "It is mounted nowhere.", "Mount it or remove it."),
    "removed-volume": Rule(
        "warning", "The driver is gone from Kubernetes.", "Use a CSI driver through a PersistentVolumeClaim."
    ),
    "restart-policy": Rule("error", _SCHEMA, ""),
    "grace-period": Rule("warning", "", ""),
    "deprecated-field": Rule("info", "It has a replacement, and may stop to work.", ""),
    # Workloads.
    "selector-mismatch": Rule(
        "error",
        "The API server refuses it: the selector must match the template's labels.",
        "Make `selector.matchLabels` part of `template.metadata.labels`.",
    ),
    "rolling-update-stuck": Rule("error", _SCHEMA, "Let one of `maxSurge` and `maxUnavailable` be above 0."),
    "rolling-update-unused": Rule("error", _SCHEMA, "Remove `rollingUpdate`, or set `type: RollingUpdate`."),
    "no-service-name": Rule(
        "warning", "The pods have no stable DNS names.", "Add a headless Service and name it in `spec.serviceName`."
    ),
    "service-not-headless": Rule(
        "warning",
        "The pods of the StatefulSet get no DNS names of their own.",
        "Set `clusterIP: None` in that Service.",
    ),
    "pdb-blocks": Rule(
        "warning",
        "No pod may ever be evicted, so draining a node for an upgrade hangs.",
        "Raise the replicas, or use `maxUnavailable: 1`.",
    ),
    "hpa-without-requests": Rule(
        "warning",
        "Utilization is a share of the request; without one the autoscaler does nothing.",
        "Add `resources.requests` to all containers.",
    ),
    "hpa-bounds": Rule("error", _SCHEMA, "Let `minReplicas` be at most `maxReplicas`, and `maxReplicas` at least 1."),
    "hpa-and-replicas": Rule(
        "info",
        "Each apply sets the count back until the autoscaler corrects it.",
        "Remove `replicas` from the workload.",
    ),
    "invalid-schedule": Rule("error", _SCHEMA, "Five fields: minute hour day-of-month month day-of-week."),
    "never-runs": Rule("warning", "The API server takes it, and no Job is ever made.", "Correct the day or the month."),
    "concurrency-policy": Rule(
        "info",
        "A run that is slow overlaps the next one.",
        "Set `concurrencyPolicy: Forbid` (or Replace) unless runs may overlap.",
    ),
    # Between objects.
    "service-selects-nothing": Rule(
        "warning",
        "The Service has no endpoints; connections are refused.",
        "Let `selector` match the labels of the pods.",
    ),
    "service-target-port": Rule(
        "error", "No endpoint is made for the port.", "Use the name or number of a container's port."
    ),
    "service-port-undeclared": Rule(
        "info", "Nothing declares that the container listens there.", "Correct `targetPort`, or declare the port."
    ),
    "service-ports": Rule("error", _SCHEMA, ""),
    "node-port-range": Rule(
        "warning",
        "The default range is 30000 to 32767; others are refused.",
        "Leave `nodePort` out, or choose one of the range.",
    ),
    "ingress-service-missing": Rule("warning", "The Ingress answers 503.", "Add the Service or correct the name."),
    "ingress-port-missing": Rule("error", "The Ingress answers 503.", "Use a port that the Service has."),
    "ingress-empty": Rule("error", _SCHEMA, "Add `rules` or `defaultBackend`."),
    "reference-not-here": Rule(
        "info", "If it is not in the cluster either, the pod does not start.", "Add it, or make sure that it exists."
    ),
    "key-missing": Rule(
        "error", "The pod does not start: CreateContainerConfigError.", "Add the key or correct its name."
    ),
    # Rights, secrets, the rest.
    "subject-namespace": Rule("error", _SCHEMA, "Add the `namespace` of the service account."),
    "rbac-wildcard": Rule(
        "warning",
        "It grants more than anyone can review, future kinds included.",
        "List the resources and verbs that are needed.",
    ),
    "rbac-escalation": Rule("warning", "It can be used to gain any right.", "Grant it only to what manages rights."),
    "cluster-admin": Rule(
        "warning", "It grants every right in the whole cluster.", "Bind a role with the rights that are needed."
    ),
    "secret-not-base64": Rule("error", _SCHEMA, "Encode it (`printf %s value | base64`), or use `stringData`."),
    "secret-in-manifest": Rule(
        "info",
        "base64 hides nothing from whoever reads the file.",
        "Keep it out of the repository: sealed or external secrets.",
    ),
    "secret-in-text": Rule(
        "warning",
        "Whoever can read the manifest, the repository or the object can read it.",
        "Put it into a Secret, hand it over as a file or a variable, and replace it, since it is known now.",
    ),
    "secret-keys": Rule("error", _SCHEMA, ""),
    "default-namespace": Rule(
        "info", "It lands in whatever namespace is current.", "Set `metadata.namespace`, or give `-n` when applying."
    ),
    "server-fields": Rule(
        "info", "The server writes these; copied from a cluster they can cause conflicts.", "Remove them."
    ),
}
