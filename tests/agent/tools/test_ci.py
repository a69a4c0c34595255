"""Show that workflows and pipelines are judged as an experienced operator would judge them."""

import pytest

from agent.tools.ci import CI_LINT, lint
from agent.tools.ci_expressions import expressions_in, read
from agent.tools.ci_scripts import pipes
from agent.types import ToolError
from tests.agent.tools.lint_support import INPUTS, complete, expected, rules, seen, survives
from tests.agent.tools.support import NOWHERE

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
        (job("if: ${{ env.X }}\n    steps: [{run: x}]"), "context-not-here"),
        (job("container: node\n    steps: [{run: x}]"), "image-not-pinned"),
        (job("needs: b\n    steps: [{run: x}]"), "needs-unknown"),
        (job("<<: {env: {A: b}}\n    steps: [{run: x}]"), "merge-key"),
        (job("env: {A: b}\n    env: {A: c}\n    steps: [{run: x}]"), "duplicate-key"),
        ("on: push\npermissions: {}\njobs: {a: {uses: ./x.yml}}", "reusable-path"),
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
        "spec: {inputs: {x: {default: a}}}\n---\na: {script: b, stage: '$[[ inputs.x ]]'}",
    ],
)
def test_a_right_pipeline_is_left_alone(pipeline: str) -> None:
    assert of(pipeline, "gitlab") == set()


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
