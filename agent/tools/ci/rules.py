"""List the rules for GitHub workflows and GitLab pipelines: how bad a finding is, why it matters, what to do."""

from agent.lint import Rule

_COMMON = {
    "schema": Rule("error", "The file is refused, and nothing runs.", ""),
    "unknown-field": Rule("error", "The file is refused, and nothing runs.", ""),
    "duplicate-key": Rule(
        "error", "The file is refused, or the first value is silently lost.", "Remove one of the two."
    ),
    "secret-in-env": Rule(
        "warning",
        "Whoever can read the repository has it, also from its history.",
        "Store it as a secret of the project and rotate it.",
    ),
    "secret-in-text": Rule(
        "warning",
        "Whoever can read the repository has it, also from its history.",
        "Store it as a secret of the project, use it as a variable, and rotate it.",
    ),
    "secret-printed": Rule("error", "Masking misses changed forms, and logs are read by many.", "Don't print it."),
    "image-not-pinned": Rule(
        "warning", "The job can change from one run to the next without a commit.", "Name a version or a digest."
    ),
    "curl-to-shell": Rule(
        "warning",
        "Whoever controls that address runs code in the job.",
        "Download a pinned version and check its checksum.",
    ),
    "version-is-number": Rule(
        "warning", "YAML reads it as a number and drops its last zero, so that another version is taken.", ""
    ),
    "needs-unknown": Rule("error", "The file is refused.", "Correct the name or add the job."),
    "needs-cycle": Rule("error", "The file is refused.", "Remove one of the dependencies."),
}

GITHUB_RULES: dict[str, Rule] = {
    **_COMMON,
    "merge-key": Rule(
        "error",
        "GitHub knows anchors and aliases, but no merge key `<<`.",
        "Repeat the keys, or use a reusable workflow.",
    ),
    # When it runs.
    "unknown-event": Rule("error", "The workflow is refused.", "See the list of events that trigger workflows."),
    "invalid-schedule": Rule(
        "error", "The workflow is refused.", "Five fields in UTC: minute hour day-of-month month day-of-week."
    ),
    "never-runs": Rule("warning", "No date matches, so the schedule starts nothing.", "Correct the day or the month."),
    "schedule-too-often": Rule(
        "warning", "GitHub runs schedules every 5 minutes at most, and drops runs under load.", "Run it less often."
    ),
    "unknown-type": Rule(
        "error", "The workflow is refused.", "See the types of this event in GitHub's list of events."
    ),
    "filter-twice": Rule(
        "error", "The workflow is refused.", "Keep one of the two; in the plain one `!pattern` leaves out."
    ),
    "input-type": Rule("error", "The workflow is refused.", "Use string, choice, boolean, number or environment."),
    "input-default": Rule(
        "warning", "A run by API that leaves it out gets a value that nobody could choose.", "Use one of the options."
    ),
    # Supply chain.
    "action-no-ref": Rule("error", "The workflow is refused.", "Add a version: `owner/action@<commit>`."),
    "action-on-branch": Rule(
        "warning",
        "Every push to that branch runs in your workflow, with its token and secrets.",
        "Pin the full commit hash of a release.",
    ),
    "action-not-pinned": Rule(
        "warning",
        "The owner, or a thief of the account, can move the tag to other code.",
        "Pin the full commit hash: `uses: owner/action@<40 hex digits> # v1.2.3`.",
    ),
    "action-outdated": Rule("warning", "It runs on a version of Node.js that GitHub has retired.", ""),
    "action-removed": Rule("error", "GitHub fails jobs that use it.", ""),
    "action-input": Rule("warning", "GitHub warns and goes on without it.", "Correct its name."),
    "runner-unknown": Rule(
        "warning",
        "If no runner of your own has this label, the job waits for a day and is cancelled.",
        "Correct the label.",
    ),
    "runner-removed": Rule("error", "The job waits for a runner that no longer exists, and is cancelled.", ""),
    # Rights and secrets.
    "script-injection": Rule(
        "error",
        "The text is put into the script before the shell reads it, so `$(...)` in it runs with your token.",
        'Pass it through `env:` and use "$NAME" in the script.',
    ),
    "untrusted-checkout": Rule(
        "error",
        "Code of strangers runs with your secrets and a token that may write.",
        "Use `pull_request`, or don't run what was checked out.",
    ),
    "no-permissions": Rule(
        "warning",
        "The token gets the repository's default rights, which may be to write everything.",
        "Add `permissions: {contents: read}` at the top, and more only for jobs that need it.",
    ),
    "write-all": Rule(
        "warning", "A stolen token can change everything in the repository.", "List the few rights that are needed."
    ),
    "secrets-inherit": Rule(
        "warning", "All secrets go to a workflow of another owner.", "Pass the few that it needs by name."
    ),
    "self-hosted-on-pr": Rule(
        "warning",
        "In a public repository anyone can run code on that machine.",
        "Use hosted runners for pull requests.",
    ),
    "unsecure-commands": Rule(
        "error", "Whoever prints to the log can set variables of later steps.", "Remove it and write to $GITHUB_ENV."
    ),
    # Commands.
    "removed-command": Rule(
        "error",
        "GitHub has turned it off; the step fails.",
        'Write to a file: echo "NAME=value" >> "$GITHUB_ENV" (or "$GITHUB_PATH").',
    ),
    "deprecated-command": Rule(
        "warning",
        "GitHub is about to turn it off.",
        'Write to a file: echo "name=value" >> "$GITHUB_OUTPUT" (or "$GITHUB_STATE").',
    ),
    "pipe-hides-failure": Rule(
        "info",
        "The default shell has no `pipefail`: a failure left of `|` counts as success.",
        "Set `shell: bash`, which turns it on.",
    ),
    # Jobs and expressions.
    "expression": Rule("error", "The workflow is refused.", "Correct the expression."),
    "unknown-context": Rule(
        "error",
        "The workflow is refused.",
        "Contexts: github, env, vars, job, steps, runner, secrets, strategy, matrix, needs, inputs.",
    ),
    "unknown-function": Rule(
        "error",
        "The workflow is refused.",
        "Known are contains, startsWith, endsWith, format, join, toJSON, fromJSON, hashFiles and the status checks.",
    ),
    "context-not-here": Rule("error", "The workflow is refused: this context is not available there.", ""),
    "unknown-needs": Rule("error", "The value is always empty.", "Add the job to `needs`."),
    "unknown-step": Rule("error", "The value is always empty.", "Give an earlier step this `id`, or correct the name."),
    "unknown-output": Rule("error", "The value is always empty.", "Add it to `outputs` of that job."),
    "unknown-input": Rule("error", "The value is always empty.", "Declare it under `inputs` of the trigger."),
    "unknown-matrix-key": Rule(
        "error", "The value is always empty, or the exclusion is refused.", "Use a key of the matrix."
    ),
    "if-always-true": Rule(
        "error",
        "Text outside of `${{ }}` makes it a text that is not empty, which is true.",
        "Put the whole condition into one `${{ }}`, or write none at all.",
    ),
    "duplicate-step-id": Rule("error", "The workflow is refused.", "Give each step its own id."),
    "reusable-mixed": Rule(
        "error",
        "The workflow is refused: a job either calls a workflow or has steps.",
        "Move the steps into another job.",
    ),
    "reusable-path": Rule(
        "error",
        "Only files in `.github/workflows` can be called, those of this repository without a version.",
        "Write `./.github/workflows/name.yml` or `owner/repo/.github/workflows/name.yml@ref`.",
    ),
    "no-steps": Rule("error", "The workflow is refused.", "Add `steps`, or `uses` to call another workflow."),
    "step-mixed": Rule("error", "The file is refused.", "Make two steps of it, one with `run` and one with `uses`."),
    "no-shell": Rule("error", "GitHub refuses composite actions whose `run` has no `shell`.", "Add `shell: bash`."),
    "no-timeout": Rule("info", "A job that hangs is paid for 6 hours.", "Add `timeout-minutes` to each job."),
    "deploy-without-concurrency": Rule(
        "info",
        "Two runs can deploy at once, the older one last.",
        "Add `concurrency: {group: deploy-<target>, cancel-in-progress: false}`.",
    ),
}

GITLAB_RULES: dict[str, Rule] = {
    **_COMMON,
    "unknown-stage": Rule("error", "The pipeline is refused.", "Add it to `stages`, or correct the name."),
    "no-script": Rule(
        "error", "The pipeline is refused.", "Add `script`, `trigger` or `run`, or `extends` a job that has it."
    ),
    "no-jobs": Rule("error", "The pipeline is refused: it needs at least one visible job.", "Add a job."),
    "extends-unknown": Rule("error", "The pipeline is refused.", "Correct the name or add the template."),
    "extends-cycle": Rule("error", "The pipeline is refused.", "Remove one of the `extends`."),
    "needs-later-stage": Rule(
        "error", "The pipeline is refused: a job can only need earlier or equal stages.", "Move one of the jobs."
    ),
    "condition": Rule(
        "error",
        "The pipeline is refused.",
        "Known are `==`, `!=`, `=~`, `!~`, `&&`, `||`, brackets, $VARIABLES, texts in quotes, /patterns/ and null.",
    ),
    "bad-span": Rule("error", "The pipeline is refused.", "Write it such as `1h 30m` or `2 weeks`."),
    "on-stop": Rule(
        "error", "The pipeline is refused.", "Name a job of this pipeline that has `environment: {action: stop}`."
    ),
    "dependency-not-needed": Rule("error", "The pipeline is refused.", "Add it to `needs`, or take it out."),
    "dependency-of-stage": Rule(
        "warning",
        "Jobs of a stage run at once, and without `needs` only artifacts of earlier stages are fetched.",
        "Add it to `needs`, or move one of the jobs.",
    ),
    "needs-sometimes": Rule(
        "warning",
        "Where it is left out, the whole pipeline is refused.",
        "Give both jobs the same rules, or write `needs: [{job: ..., optional: true}]`.",
    ),
    "rules-with-only": Rule(
        "error", "The pipeline is refused: `rules` can't be used with `only` or `except`.", "Keep `rules`."
    ),
    "only-except": Rule("info", "`only` and `except` are not developed any more.", "Use `rules`."),
    "blocking-manual": Rule(
        "info",
        "In `rules` a manual job blocks the pipeline until someone starts it.",
        "Add `allow_failure: true` unless it shall block.",
    ),
    "cache-without-key": Rule(
        "info",
        "All branches and jobs share one cache and overwrite it.",
        "Add `key`, such as `key: {files: [package-lock.json]}`.",
    ),
    "artifacts-forever": Rule(
        "info", "Artifacts stay for the default time of the instance and fill its storage.", "Add `expire_in: 1 week`."
    ),
    "deprecated-keyword": Rule("info", "It has a replacement, and will be removed.", ""),
    "removed-variable": Rule(
        "error",
        "GitLab removed it; the value is empty.",
        "Use the `CI_COMMIT_*`, `CI_JOB_*` or `CI_PIPELINE_*` variables.",
    ),
    "include-without-hash": Rule(
        "warning",
        "Whoever controls that address runs code in your pipelines, with their variables.",
        "Add `integrity: sha256-...`, or include it from a project with a `ref`.",
    ),
    "include-without-ref": Rule(
        "info", "The default branch of that project changes your pipeline.", "Add `ref` with a tag or commit."
    ),
    "dind": Rule(
        "info",
        "Docker in Docker needs a privileged runner, which gives jobs the host.",
        "Build with BuildKit rootless or Buildah where you can.",
    ),
    "docker-without-tls": Rule(
        "warning",
        "The Docker daemon listens without TLS: every process that reaches it is root there.",
        'Set `DOCKER_TLS_CERTDIR: "/certs"` and use port 2376.',
    ),
    "debug-trace": Rule("warning", "The log shows every variable, secrets included.", "Remove it."),
    "deploy-without-lock": Rule(
        "info", "Two pipelines can deploy at once, the older one last.", "Add `resource_group`."
    ),
}
