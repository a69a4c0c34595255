"""Name conversations after what they are about."""

import pytest

from services.titles import LONGEST, title_of


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Check my certificate", "Check my certificate"),
        ("  \n\n Why is web failing?\nIt started today.", "Why is web failing?"),
        ("When does `30 3 * * 1-5` run?", "When does 30 3 * * 1-5 run?"),
        ("*/5 * * * *", "*/5 * * * *"),
        ("* * * * *", "* * * * *"),
        ("# Lint this\n```yaml\na: 1\n```", "Lint this"),
        ("- **Split** `10.0.0.0/8`", "Split 10.0.0.0/8"),
        ("```\nkubectl get pods\n```", "kubectl get pods"),
        ("Explain:", "Explain"),
        ("...", "New conversation"),
        ("```", "New conversation"),
        ("snake_case_name and __bold__ words", "snake_case_name and bold words"),
    ],
)
def test_a_title_is_the_first_line_that_says_something(text: str, title: str) -> None:
    assert title_of(text) == title


@pytest.mark.parametrize("text", ["word " * 100, "x" * 5000, "ä" * 61])
def test_a_long_title_is_cut_at_a_word(text: str) -> None:
    title = title_of(text)
    assert len(title) <= LONGEST
    assert title.endswith("…")
