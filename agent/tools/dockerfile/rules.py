"""Say how bad each finding of the Dockerfile linter is, what comes of it and what to change."""

from agent.lint import Rule

RULES: dict[str, Rule] = {
    "unknown-instruction": Rule(
        "error", "The build stops here.", "Correct the name; a command of the shell needs RUN before it."
    ),
    "no-from": Rule(
        "error", "Without a base image nothing can be built.", "Begin with FROM, such as FROM debian:13-slim."
    ),
    "before-from": Rule("error", "Only ARG may stand before FROM; the build stops here.", "Move it below FROM."),
    "from-without-arg": Rule(
        "error",
        "The variable is empty, so that the name of the image is not valid; the build stops here.",
        "Add ARG with a default above the first FROM.",
    ),
    "empty-variable": Rule(
        "warning",
        "An ARG reaches only the stage that it stands in, and FROM if it stands above all; elsewhere it is empty.",
        "Repeat ARG name below FROM; for FROM itself declare it above the first one.",
    ),
    "pair-without-equals": Rule(
        "error", "The build stops here.", 'Write each as name=value, and quote values with blanks: name="a b".'
    ),
    "unknown-mount": Rule("error", "The build stops here.", "Use bind, cache, tmpfs, secret or ssh."),
    "above-context": Rule(
        "warning",
        "Only files of the build context can be copied: BuildKit drops the `..`, older builders stop here.",
        "Build from the folder above with docker build -f dir/Dockerfile .. or name another with --build-context.",
    ),
    "pipefail-in-dash": Rule(
        "error",
        "/bin/sh of this base is dash, which refuses the option; the build stops here.",
        'Write SHELL ["/bin/bash", "-o", "pipefail", "-c"] above in its place.',
    ),
    "bash-in-dash": Rule(
        "warning",
        "/bin/sh of this base is dash, which has no such command: the build stops, or a test is never true.",
        'Write SHELL ["/bin/bash", "-c"] above, or `.` and `[ ... ]`, which every shell knows.',
    ),
    "no-arguments": Rule("error", "The build stops here.", "Give the instruction its arguments, or remove it."),
    "bad-from": Rule("error", "The build stops here.", "Write FROM image or FROM image AS name."),
    "unfinished-heredoc": Rule(
        "error", "Everything below is taken for text of the heredoc.", "End it with a line that holds its name alone."
    ),
    "duplicate-stage": Rule(
        "error", "COPY --from and --target can't tell the two stages apart.", "Give each stage a name of its own."
    ),
    "unknown-stage": Rule(
        "error",
        "The build stops, since a stage can only copy from stages above it.",
        "Name a stage above, or an image.",
    ),
    "stage-or-image": Rule(
        "warning",
        "Docker then pulls an image of that name from the public registry, which may be a stranger's.",
        "Correct the stage's name, or write the image with its tag.",
    ),
    "invalid-exec-form": Rule(
        "error",
        "Docker takes it for a shell command that begins with a bracket, which fails when it runs.",
        'Write a JSON array with double quotes, such as CMD ["python", "app.py"].',
    ),
    "bad-port": Rule("error", "The build stops here.", "Write a number from 1 to 65535, such as EXPOSE 8080/tcp."),
    "copy-arguments": Rule("error", "The build stops here.", "Give COPY at least one source and a target."),
    "copy-many-to-file": Rule(
        "error",
        "With several sources the target must be a folder; the build stops here.",
        "End the target with a slash.",
    ),
    "bad-onbuild": Rule(
        "error",
        "Docker does not allow it as a trigger; the build stops here.",
        "Put the instruction into the child image.",
    ),
    "bad-healthcheck": Rule("error", "The build stops here.", "Write HEALTHCHECK CMD ... or HEALTHCHECK NONE."),
    "bad-shell": Rule("error", "The build stops here.", 'Write SHELL as a JSON array: SHELL ["/bin/bash", "-c"].'),
    "secret-in-image": Rule(
        "error",
        "It is stored in the image and its history, readable for everyone who can pull it.",
        "Use RUN --mount=type=secret while building and real variables when it runs; replace the secret, it is known.",
    ),
    "secret-as-argument": Rule(
        "warning",
        "The value of a build argument stays in the image's history.",
        "Use RUN --mount=type=secret,id=name and docker build --secret.",
    ),
    "secret-in-text": Rule(
        "error",
        "It is stored in the image's history and in the repository.",
        "Replace the secret where it was issued and hand the new one over with RUN --mount=type=secret.",
    ),
    "secret-file-copied": Rule(
        "error",
        "Files with credentials stay in the image's layers, even if a later step deletes them.",
        "Add the file to .dockerignore and mount it when the container runs.",
    ),
    "sudo": Rule(
        "error",
        "Steps of a build run as root already; sudo adds a way to become root later and behaves differently without a "
        "terminal.",
        "Remove sudo; switch with USER where another user is needed.",
    ),
    "install-asks": Rule(
        "error", "It waits for an answer that nobody gives, so the build fails.", "Add -y to the command."
    ),
    "several-entrypoint": Rule(
        "warning", "Only the last one counts; the others have no effect.", "Keep the one that is meant."
    ),
    "several-cmd": Rule(
        "warning", "Only the last one counts; the others have no effect.", "Keep the one that is meant."
    ),
    "several-healthcheck": Rule(
        "warning", "Only the last one counts; the others have no effect.", "Keep the one that is meant."
    ),
    "shell-form": Rule(
        "warning",
        "A shell runs as process 1 and does not pass SIGTERM on, so that stopping takes 10 seconds and ends by force.",
        'Write the exec form: a JSON array such as CMD ["python", "app.py"].',
    ),
    "relative-workdir": Rule(
        "warning", "It depends on the folder that the base image left behind.", "Write an absolute path, such as /app."
    ),
    "add-instead-of-copy": Rule(
        "warning",
        "ADD also unpacks archives and fetches addresses, which surprises; COPY only copies.",
        "Write COPY.",
    ),
    "add-without-checksum": Rule(
        "warning",
        "What the address answers may change, and nobody would see it.",
        "Add --checksum=sha256:... to ADD, or fetch and verify it in RUN.",
    ),
    "base-not-pinned": Rule(
        "warning",
        "The same Dockerfile builds something else tomorrow, and nobody can tell what ran before.",
        "Name a version, such as python:3.13-slim, and better its digest too.",
    ),
    "fixed-platform": Rule(
        "warning",
        "The image is built for this platform only; elsewhere it runs in slow emulation or not at all.",
        "Leave it out and give --platform to docker build, or write --platform=$BUILDPLATFORM.",
    ),
    "runs-as-root": Rule(
        "warning",
        "Whoever breaks into the process is root in the container, and clusters that demand other users refuse it.",
        "Make a user and end the last stage with USER 10001.",
    ),
    "maintainer": Rule("warning", "MAINTAINER is deprecated.", 'Write LABEL org.opencontainers.image.authors="...".'),
    "apt-update-alone": Rule(
        "warning",
        "The list is cached in a layer of its own, so a later install works from an old list or fails.",
        "Put apt-get update and apt-get install into one RUN, joined by &&.",
    ),
    "apt-in-script": Rule(
        "warning", "apt is made for people; its output and options may change.", "Write apt-get, or apt-cache."
    ),
    "pip-cache": Rule(
        "warning",
        "pip's cache stays in the layer and makes the image larger for nothing.",
        "Add --no-cache-dir, or mount a cache: RUN --mount=type=cache,target=/root/.cache/pip.",
    ),
    "npm-install": Rule(
        "warning",
        "npm install may change the lock file and install other versions than were tested.",
        "Write npm ci, with --omit=dev for an image that only runs.",
    ),
    "download-into-shell": Rule(
        "warning",
        "Whatever the server answers is run as root, unseen; half a download is run too.",
        "Download to a file, check its checksum, then run it; or install a package.",
    ),
    "tls-check-off": Rule(
        "warning", "Anyone on the way can replace what is downloaded.", "Remove the flag; install ca-certificates."
    ),
    "chmod-777": Rule(
        "warning",
        "Every user in the container may change these files, also one who broke in.",
        "Give the files to the user who needs them: COPY --chown=10001, or chmod 755.",
    ),
    "pipe-without-pipefail": Rule(
        "warning",
        "Only the last command of a pipe decides, so a failure before it goes unseen.",
        'Write SHELL ["/bin/bash", "-o", "pipefail", "-c"] above, in images of Alpine with /bin/ash.',
    ),
    "cd-without-effect": Rule(
        "warning", "The folder is forgotten at the end of this RUN.", "Write WORKDIR instead of RUN cd."
    ),
    "pointless-command": Rule(
        "warning",
        "There is no init system, no terminal and no host in a build, so it fails or does nothing.",
        "Remove it; start the program with CMD or ENTRYPOINT.",
    ),
    "copy-before-install": Rule(
        "warning",
        "Each change of any file makes the build install all dependencies again.",
        "Copy the lists of dependencies first, install, then copy the rest.",
    ),
    "cd-instead-of-workdir": Rule(
        "info", "It holds for this RUN only and is easily overlooked.", "Set the folder with WORKDIR."
    ),
    "apt-lists-kept": Rule(
        "info", "Tens of megabytes stay in the layer.", "End the same RUN with && rm -rf /var/lib/apt/lists/*."
    ),
    "lists-removed-late": Rule(
        "info",
        "They stay in the layer of the RUN above; removing them in a layer of its own frees nothing.",
        "Remove them in the same RUN that installs.",
    ),
    "ssh-exposed": Rule(
        "info",
        "A container needs no SSH: it is one more program to keep safe, with keys and passwords of its own.",
        "Use docker exec or kubectl exec to look inside.",
    ),
    "apt-recommends": Rule(
        "info", "Packages that nobody asked for make the image larger.", "Add --no-install-recommends."
    ),
    "apk-cache": Rule("info", "The index stays in the layer.", "Write apk add --no-cache."),
    "unpinned-packages": Rule(
        "info",
        "Another build may get other versions.",
        "Pin what matters (name=version), or pin the base image by its digest.",
    ),
    "several-run": Rule(
        "info", "Each RUN is a layer; what one deletes stays in the one before.", "Join what belongs together with &&."
    ),
    "no-healthcheck": Rule(
        "info",
        "Docker and Swarm can't see that the process hangs. Kubernetes has its own probes and ignores it.",
        "Add HEALTHCHECK CMD with a cheap request, if it does not run in Kubernetes.",
    ),
    "copies-everything": Rule(
        "info",
        "Without a .dockerignore it takes .git, .env and build results along.",
        "Keep a .dockerignore with at least .git, .env*, node_modules and __pycache__.",
    ),
    "casing": Rule("info", "It reads as if it were different.", "Write instructions, and AS, in capitals."),
    "env-without-equals": Rule(
        "info", "This old form takes one variable only and is deprecated.", "Write ENV NAME=value."
    ),
    "onbuild": Rule(
        "info", "It runs in the builds of others, who don't see it.", "Prefer to say in the documentation what to add."
    ),
}
