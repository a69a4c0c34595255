"""Show why jobs fail, and why cron jobs start none."""

import pytest

from tests.agent.tools.kubernetes.support import diagnosed, facts, first_cause
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import SHOP, ago, condition, event, job, made, owned_by


def failed_job(fake: FakeKubernetes, reason: str = "BackoffLimitExceeded", **more: object) -> None:
    message = "Job has reached the specified backoff limit"
    failed = condition("Failed", "True", reason, message)
    fake.put(job(conditions=[failed], status={"failed": 4}, **more), scenes.failed_job_pod())
    fake.logs[(SHOP, "report-q7w2e", "report", False)] = "KeyError: 'REPORT_BUCKET'\n"


def test_a_job_that_used_up_its_tries(fake: FakeKubernetes) -> None:
    failed_job(fake)
    causes = diagnosed(fake, "job", "report")["causes"]
    assert causes[0]["cause"] == "Job report has failed: its pods failed more often than backoffLimit allows (3)."
    assert "4 failed tries, backoffLimit 3" in facts(causes[0])
    assert causes[1]["cause"] == "Container report has failed: a setting is missing."
    assert "REPORT_BUCKET" in facts(causes[1])


def test_a_job_that_took_too_long(fake: FakeKubernetes) -> None:
    failed_job(fake, "DeadlineExceeded")
    assert "ran longer than activeDeadlineSeconds" in first_cause(fake, "job", "report")["cause"]


def test_a_job_that_is_done(fake: FakeKubernetes) -> None:
    fake.put(job(conditions=[condition("Complete", "True")], status={"succeeded": 1}))
    assert diagnosed(fake, "job", "report")["healthy"] is True


def cronjob(**spec: object) -> dict[str, object]:
    return made("CronJob", "nightly", spec={"schedule": "0 3 * * *", **spec}, status={"lastScheduleTime": ago(hours=4)})


def test_a_suspended_cron_job(fake: FakeKubernetes) -> None:
    fake.put(cronjob(suspend=True))
    cause = first_cause(fake, "cronjob", "nightly")
    assert "is suspended" in cause["cause"]
    assert "suspend True" in facts(cause)


def test_a_cron_job_leads_to_its_last_job(fake: FakeKubernetes) -> None:
    failed_job(fake, meta={"ownerReferences": owned_by("CronJob", "nightly")})
    fake.put(cronjob())
    found = diagnosed(fake, "cj", "nightly")
    assert found["facts"]["last_job"] == "report"
    assert "Job report has failed" in found["causes"][0]["cause"]


QUOTA = (
    "Error creating job: jobs.batch is forbidden: exceeded quota: compute, requested: count/jobs.batch=1, "
    "used: count/jobs.batch=10, limited: count/jobs.batch=10"
)


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        ("FailedCreate", QUOTA, "Quota `compute` is used up: the jobs of cronjob nightly"),
        ("MissSchedule", "Missed scheduled time to start a job: Mon, 23 Nov", "has missed its time to start a job"),
        ("UnParseableCronJobSchedule", "unparseable schedule: 0 3 * *", "can't start its jobs: unparseable schedule"),
        ("TooManyMissedTimes", "too many missed start times", "can't start its jobs: too many missed start times"),
    ],
)
def test_a_cron_job_that_starts_no_jobs_says_why(fake: FakeKubernetes, reason: str, message: str, words: str) -> None:
    fake.put(cronjob(), event(cronjob(), reason, message))
    causes = diagnosed(fake, "cronjob", "nightly")["causes"]
    assert [words in one["cause"] for one in causes] == [True]
    assert message in facts(causes[0])


def test_what_kept_a_cron_job_before_its_last_job_is_over(fake: FakeKubernetes) -> None:
    found = cronjob() | {"status": {"lastScheduleTime": ago(seconds=5), "lastSuccessfulTime": ago(seconds=1)}}
    fake.put(found, event(found, "MissSchedule", "Missed scheduled time to start a job"))
    assert diagnosed(fake, "cronjob", "nightly")["healthy"] is True


@pytest.mark.parametrize(
    ("succeeded", "healthy"),
    [({"days": 9}, False), ({"minutes": 2}, True), ({}, False)],
    ids=["long ago", "since", "never"],
)
def test_a_cron_job_whose_failed_jobs_are_gone_is_not_healthy(
    fake: FakeKubernetes, succeeded: dict[str, float], healthy: bool
) -> None:
    status = {"lastScheduleTime": ago(minutes=4)} | ({"lastSuccessfulTime": ago(**succeeded)} if succeeded else {})
    fake.put(cronjob() | {"status": status})
    found = diagnosed(fake, "cronjob", "nightly")
    assert found["healthy"] is healthy
    assert healthy or "did not succeed, and it is deleted" in found["causes"][0]["cause"]


def test_a_cron_job_whose_job_still_runs_is_healthy(fake: FakeKubernetes) -> None:
    fake.put(cronjob() | {"status": {"lastScheduleTime": ago(minutes=4), "active": [{"name": "nightly-1"}]}})
    assert diagnosed(fake, "cronjob", "nightly")["healthy"] is True
