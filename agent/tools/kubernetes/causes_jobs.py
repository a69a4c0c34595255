"""Tell why a job failed or a cron job does not run."""

from datetime import datetime

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.causes_admission import explain_refusal
from agent.tools.kubernetes.causes_pods import explain_pods
from agent.tools.kubernetes.columns_workloads import images
from agent.tools.kubernetes.events import event_time
from agent.tools.kubernetes.owners import owned
from agent.tools.kubernetes.reading import Json, age, condition, count, flag, moment, name_of, rows, table, whole, words
from agent.tools.kubernetes.resources import CRONJOBS, JOBS, PODS
from agent.tools.kubernetes.selecting import written

_FIXES = {
    "BackoffLimitExceeded": "Fix what its pods fail of, then make the job again; backoffLimit only sets the tries.",
    "DeadlineExceeded": "Raise activeDeadlineSeconds, or make the job faster.",
    "PodFailurePolicy": "Fix what its pods fail of: the job's podFailurePolicy ends it at such an exit code.",
}


def explain_job(case: Case, job: Json) -> None:
    """Add why a job failed or does not get on."""
    name, status = name_of(job), table(job, "status")
    done, needed = count(status, "succeeded"), whole(job, "spec", "completions")
    limit = whole(job, "spec", "backoffLimit")
    case.facts |= {"succeeded": done, "failed": count(status, "failed"), "active": count(status, "active")}
    case.facts |= {"completions": 1 if needed is None else needed, "image": images(job)}
    case.good.append((f"Job {name} status", f"{done} of {case.facts['completions']} completions"))
    if flag(job, "spec", "suspend"):
        evidence = [(f"Job {name} spec", "suspend: true")]
        case.add(f"Job {name} is suspended.", evidence, "Set suspend to false.", severity="warning")
    complete = condition(job, "Complete").get("status") == "True"
    failed = condition(job, "Failed")
    if failed.get("status") == "True":
        reason = words(failed, "reason", longest=60)
        evidence = [(f"Job {name} condition Failed", f"{reason}: {words(failed, 'message')}")]
        evidence.append((f"Job {name} status", f"{count(status, 'failed')} failed tries, backoffLimit {limit}"))
        cause = f"Job {name} has failed: {_in_words(reason, limit)}."
        case.add(cause, evidence, _FIXES.get(reason, "Fix what its pods fail of, then make the job again."))
    refused = {} if complete else case.warning(job, JOBS, "FailedCreate")
    if refused:
        explain_refusal(case, words(refused, "message", longest=1500), [case.event_fact(refused)], "The job's pods")
    if not complete:
        found = case.several(PODS, labels=written(table(job, "spec", "selector")), decides=True)
        pods = owned(found.items, JOBS, name)
        newest = sorted(pods, key=lambda one: words(one, "metadata", "creationTimestamp"), reverse=True)
        running = [one for one in newest if words(one, "status", "phase") in ("Pending", "Failed") or _is_stuck(one)]
        explain_pods(case, running[:3])


def _is_stuck(pod: Json) -> bool:
    return any(not flag(one, "ready") for one in rows(pod, "status", "containerStatuses"))


def _in_words(reason: str, limit: int | None) -> str:
    if reason == "BackoffLimitExceeded":
        return f"its pods failed more often than backoffLimit allows ({6 if limit is None else limit})"
    if reason == "DeadlineExceeded":
        return "it ran longer than activeDeadlineSeconds"
    return reason or "no reason given"


def explain_cronjob(case: Case, cronjob: Json) -> None:
    """Add why a cron job does not run, or why its last job failed."""
    name, now = name_of(cronjob), case.cluster.now
    last, good = moment(cronjob, "status", "lastScheduleTime"), moment(cronjob, "status", "lastSuccessfulTime")
    schedule = words(cronjob, "spec", "schedule")
    case.facts |= {"schedule": schedule, "last_schedule": age(last, now) if last else "never"}
    case.facts["last_success"] = age(good, now) if good else "never"
    spec: Evidence = (f"CronJob {name} spec", f"schedule {schedule}, suspend {flag(cronjob, 'spec', 'suspend')}")
    case.good.append(spec)
    if flag(cronjob, "spec", "suspend"):
        case.add(
            f"CronJob {name} is suspended, so it starts no jobs.", [spec], "Set suspend to false.", severity="warning"
        )
    is_told = _explain_events(case, cronjob, last)
    running = rows(cronjob, "status", "active")
    if running and words(cronjob, "spec", "concurrencyPolicy") == "Forbid":
        evidence = [(f"CronJob {name} status", f"still active: {', '.join(words(one, 'name') for one in running[:4])}")]
        fix = "See why the running job takes so long; no new one starts meanwhile."
        cause = f"CronJob {name} waits for its running job (concurrencyPolicy Forbid)."
        case.add(cause, evidence, fix, severity="info")
    every = case.several(JOBS, decides=True)
    jobs = sorted(owned(every.items, CRONJOBS, name), key=lambda one: words(one, "metadata", "creationTimestamp"))
    if jobs:
        case.facts["last_job"] = name_of(jobs[-1])
        explain_job(case, jobs[-1])
    elif last and every.whole and not running and not is_told and (good is None or good < last):
        _explain_no_success(case, name)


def _explain_no_success(case: Case, name: str) -> None:
    """Add that the last job did not succeed and is gone, and its reason with it."""
    good = case.facts["last_success"]
    facts = f"last schedule {case.facts['last_schedule']} ago, last success {good}{'' if good == 'never' else ' ago'}"
    fix = "Keep failed jobs (failedJobsHistoryLimit 1, no ttlSecondsAfterFinished), and ask again after the next run."
    cause = f"The last job of CronJob {name} did not succeed, and it is deleted, so that nothing says why."
    case.add(cause, [(f"CronJob {name} status", facts)], fix, severity="warning", confidence="medium")


_NO_START = ("FailedNeedsStart", "TooManyMissedTimes", "InvalidSchedule", "UnknownTimeZone")
_UNREADABLE = ("UnParseableCronJobSchedule", "UnparseableSchedule")


def _explain_events(case: Case, cronjob: Json, last: datetime | None) -> bool:
    """Add why no job is made, unless one was made since; return whether something was found."""
    name = name_of(cronjob)
    event = case.warning(cronjob, CRONJOBS, "FailedCreate", "MissSchedule", *_NO_START, *_UNREADABLE)
    when = moment({"at": event_time(event)}, "at")
    if not event or (last and when and when < last):
        return False
    said, evidence = words(event, "message", longest=1500), [case.event_fact(event)]
    if words(event, "reason") == "FailedCreate":
        explain_refusal(case, said, evidence, f"The jobs of CronJob {name}")
    elif words(event, "reason") == "MissSchedule":
        fix = "Set a longer startingDeadlineSeconds, and see whether the controller manager of the cluster keeps up."
        case.add(f"CronJob {name} has missed its time to start a job.", evidence, fix)
    else:
        fix = "Correct schedule and timeZone; after too many missed times set startingDeadlineSeconds."
        case.add(f"CronJob {name} can't start its jobs: {said[:300]}", evidence, fix)
    return True
