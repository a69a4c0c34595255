"""List the rules for Compose files: how bad a finding is, why it matters, what to do."""

from agent.lint import Rule

_REFUSED = "Compose refuses the file."

RULES: dict[str, Rule] = {
    "schema": Rule("error", _REFUSED, ""),
    "unknown-field": Rule("error", _REFUSED, ""),
    "duplicate-key": Rule(
        "error", "Compose refuses the file: the mapping key is already defined.", "Remove one of the two."
    ),
    "invalid-value": Rule("error", "Compose or Docker refuses it, so the service does not start.", ""),
    "obsolete-version": Rule("info", "Compose ignores it and prints a warning.", "Remove the line."),
    "no-image": Rule("error", _REFUSED, "Add `image` or `build`."),
    "image-not-pinned": Rule(
        "warning",
        "The next pull can bring another version, with other behaviour or another data format.",
        "Name a version: `image: name:1.2.3`.",
    ),
    # References.
    "unknown-volume": Rule("error", _REFUSED, "Add it under the top-level `volumes:`, or begin a path with `./`."),
    "unknown-network": Rule("error", _REFUSED, "Add it under the top-level `networks:`."),
    "unknown-secret": Rule("error", _REFUSED, "Add it under the top-level `secrets:`."),
    "unknown-config": Rule("error", _REFUSED, "Add it under the top-level `configs:`."),
    "unknown-service": Rule("error", _REFUSED, "Correct the name or add the service."),
    "dependency-cycle": Rule("error", _REFUSED, "Remove one of the dependencies."),
    "depends-on-profile": Rule(
        "warning",
        "Without that profile, `docker compose up` fails: the service is not enabled.",
        "Give both the same profile, or set `required: false`.",
    ),
    "unused-definition": Rule("info", "No service uses it.", "Use it or remove it."),
    # Order and health.
    "health-condition": Rule(
        "warning",
        "The dependent never starts if the image brings no health check of its own.",
        "Add a `healthcheck` to that service.",
    ),
    "depends-without-condition": Rule(
        "info",
        "Compose waits until it has started, not until it answers.",
        "Use the long form with `condition: service_healthy`.",
    ),
    "healthcheck-test": Rule("error", _REFUSED, 'Begin the list with "CMD", "CMD-SHELL" or "NONE".'),
    "no-restart": Rule("info", "After a crash or a reboot it stays down.", "Add `restart: unless-stopped`."),
    "no-memory-limit": Rule(
        "info",
        "One service can take the memory of the whole host.",
        "Add `mem_limit: 512m` or `deploy.resources.limits.memory`.",
    ),
    # Ports and networks.
    "port-collision": Rule(
        "error", "The second one fails: the port is already allocated.", "Publish them at different host ports."
    ),
    "port-range": Rule("error", _REFUSED, "Ports go from 1 to 65535."),
    "port-unquoted": Rule(
        "warning", "YAML 1.1 readers take `22:22` for a number in base 60 (1342).", "Put the mapping in quotes."
    ),
    "database-exposed": Rule(
        "warning",
        "Docker opens the port past the host's firewall, to everyone.",
        "Bind it to 127.0.0.1, or drop `ports`: services reach each other without.",
    ),
    "host-network": Rule(
        "warning",
        "The container shares the host's network, with all its local services.",
        "Use a bridge network and `ports`.",
    ),
    "host-network-ports": Rule(
        "warning", "With the host's network the published ports are ignored.", "Remove `ports` or `network_mode: host`."
    ),
    "network-mode-and-networks": Rule("error", _REFUSED, "Keep one of the two."),
    "container-name-twice": Rule(
        "error", "Compose refuses the file: the name is already in use.", "Remove `container_name`, or change one."
    ),
    "container-name-replicas": Rule(
        "error", "Two containers can't have the same name; Compose refuses to scale.", "Remove `container_name`."
    ),
    "replicas-host-port": Rule(
        "error", "Only one replica gets the host port.", "Publish without a host port, or give a range."
    ),
    "links": Rule(
        "info",
        "Services on one network reach each other by name without it.",
        "Remove `links`; use `depends_on` for the order.",
    ),
    # Security.
    "privileged": Rule(
        "error",
        "Whoever takes over the container has the whole host.",
        "Remove it; add single capabilities with `cap_add`.",
    ),
    "docker-socket": Rule(
        "error",
        "Whoever reaches the Docker socket is root on the host, also with `:ro`.",
        "Put a socket proxy before it that allows only what is needed.",
    ),
    "host-mount": Rule(
        "error", "The container can change the host itself.", "Mount the one folder that is needed, with `:ro`."
    ),
    "host-mount-read-only": Rule(
        "warning", "The container can read keys and passwords of the host.", "Mount the one file that is needed."
    ),
    "host-keys": Rule(
        "warning",
        "Whoever takes over the container has these keys, and with them other systems.",
        "Mount the one file that is needed, with `:ro`, or use `secrets:`.",
    ),
    "host-namespace": Rule("warning", "The container sees the processes or memory of the host.", "Remove it."),
    "capabilities-added": Rule(
        "warning", "These capabilities are close to root on the host.", "Add only what is needed."
    ),
    "unconfined": Rule(
        "warning", "It turns a protection of the kernel off.", "Remove it, or load a profile that fits."
    ),
    "secret-in-env": Rule(
        "warning",
        "It is in the file, in `docker inspect` and in every child process.",
        "Use `secrets:` with a `_FILE` variable, or `${NAME:?}` from an untracked .env file.",
    ),
    "secret-in-text": Rule(
        "warning",
        "It is in the file, and in `docker inspect` or the history of the image.",
        "Use `secrets:`, for a build `build.secrets`, and replace the secret, since it is known now.",
    ),
    # The rest.
    "variable-without-default": Rule(
        "info",
        "If it is not set, Compose puts an empty text there and only warns.",
        "Write `${NAME:?must be set}` or `${NAME:-default}`.",
    ),
}
