"""Tell why the API refuses the pods that a controller wants to make: quota, webhook, policy, limits."""

import re

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.reading import labels, words
from agent.tools.kubernetes.resources import QUOTAS

_QUOTA = re.compile(
    r"exceeded quota: ([^,\s]{1,253}), requested: (.{1,300}?), used: (.{1,300}?), limited: (.{1,300}?)(?:$|[;\"])"
)
_WEBHOOK = re.compile(r'admission webhook "([^"]{1,253})" denied the request:? ?(.{0,400})', re.DOTALL)
_WEBHOOK_DOWN = re.compile(r'failed calling webhook "([^"]{1,253})":? ?(.{0,300})', re.DOTALL)
_QUOTA_NEEDS = re.compile(r"failed quota: ([^:\s]{1,253}): must specify ([\w., /-]{1,200})")
_ACCOUNT = re.compile(r'serviceaccount "([^"]{1,253})" not found', re.IGNORECASE)
_POLICY = re.compile(r'violates PodSecurity "([^"]{1,100})": (.{1,500})', re.DOTALL)
_LIMITS = re.compile(r"(?i)(?:maximum|minimum) [\w.-]{1,60} usage per (?:Container|Pod) is .{1,200}")


def explain_refusal(case: Case, message: str, evidence: list[Evidence], what: str) -> None:
    """Add why pods are refused, from the words of the API."""
    if _explain_quota(case, message, evidence, what):
        return
    if denied := _WEBHOOK.search(message):
        fix = "Change what the webhook's policy demands in the pod's template, or ask those who run the policy."
        case.add(f"{what} are refused by the admission webhook {denied[1]}: {denied[2].strip()}", evidence, fix)
    elif down := _WEBHOOK_DOWN.search(message):
        fix = "Bring the webhook's service back; until then nothing that it watches can be made."
        case.add(f"{what} can't be made, since the admission webhook {down[1]} does not answer.", evidence, fix)
    elif policy := _POLICY.search(message):
        fix = "Set the securityContext that the message names, or choose another level for the namespace."
        case.add(f"{what} are refused by the pod security level {policy[1]}: {policy[2][:300]}", evidence, fix)
    elif account := _ACCOUNT.search(message):
        fix = f"Create the service account `{account[1]}` in namespace {case.namespace}, or correct serviceAccountName."
        case.add(f"{what} can't be made: service account `{account[1]}` does not exist.", evidence, fix)
    elif limits := _LIMITS.search(message):
        fix = "Keep requests and limits within the namespace's LimitRange, or change the LimitRange."
        case.add(f"{what} are refused by a LimitRange: {limits[0][:200]}", evidence, fix)
    else:
        fix = "Correct what the message names."
        case.add(f"{what} can't be made: {message[:250]}", evidence, fix, confidence="medium")


def _explain_quota(case: Case, message: str, evidence: list[Evidence], what: str) -> bool:
    exceeded, needs = _QUOTA.search(message), _QUOTA_NEEDS.search(message)
    if needs:
        fix = "Set these requests and limits on every container, or make a LimitRange with defaults."
        case.add(f"{what} are refused: quota `{needs[1]}` demands that pods set {needs[2]}.", evidence, fix)
        return True
    if not exceeded:
        return False
    name, asked, used, limit = exceeded.groups()
    quota = case.one(QUOTAS, name)
    if quota:
        now = labels(quota, "status", "used")
        hard = labels(quota, "status", "hard")
        facts = [f"{key} {now.get(key, '0')} of {most}" for key, most in [*hard.items()][:8]]
        evidence = [*evidence, (f"ResourceQuota {words(quota, 'metadata', 'name')} status", "; ".join(facts))]
    fix = "Free some of the quota by scaling others down, ask for less, or raise the ResourceQuota."
    cause = f"Quota `{name}` is used up: {what.lower()} ask for {asked}, {used} of {limit} is used."
    case.add(cause, evidence, fix)
    return True
