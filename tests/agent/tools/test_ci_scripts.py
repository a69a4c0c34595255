"""Show which shell lines print a secret, asking the one judge of names."""

import pytest

from agent.tools.ci.scripts import prints_secret_variable


@pytest.mark.parametrize(
    "line",
    [
        "echo $DB_PASS",
        'echo "${SMTP_PW}"',
        "printf '%s' $DEPLOY_TOKEN",
        "make && echo user=$USER password=$db_password",
        'echo "$REDIS_AUTH"',
        "echo ${SIGNING_KEY:-none}",
        "Write-Host $CLIENT_SECRET",
    ],
)
def test_a_printed_variable_that_is_called_like_a_secret_is_told(line: str) -> None:
    assert prints_secret_variable(line)


@pytest.mark.parametrize(
    "line",
    [
        "echo $PASSWORD_FILE",
        "echo $MAX_TOKENS $BYPASS $PUBLIC_KEY $CACHE_KEY",
        'echo "$pass passed, $fail failed"',
        "echo ${DB_PASS:+set} ${API_TOKEN+set}",
        "echo $DB_PASS | docker login --password-stdin",
        "echo $DB_PASS > .env",
        "login --password $DB_PASS",
        "echo 5$ DB_PASS",
    ],
)
def test_other_variables_and_programs_that_read_one_are_not(line: str) -> None:
    assert not prints_secret_variable(line)
