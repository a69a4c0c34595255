"""Show that a schedule that never comes is told apart from one that is badly written."""

import pytest

from agent.schedules import first_runs, problem_of


@pytest.mark.parametrize("schedule", ["0 0 31 2 *", "0 0 30 2 *", "0 12 31 4,6,9,11 *"])
def test_a_date_that_never_comes_is_well_written(schedule: str) -> None:
    assert problem_of(schedule) == ""
    assert first_runs(schedule, 1) == []


@pytest.mark.parametrize("schedule", ["0 0 29 2 *", "0 0 31 2 1", "*/5 * * * *", "0 0 * JAN SUN"])
def test_what_comes_at_last_has_runs(schedule: str) -> None:
    assert problem_of(schedule) == ""
    assert len(first_runs(schedule, 2)) == 2


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("61 * * * *", "Bad minute"),
        ("* * 32 * *", "Bad day-of-month"),
        ("* * * 13 *", "Bad month"),
        ("* * * *", "five fields"),
        ("@reboot", "five fields"),
        ("* " * 90_000, "five fields"),
    ],
)
def test_bad_writing_is_named(schedule: str, words: str) -> None:
    assert words in problem_of(schedule)
