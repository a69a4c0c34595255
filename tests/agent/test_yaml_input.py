"""Show that YAML is read within limits, with lines, and as its real reader would read it."""

import time

import pytest

from agent.types import ToolError
from agent.yaml_input import MAX_CHARS, path_text, read_documents
from agent.yaml_scalars import Dialect

TEXT = """\
# A comment first.
kind: Pod
spec:
  containers:
    - name: a
      image: "x"
    - {name: b,
       image: z}
---
---
kind: Service
"""


def test_documents_come_with_lines() -> None:
    pod, service = read_documents(TEXT)
    assert pod.value == {
        "kind": "Pod",
        "spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "z"}]},
    }
    assert pod.line_of(("spec", "containers", 0, "image")) == 6
    assert pod.line_of(("spec", "containers", 1, "image")) == 8
    assert (pod.first_line, service.first_line, service.line_of(("kind",))) == (2, 11, 11)


def test_a_missing_path_gives_the_line_of_what_is_there() -> None:
    pod = read_documents(TEXT)[0]
    assert pod.line_of(("spec", "containers", 0, "resources", "limits")) == 5
    assert pod.line_of(("spec", "volumes", 3)) == 3


def test_a_scalar_is_known_as_it_was_written() -> None:
    document = read_documents("ports: [22:22, '80:80', 0644]", dialect="gitlab")[0]
    assert document.value == {"ports": [1342, "80:80", 420]}
    first, second = (document.scalar_at(("ports", index)) for index in (0, 1))
    assert first and second
    assert (first.text, first.quoted, second.text, second.quoted) == ("22:22", False, "80:80", True)


@pytest.mark.parametrize(
    ("dialect", "values"),
    [
        ("kubernetes", [True, False, True, 420, "22:22", 1000, 15]),
        ("compose", ["yes", "no", "y", 420, "22:22", 1000, 15]),
        ("github", ["yes", "no", "y", 644, "22:22", "1_000", 15]),
        ("gitlab", [True, False, "y", 420, 1342, 1000, 15]),
    ],
)
def test_each_dialect_reads_plain_words_its_own_way(dialect: Dialect, values: list[object]) -> None:
    read = read_documents("[yes, no, y, 0644, 22:22, 1_000, 0xF]", dialect=dialect)[0].value
    assert read == values
    assert [type(one) for one in read] == [type(one) for one in values]


def test_the_key_on_is_a_key_of_workflows_and_a_trap_elsewhere() -> None:
    assert read_documents("on: push", dialect="github")[0].value == {"on": "push"}
    assert read_documents("on: push", dialect="kubernetes")[0].value == {"true": "push"}


@pytest.mark.parametrize("text", ["9" * 5000, "1e999", ".inf", ".nan", "2024-01-01", "<redacted:token>"])
def test_what_json_cannot_hold_stays_text(text: str) -> None:
    assert read_documents(f"a: {text}")[0].value == {"a": text}


def test_a_marker_of_a_secret_is_an_ordinary_value_everywhere() -> None:
    text = "a: <redacted:password>\nb: [<redacted:token>]\nc: {d: <redacted:key>}\n"
    assert read_documents(text)[0].value == {
        "a": "<redacted:password>",
        "b": ["<redacted:token>"],
        "c": {"d": "<redacted:key>"},
    }


def test_duplicate_keys_are_told_and_the_last_one_counts() -> None:
    document = read_documents("a:\n  b: 1\n  c: 2\n  b: 3\n")[0]
    assert document.value == {"a": {"b": 3, "c": 2}}
    assert [(one.path, one.line, one.first_line) for one in document.duplicates] == [(("a", "b"), 4, 2)]


def test_merges_follow_the_nearest_value() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 0\n"
    document = read_documents(text)[0]
    assert document.value["z"] == {"a": 0, "b": 1, "c": 2}
    assert document.line_of(("z", "c")) == 2
    assert [merge.line for merge in document.merges] == [4]


def test_json_and_a_markdown_fence_are_read() -> None:
    assert read_documents('{"a": [1, true, null, "\\u00e9"]}')[0].value == {"a": [1, True, None, "é"]}
    fenced = read_documents("```yaml\na: 1\nb: 2\n```\n")[0]
    assert (fenced.value, fenced.line_of(("b",))) == ({"a": 1, "b": 2}, 3)


def test_no_tag_makes_an_object() -> None:
    document = read_documents("a: !!python/object/apply:os.system ['true']\nb: !reference [x, z]\nc: !!str 5\n")[0]
    assert document.value == {"a": ["true"], "b": ["x", "z"], "c": "5"}
    node = document.node_at(("b",))
    assert node and node.tag == "!reference"


def _bomb() -> str:
    lines = ["a0: &a0 [" + ",".join("x" * 10) + "]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join(lines)


def _merge_bomb() -> str:
    return "".join(f"m{n}: &m{n}\n  k{n}: 1\n" + (f"  <<: *m{n - 1}\n" if n else "") for n in range(5000))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("---\n# nothing\n---\n", "is empty"),
        ("x" * (MAX_CHARS + 1), "200,000 fit"),
        ("a: 1\nb: \x00", "U+0000) in line 2"),
        ("a: \ud800", "U+D800"),
        ("a:\n\t- b", "tab"),
        ("a: 1\n b: 2", "line 2"),
        ("a: b: c", "quotes"),
        ("a: 'x", "never closed"),
        ("a: [1, 2", "line 1"),
        ("a: {{ .Values.x }}", "template"),
        ("a: x\n<<<<<<< HEAD\nb: y", "conflict"),
        ("? [a]\n: b", "a key must be plain text"),
        ("a: *b", "no anchor"),
        ("a: &a\n  b: *a", "contains itself"),
        ("<<: 5", "merges only mappings"),
        ("---\na\n" * 201, "more than 200 documents"),
        ("[" * 50_000, "nested deeper than 80"),
        ("{a: " * 50_000, "nested deeper than 80"),
        ("[" + "1," * 90_000 + "]", "more than 50,000 values"),
        (f"a: &a {'x' * 50_000}\nb: [{'*a,' * 40_000}]", "more than 50,000 values"),
        (_bomb(), "aliases counted in full"),
        (_merge_bomb(), "aliases counted in full"),
    ],
)
def test_it_refuses_hostile_and_broken_text_at_once(text: str, words: str) -> None:
    begun = time.process_time()
    with pytest.raises(ToolError) as refusal:
        read_documents(text)
    assert words in str(refusal.value)
    assert not refusal.value.ours
    assert len(str(refusal.value)) < 400
    assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    "text", ["a: |\n" + " x\n" * 60_000, "#" * 199_990 + "\na: 1", "a: '" + "''" * 90_000 + "'", "a: " + "b" * 190_000]
)
def test_long_text_within_the_limits_is_read_at_once(text: str) -> None:
    begun = time.process_time()
    assert list(read_documents(text)[0].value) == ["a"]
    assert time.process_time() - begun < 2


def test_a_path_reads_as_people_write_it() -> None:
    assert path_text(("spec", "containers", 0, "env")) == "spec.containers[0].env"
    assert path_text(("data", "a.b/c")) == "data[a.b/c]"
