"""Show that workflows and pipelines are judged as an experienced operator would judge them."""

import pytest

from agent.tools.ci.expressions import expressions_in, read
from agent.tools.ci.lint import CI_LINT, lint
from agent.tools.ci.scripts import pipes
from agent.types import ToolError
from tests.agent.tools.lint_support import INPUTS, complete, expected, rules, seen, survives
from tests.agent.tools.support import NOWHERE

TOKEN = "ghp_" + "1234567890abcdefghijABCDEFGHIJ123456"
GITLAB_TOKEN = "glpat-" + "ABCDEFGHIJKLMNOPQRST"
SHA = "11bd71901bbe5b1630ceea73d27597364c9af683"


def of(workflow: str, kind: str | None = None) -> set[str]:
    return rules(lint(workflow, kind)[0])


def job(lines: str, on: str = "push") -> str:
    return f"on: {on}\npermissions: {{}}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    timeout-minutes: 5\n    {lines}\n"


def step(line: str, on: str = "push") -> str:
    return job(f"steps:\n      - {line}", on)


@pytest.mark.parametrize("name", ["release.yml", "gitlab.yml", "gitlab-order.yml"])
def test_a_bad_file_gives_exactly_what_its_comments_expect(name: str) -> None:
    workflow = (INPUTS / name).read_text()
    findings, _ = lint(workflow, None)
    assert seen(findings) == expected(workflow)
    complete(lambda: findings)


@pytest.mark.parametrize("name", ["clean.yml", "clean-gitlab.yml"])
def test_a_good_file_gives_nothing(name: str) -> None:
    assert lint((INPUTS / name).read_text(), None)[0] == []


@pytest.mark.parametrize(
    ("workflow", "kind"),
    [
        ("on: push\njobs: {}", "github"),
        ("name: x\nruns: {using: composite, steps: []}", "github action"),
        ("stages: [a]\nb: {script: c}", "gitlab"),
    ],
)
def test_the_kind_is_told_by_the_keys(workflow: str, kind: str) -> None:
    assert lint(workflow, None)[1]["kind"] == kind


def test_a_secret_is_never_echoed() -> None:
    for name in ("release.yml", "gitlab.yml"):
        output = CI_LINT.run(CI_LINT.read({"workflow": (INPUTS / name).read_text()}), NOWHERE)
        assert "secret-in-env" in str(output)
        assert "0123456789abcdef0123" not in str(output) and "hunter2" not in str(output)


@pytest.mark.parametrize(
    ("workflow", "rule"),
    [
        (step("uses: actions/checkout"), "action-no-ref"),
        (step("uses: owner/action@v1"), "action-not-pinned"),
        (step("uses: actions/cache@v2"), "action-removed"),
        (step("uses: actions-rs/toolchain@v1"), "action-outdated"),
        (step("uses: docker://alpine:latest"), "image-not-pinned"),
        (step("run: 'x ${{ github.head_ref }}'"), "script-injection"),
        (step("run: 'x ${{ toJSON(github.event) }}'"), "script-injection"),
        (step("run: \"x ${{ github.event['comment']['body'] }}\""), "script-injection"),
        (step("run: 'x ${{ github.event.commits[0].message }}'"), "script-injection"),
        (
            step(f"{{uses: 'actions/github-script@{SHA}', with: {{script: '${{{{ github.event }}}}'}}}}"),
            "script-injection",
        ),
        (step("run: echo '::add-path::x'"), "removed-command"),
        (step("run: echo '::save-state name=x::y'"), "deprecated-command"),
        (step("run: 'x ${{ steps.later.outputs.y }}'"), "unknown-step"),
        (step("run: 'x ${{ a.b }'"), "expression"),
        (step("run: 'x ${{ github.ref == \"x\" }}'"), "expression"),
        (step("run: 'x ${{ github.ref = env.Y }}'"), "expression"),
        (step("run: 'x ${{ }}'"), "expression"),
        (step("run: 'x ${{ tojsn(github) }}'"), "unknown-function"),
        (step("run: 'x ${{ inputs.y }}'", "{workflow_call: {inputs: {z: {type: string}}}}"), "unknown-input"),
        (step("{run: x, if: 'github.ref == ${{ env.X }}'}"), "if-always-true"),
        (step("run: x\n        if: |\n          ${{ false }}"), "if-always-true"),
        (step("{run: x, id: y}\n      - {run: x, id: y}"), "duplicate-step-id"),
        (step("{run: x, shel: bash}"), "unknown-field"),
        (step("{run: x, env: {ACTIONS_ALLOW_UNSECURE_COMMANDS: true}}"), "unsecure-commands"),
        (step("run: x", "puhs"), "unknown-event"),
        (step("run: x", "{schedule: [{cron: '0 0 * *'}]}"), "invalid-schedule"),
        (step("run: x", "{schedule: [{cron: '0 0 31 2 *'}]}"), "never-runs"),
        (step(f"run: 'curl -H \"Authorization: Bearer {TOKEN}\" x'"), "secret-in-text"),
        (f"a:\n  script: git clone https://oauth2:{GITLAB_TOKEN}@gitlab.com/a/b.git", "secret-in-text"),
        (job("if: ${{ env.X }}\n    steps: [{run: x}]"), "context-not-here"),
        (job("container: node\n    steps: [{run: x}]"), "image-not-pinned"),
        (job("needs: b\n    steps: [{run: x}]"), "needs-unknown"),
        (job("<<: {env: {A: b}}\n    steps: [{run: x}]"), "merge-key"),
        (job("env: {A: b}\n    env: {A: c}\n    steps: [{run: x}]"), "duplicate-key"),
        ("on: push\npermissions: {}\njobs: {a: {uses: ./x.yml}}", "reusable-path"),
        ("on: push\npermissions: {}\njobs: {a: {uses: ./.github/workflows/x.yml@v1}}", "reusable-path"),
        (step("run: x", "{push: {branches: [x], branches-ignore: [y]}}"), "filter-twice"),
        (step("run: x", "{pull_request: {types: [opened, synchronise]}}"), "unknown-type"),
        (step("run: x", "{issue_comment: {types: made}}"), "unknown-type"),
        (step("run: x", "{workflow_dispatch: {inputs: {a: {type: strng}}}}"), "input-type"),
        (
            step("run: x", "{workflow_dispatch: {inputs: {a: {type: choice, options: [b], default: c}}}}"),
            "input-default",
        ),
        (step(f"{{run: x, uses: 'o/a@{SHA}'}}"), "step-mixed"),
        (step(f"{{uses: 'actions/checkout@{SHA}', with: {{fetchdepth: 0}}}}"), "action-input"),
        (step(f"{{uses: 'actions/setup-python@{SHA}', with: {{python-version: 3.10}}}}"), "version-is-number"),
        (job("strategy: {matrix: {go: [1.9, 1.20]}}\n    steps: [{run: x}]"), "version-is-number"),
        (job("env: {A: '${{ runner.os }}'}\n    steps: [{run: x}]"), "context-not-here"),
        (job("env: {A: '${{ steps.x.outputs.y }}'}\n    steps: [{run: x}]"), "context-not-here"),
        (job("container: {image: 'a:${{ env.X }}'}\n    steps: [{run: x}]"), "context-not-here"),
        (job("if: matrix.os == 'x'\n    steps: [{run: x}]"), "context-not-here"),
        (
            job(
                "container: {image: 'a:1', credentials: {username: x, password: hunter2hunter2}}\n    steps: [{run: x}]"
            ),
            "secret-in-env",
        ),
        (job("name: x"), "no-steps"),
        (step("run: x").replace("ubuntu-24.04", "ubuntu-lates"), "runner-unknown"),
        (
            step("run: x", "{workflow_call: {outputs: {o: {value: '${{ jobs.a.outputs.zz }}'}}}}"),
            "unknown-output",
        ),
        ("name: x\nruns: {using: node12, main: a.js}", "action-outdated"),
        ("name: x\nruns: {using: composite, steps: [{run: x}]}", "no-shell"),
        ("name: x\nruns: {using: composite, steps: [{run: 'x ${{ secrets.A }}', shell: sh}]}", "context-not-here"),
    ],
)
def test_a_workflow_shows_what_is_wrong_with_it(workflow: str, rule: str) -> None:
    assert rule in of(workflow)


@pytest.mark.parametrize(
    "workflow",
    [
        step(f"uses: owner/action@{SHA}"),
        step("uses: ./local"),
        step(
            f"{{uses: 'o/a@{SHA}', with: {{ref: '${{{{ github.event.pull_request.head.sha }}}}'}}}}",
            "pull_request_target",
        ),
        step("{run: 'echo \"$TITLE\"', env: {TITLE: '${{ github.event.issue.title }}'}}"),
        step("run: 'x ${{ github.event.issue.number }} ${{ github.sha }}'"),
        step("{id: one, run: x}\n      - run: 'y ${{ steps.one.outputs.z }}'"),
        step("{run: x, if: 'always() && !cancelled()'}"),
        step("{run: x, if: \"${{ github.ref == 'x' && contains(github.event.head_commit.message, '}}') }}\"}"),
        step("{run: x, name: '${{ inputs.y }}'}", "{workflow_dispatch: {inputs: {y: {type: string}}}}"),
        job("strategy: {matrix: {include: [{os: a}]}}\n    name: '${{ matrix.os }}'\n    steps: [{run: x}]"),
        job("strategy: {matrix: '${{ fromJSON(vars.M) }}'}\n    name: '${{ matrix.os }}'\n    steps: [{run: x}]"),
        step("{run: 'a | b', shell: bash}"),
        step(
            "run: x",
            "{pull_request: {types: opened, branches: [a], paths-ignore: [b]}, repository_dispatch: {types: [z]}}",
        ),
        step("run: x", "{workflow_dispatch: {inputs: {a: {default: x}, b: {type: choice, options: [c], default: c}}}}"),
        step("run: x").replace("ubuntu-24.04", "ubuntu-latest-8-cores"),
        step("run: x").replace("ubuntu-24.04", "our-runner"),
        step(f"{{uses: 'actions/checkout@{SHA}', with: {{fetch-depth: 0, something-new: 1}}}}"),
        step(f"{{uses: 'actions/setup-python@{SHA}', with: {{python-version: '3.10'}}}}"),
        step("{run: x, env: {RATIO: 0.10}}"),
        job("outputs: {o: '${{ steps.s.outputs.x }}'}\n    steps: [{run: x, id: s, env: {A: '${{ runner.os }}'}}]"),
        job("services: {db: {image: 'a:1', env: {A: '${{ secrets.X }}'}}}\n    steps: [{run: x}]"),
        "name: x\ndescription: y\nruns: {using: composite, steps: [{run: x, shell: sh}, {uses: ./y}]}",
        step("run: 'set -o pipefail; a | b'"),
        step("{shell: bash, run: 'printf %s \"${{ secrets.X }}\" | tool login --password-stdin'}"),
    ],
)
def test_what_is_right_is_left_alone(workflow: str) -> None:
    assert of(workflow) == set()


@pytest.mark.parametrize(
    ("pipeline", "rule"),
    [
        ("a: {script: b, image: c}", "image-not-pinned"),
        ("default: {image: c}\na: {script: b}", "image-not-pinned"),
        ("a: {scrpt: b}", "no-script"),
        (".a: {script: b}", "no-jobs"),
        ("a: {script: b, extends: c}", "extends-unknown"),
        ("a: {extends: b}\nb: {extends: a, script: x}", "extends-cycle"),
        ("a: {script: b, needs: [c]}", "needs-unknown"),
        ("a: {script: b, stage: c}", "unknown-stage"),
        ("a: {script: b, rules: [{if: $X}], except: [main]}", "rules-with-only"),
        ("a: {script: b, variables: {CI_DEBUG_TRACE: 'true'}}", "debug-trace"),
        ("a: {script: b, wen: always}", "unknown-field"),
        ("include: [{project: a/b, file: c.yml}]\na: {script: b}", "include-without-ref"),
        ("a: {script: b}\na: {script: c}", "duplicate-key"),
        ("a: {script: b, rules: [{if: '$X = \"main\"'}]}", "condition"),
        ("a: {script: b, rules: [{if: '$X =~ /^a/b/'}]}", "condition"),
        ("workflow: {rules: [{if: '$X and $Y'}]}\na: {script: b}", "condition"),
        ("a: {script: b, artifacts: {expire_in: 5 foos}}", "bad-span"),
        ("a: {script: b, timeout: 3 hourz}", "bad-span"),
        ("a: {script: b, environment: {name: x, on_stop: gone}}", "on-stop"),
        ("a: {script: b, environment: {name: x, on_stop: c}}\nc: {script: b}", "on-stop"),
        ("a: {script: b}\nc: {script: b, dependencies: [a]}", "dependency-of-stage"),
        (
            "a: {script: b, stage: build}\nc: {script: b, stage: build}\nd: {script: b, needs: [a], dependencies: [c]}",
            "dependency-not-needed",
        ),
        ("a: {script: b, rules: [{if: $CI_COMMIT_TAG}]}\nc: {script: b, needs: [a]}", "needs-sometimes"),
        ("a: {script: b, variables: {PYTHON_VERSION: 3.10}}", "version-is-number"),
    ],
)
def test_a_pipeline_shows_what_is_wrong_with_it(pipeline: str, rule: str) -> None:
    assert rule in of(pipeline, "gitlab")


@pytest.mark.parametrize(
    "pipeline",
    [
        ".x: {script: [a], rules: [{if: $A}]}\nb: {script: [!reference [.x, script]], rules: [!reference [.x, rules]]}",
        ".x: {variables: {A: b}, image: c:1}\nb: {script: d, variables: !reference [.x, variables]}",
        "include: [{local: /a.yml}]\nb: {extends: .c, stage: d, needs: [e]}",
        "a: {script: 'echo $CI_PROJECT_NAME > x; echo $TOKEN | docker login --password-stdin'}",
        "a: {trigger: {project: b/c}}",
        "a: {script: b, needs: [{pipeline: $P, job: c}, {job: d, optional: true}]}",
        "a: {script: b, rules: [{if: '($A || $B == null) && $C !~ /x\\/y/i && \"$\" != $D'}, {if: '$[[ inputs.x ]]'}]}",
        "a: {script: b, timeout: 1h 30m, artifacts: {paths: [x], expire_in: 2 wks and 1 day}, start_in: $X}",
        "a: {script: b, environment: {name: x, on_stop: c}}\nc: {script: b, environment: {name: x, action: stop}}",
        "a: {script: b, stage: build}\nc: {script: b, dependencies: [a]}",
        "a: {script: b, rules: [{if: $X}, {when: on_success}]}\nc: {script: b, needs: [a]}",
        "a: {script: b, rules: [{if: $CI_COMMIT_TAG}, {if: $CI_COMMIT_BRANCH}]}\nc: {script: b, needs: [a]}",
        "a: {script: b, rules: [{if: $X}]}\nc: {script: b, needs: [{job: a, optional: true}]}",
        "spec: {inputs: {x: {default: a}}}\n---\na: {script: b, stage: '$[[ inputs.x ]]'}",
    ],
)
def test_a_right_pipeline_is_left_alone(pipeline: str) -> None:
    assert of(pipeline, "gitlab") == set()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("steps: [{run: x, working-dir: y}, {uses: ./a, fetch-depth: 0}]", ["working-dir", "fetch-depth"]),
        ("steps: [{run: x, wrong: y}]\n    timeout: 5", ["wrong", "timeout"]),
        ("steps: [{name: x}, {run: {a: b}}]", ["steps[0]", "run"]),
        ("steps: [{uses: ./a, shell: sh}]", ["steps[0]"]),
    ],
)
def test_each_mistake_of_a_job_with_steps_is_told_where_it_stands(lines: str, expected: list[str]) -> None:
    findings = [one for one in lint(job(lines), None)[0] if one.rule in ("schema", "unknown-field")]
    assert sorted(one.path.rpartition(".")[2] for one in findings) == sorted(expected)
    assert "`uses`" not in "".join(one.fix for one in findings)


def test_a_key_that_needs_another_one_names_it() -> None:
    finding = next(one for one in lint(step("{uses: ./a, shell: sh}"), None)[0] if one.rule == "schema")
    assert "`shell`" in finding.message and "`run`" in finding.message


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("version: 2\nupdates: [{package-ecosystem: npm, directory: /}]", "Dependabot"),
        ("version: 2.1\njobs: {a: {steps: [checkout]}}\nworkflows: {m: {jobs: [a]}}", "CircleCI"),
        ("trigger: [main]\npool: {vmImage: x}\nsteps: [{script: y}]", "Azure"),
        ("stages: [{stage: a, jobs: []}]", "Azure"),
        ("steps: [{command: x}]", "Buildkite"),
        ("pipelines: {default: [{step: {script: [x]}}]}", "Bitbucket"),
        ("services: {a: {image: b}}", "compose_lint"),
        ("apiVersion: v1\nkind: Pod", "k8s_manifest_lint"),
    ],
)
def test_a_file_for_another_program_is_refused_by_name(text: str, name: str) -> None:
    for kind in (None, "github", "gitlab"):
        with pytest.raises(ToolError, match=name):
            lint(text, kind)


def test_a_secret_that_is_printed_is_named_as_it_is_written() -> None:
    messages = [one.message for one in lint(step("run: 'echo ${{ secrets.DEPLOY_KEY }}'"), None)[0]]
    assert "The script prints `secrets.DEPLOY_KEY`." in messages


def test_an_expression_is_taken_apart() -> None:
    text = "${{ github.event.issue['title'] == 'a }} b' }} and ${{ fromJSON(needs.*.x)[0] || matrix.os }}"
    first, second = (read(one.text) for one in expressions_in(text))
    assert first.references == ("github.event.issue.title",)
    assert (second.references, second.functions) == (("needs.*.x", "matrix.os"), ("fromJSON",))


@pytest.mark.parametrize(
    ("line", "hidden"),
    [("a | b", True), ("a || b", False), ("a |& b", False), ("grep 'a|b' c", False), ("echo x >| y", False)],
)
def test_a_pipe_is_told_apart_from_its_likes(line: str, hidden: bool) -> None:
    assert pipes(line) is hidden


WRONG = """\
on: {schedule: [5, {cron: [1]}], push: 5}
env: [1]
jobs:
  a: 5
  b: null
  c: {steps: {a: 1}, strategy: [1], needs: {a: 1}, services: [1], runs-on: {labels: [[1]]}}
  d: {uses: [1]}
  e: {steps: [1, null, {uses: 5, run: [1]}]}
"""
WRONG_GITLAB = """\
stages: {a: 1}
image: [1]
variables: [1]
include: [5, [1]]
a: {script: {a: 1}, rules: 5, needs: {a: 1}, cache: 5, extends: {a: 1}, stage: [1]}
b: 5
"""
HEAD = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"
HOSTILE = {
    "a path for the schema's pattern": f"on: push\njobs: {{a: {{uses: {'a/' * 60_000}x}}}}",
    "expressions without end": f"{HEAD}    - run: '{'${{' * 60_000}'",
    "many expressions": f"{HEAD}    - run: '{'${{ a }}' * 20_000}'",
    "many wrong names": HEAD + "".join(f"    - run: '${{{{ steps.q{n}.x }}}}'\n" for n in range(4000)),
    "brackets": f'{HEAD}    - run: x\n      if: "{"(" * 100_000}"',
    "quotes": f'{HEAD}    - run: "{chr(39) * 150_001}"',
    "downloads": f"{HEAD}    - run: {'curl ' * 39_000}",
    "pipes": f"{HEAD}    - run: {'| ' * 90_000}x",
    "many steps": HEAD + "    - {run: x, bogus: 1}\n" * 6000,
    "conditions": f"a: {{script: b, rules: [{{if: '{'/a' * 900}'}}, {{if: '{'(' * 90_000}'}}]}}",
    "spans": f"a: {{script: b, timeout: '{'x ' * 90_000}'}}",
    "many needs": f"on: push\njobs: {{a: {{runs-on: x, steps: [{{run: a}}], needs: [{'b,' * 15_000}]}}}}",
    "wrong types": WRONG,
    "wrong types of gitlab": WRONG_GITLAB,
    "a long chain": "".join(f".j{n}: {{extends: [.j{n + 1}, .j{n + 2}]}}\n" for n in range(4000)),
    "deep lists": f"a: {{script: {'[' * 70}x{']' * 70}}}",
    "a list": "- a",
    "other text": "Dear operator, my pipeline is broken.",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_survived(text: str) -> None:
    survives(CI_LINT, "workflow", text)


def test_a_workflow_that_is_called_a_pipeline_is_judged_as_one_and_the_other_way_round() -> None:
    assert "schema" in of(step("run: x"), "gitlab")
    assert "schema" in of("a: {script: b}", "github")


@pytest.mark.parametrize(
    "raw",
    [{}, {"workflow": ""}, {"workflow": "a", "kind": "jenkins"}, {"workflow": "x" * 10_000_000}, {"kind": "github"}],
)
def test_input_out_of_bounds_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(ToolError):
        CI_LINT.read(raw)
