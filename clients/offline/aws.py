"""Understand the four questions about AWS that a tool can answer."""

import re

from clients.offline.phrases import one_line, take_connection, without_courtesy
from clients.offline.steps import Say, Step, call

_REGION = re.compile(
    r"\b(?:us|eu|ap|ca|sa|me|af|il|mx|cn)-(?:gov-|iso[a-z]?-)?(?:north|south|east|west|central)(?:east|west)?-\d\b"
)
_LEFT_OUT = re.compile(
    r"\b(?:not|except(?: for)?|without|excluding|other than|(?:any|every)where but)\s(?:in\s|from\s)?(?:the\s)?"
    rf"{_REGION.pattern}(?:,?\s?(?:and\s|or\s)?(?:in\s)?{_REGION.pattern})*",
    re.IGNORECASE,
)
_AWS = r"(?:\b(?:aws|amazon)\b)"
_ASKS = r"\b(?:show|list|get|which|what|are|is|any|check|how many|do i have|give me|see|report|do we have)\b"
_REPORTS = (
    ("buckets", re.compile(r"\bs3\b|\bbuckets?\b", re.IGNORECASE)),
    (
        "alarms",
        re.compile(r"\b(?:cloudwatch|aws)\b.{0,60}\balarms?\b|\balarms\b|\balarm\b.{0,40}\bfiring\b", re.IGNORECASE),
    ),
    ("services", re.compile(rf"\b(?:ecs|fargate)\b|{_AWS}.{{0,40}}\bservices\b", re.IGNORECASE)),
    (
        "instances",
        re.compile(
            rf"(?<![\w.-])ec2(?![\w.-])|{_AWS}.{{0,40}}\b(?:instances|servers|machines|vms)\b|\binstances\b",
            re.IGNORECASE,
        ),
    ),
)
_SURE = re.compile(r"\b(?:aws|amazon|ec2|ecs|fargate|s3|cloudwatch)\b", re.IGNORECASE)
_ASKING = re.compile(_ASKS, re.IGNORECASE)
_CHANGES = re.compile(
    r"\b(?:delete|create|terminate|stop|start|reboot|launch|make|remove|change|enable|disable|attach|resize|set|silence|open|"
    r"close|upload|copy|empty)\b",
    re.IGNORECASE,
)
_HOW = re.compile(r"how (?:do|can|to|should)|what is an?\b|what does|explain\b", re.IGNORECASE)
READ_ONLY = (
    "I only read from AWS, and nothing was done: I can list EC2 instances, ECS services, CloudWatch alarms, and which "
    "S3 buckets are public."
)
WHICH_REGION = (
    "I can't leave out a region, and nothing was read. Name those that you want, for example "
    "`aws {report} in eu-west-1`."
)


def find_aws(words: str) -> Step:
    """Return the call of aws_read for one of its reports."""
    line, connection = take_connection(without_courtesy(one_line(words)))
    report = next((name for name, pattern in _REPORTS if pattern.search(line)), None)
    if report is None or _HOW.match(line):
        return None
    wanted, left_out = _LEFT_OUT.subn(" ", line)
    regions = list(dict.fromkeys(_REGION.findall(wanted)))
    sure = bool(_SURE.search(line) or regions or left_out or report == "buckets")
    if _CHANGES.match(line):
        return Say(READ_ONLY) if sure else None
    short = len(line.split()) <= 3
    if not (_ASKING.search(line) or (sure and (short or regions or left_out)) or short):
        return None
    if left_out and not regions:
        return Say(WHICH_REGION.format(report=report))
    return [call("aws_read", connection, report=report, region=region) for region in regions or (None,)]
