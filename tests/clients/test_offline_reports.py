"""Show the answers that the offline agent writes from what tools found."""

import json
from typing import Any

import pytest

from clients.offline.reports import report
from tests.clients.offline_results import DIAGNOSIS, FINDING, RESULTS


def written(name: str, found: Any, *, is_error: bool = False) -> str:
    return report({"name": name}, {"content": json.dumps(found), "is_error": is_error})


@pytest.mark.parametrize(("name", "found", "words"), RESULTS, ids=[name for name, _, _ in RESULTS])
def test_an_answer_leads_with_what_was_found(name: str, found: dict[str, Any], words: list[str]) -> None:
    said = written(name, found)
    place = -1
    for word in words:
        assert word in said
        place = max(place, said.index(word))
    assert said.index(words[0]) < 200
    assert "```json" not in said or name == "k8s_get"


def test_results_are_read_with_and_without_the_marks_of_data() -> None:
    found = {"expression": "x", "words": "Every </b> minute.", "next_runs": [], "tz": "UTC", "warnings": []}
    bare = json.dumps(found)
    marked = '<tool_data tool="cron_explain">\n' + bare.replace("</", "<\\/") + "\n</tool_data>"
    answers = {report({"name": "cron_explain"}, {"content": one}) for one in (bare, marked)}
    assert len(answers) == 1 and "Every \\</b> minute." in answers.pop()


@pytest.mark.parametrize("marked", [False, True])
def test_an_error_is_passed_on_in_one_sentence(marked: bool) -> None:
    content = json.dumps({"error": "The host\ncan't be found."})
    content = f'<tool_data tool="http_check">\n{content}\n</tool_data>' if marked else content
    said = report({"name": "http_check"}, {"content": content, "is_error": True})
    assert said == "I could not do that: The host can't be found."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("Not run: the user refused it.", "Not done: you refused."),
        ("Not run: the user refused it. They said: not on a Friday.", "Not done: you refused (not on a Friday)."),
        ("Not run: the user refused it. They said: [x](y)", r"Not done: you refused (\[x\](y))."),
    ],
)
def test_a_no_of_the_user_is_told_plainly(error: str, said: str) -> None:
    assert written("k8s_scale", {"error": error}, is_error=True) == said


def test_an_unknown_outcome_is_never_told_as_done() -> None:
    error = "It is not known whether this was done: the line broke. Look at the present state before anything else."
    said = written("k8s_restart", {"error": error, "outcome": "unknown"})
    assert "not known" in said and "Done" not in said


@pytest.mark.parametrize(
    "found",
    [{}, {"findings": 5}, {"report": "nothing"}, {"runs": [3]}, {"status": "x", "reachable": True}, [1], "x", 5],
)
def test_shapes_that_are_not_known_are_shown_as_they_are(found: Any) -> None:
    for name in {name for name, _, _ in RESULTS} | {"unknown_tool"}:
        assert written(name, found).strip()


def test_an_unknown_tool_is_shown_as_json() -> None:
    assert '"n": 1' in written("unknown_tool", {"n": 1})


def test_a_result_that_is_no_json_is_an_error() -> None:
    assert report({"name": "x"}, {"content": "oops"}).startswith("I could not do that: oops")


def _found(*rules: str) -> dict[str, Any]:
    """Return findings of these rules in this order, each in a line and with a message of its own."""
    listed = [{**FINDING, "rule": rule, "line": line, "message": f"m{line}."} for line, rule in enumerate(rules, 1)]
    return {"counts": {"error": len(listed)}, "findings": listed, "not_listed": 0}


def test_what_one_rule_finds_often_is_said_once() -> None:
    said = written("dockerfile_lint", _found("sudo", *["asks"] * 6))
    assert "- **error** `sudo` (line 1, `FROM`): m1." in said
    assert "- **error** `asks` (6×, lines 2, 3, 4, 5, 6 …): m2. m3. m4. …" in said
    assert said.count("Every build may") == said.count("Fix:") == 2
    assert said.endswith("All 7 are in the tool's row above.")


def test_a_long_list_of_rules_is_cut_and_says_where_the_rest_is() -> None:
    rules = [f"rule-{number}" for number in range(10)]
    assert written("ci_lint", _found(*rules)).endswith("… and 2 more rules. All 10 are in the tool's row above.")
    assert written("ci_lint", {**_found(*rules), "not_listed": 5}).endswith("10 of the 15 are in the tool's row above.")
    assert "row above" not in written("ci_lint", _found(*rules[:8]))


def test_what_is_not_connected_leads_to_where_it_can_be() -> None:
    error = "Connect a Kubernetes cluster on the settings page first."
    said = "I could not do that: connect a Kubernetes cluster on the [settings page](/settings#connections) first."
    assert written("k8s_get", {"error": error}, is_error=True) == said


def test_lines_of_a_log_stay_lines() -> None:
    cause = {
        **DIAGNOSIS["causes"][0],
        "evidence": [{"from": "log", "fact": "one\n```\ntwo"}, {"from": "x", "fact": "y"}],
    }
    said = written("k8s_diagnose", {**DIAGNOSIS, "causes": [cause]})
    assert "- log:\n\n  ````\n  one\n  ```\n  two\n  ````\n\n- x: `y`" in said
