"""Understand what is asked about GitHub Actions."""

import re

from clients.offline.kubernetes_words import kind_of
from clients.offline.phrases import is_question, one_line, order_of, take_connection, without_courtesy
from clients.offline.schedules import is_zone
from clients.offline.speech import WORDS
from clients.offline.steps import Say, Step, call

LIMIT_MAX = 20
_REPO = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}"
_FIND_REPO = re.compile(rf"(?<![\w./@:-])(?:(?:https?://)?(?:www\.)?github\.com/)?({_REPO})(?![\w])")
_ABOUT_RUNS = re.compile(
    r"\b(?:github|gh|runs?|builds?|workflows?|actions|pipelines?|ci|cd|jobs?|deploy(?:s|ments?)?)\b",
    re.IGNORECASE,
)
_STATE = r"(?:green|red|broken|fail(?:s|ed|ing)?|pass(?:es|ed|ing)?)"
_ASKS_STATE = re.compile(rf"\b(?:is|are|why|did|does|has)\b.{{1,200}}\b{_STATE}\b", re.IGNORECASE)
# So one asks for a repository. "Why does drag/drop fail" and "are cats/dogs passing" may well be about something else.
_SURE_STATE = re.compile(
    rf"is {_REPO} (?:\w+ )?(?:green|red|passing)\b|(?:why )?did {_REPO} (?:\w+ )?(?:fail|pass)\b", re.IGNORECASE
)
# Words that stand on both sides of a slash in plain speech, and folders.
_NO_OWNERS = frozenset(
    "and or either input output read client server http https tcp udp ci on off in for apps app application n a b "
    "src lib test tests docs bin etc usr var tmp home up down yes no true false pass fail success start stop he she "
    "his him blue green red black white dev prod staging left right east west north south pros win lose".split()
)
_LIMIT = re.compile(
    r"\b(?:last|latest|recent|past|first)\s(\d{1,4})\b|\b(\d{1,4})\s(?:last |latest |recent )?(?:workflow )?"
    r"(?:runs|builds)\b"
    r"|\blimit[ =:]\s?(\d{1,4})\b|(?:^|\s)(?:-L|--limit)[ =](\d{1,4})\b",
    re.IGNORECASE,
)
_BRANCH = re.compile(
    r"\b(?:on|of|for|from)\s(?:the\s)?branch\s([\w./-]{1,200})|\b(?:on|from)\s(?:the\s)?([\w./-]{1,200})\sbranch\b"
    r"|\bon\s(main|master|develop|trunk)\b",
    re.IGNORECASE,
)
_VERB = r"(?i:deploy|run|trigger|dispatch|start|launch|roll ?out|execute)"
_WORKFLOW = r"(?:the )?(?:github )?(?:(?i:workflow) )?([\w.-]{1,95}\.ya?ml|(?<=workflow )\d{1,15})(?: (?i:workflow))?"
_IN_REPO = rf"(?i:of|in|on|from|for|at) (?:the )?(?:repo(?:sitory)? )?(?:(?:https?://)?github\.com/)?({_REPO}?)/?"
# "At noon", "for fun" and "on Monday" name no branch.
_REF = (
    r"(?:(?i:on|at|from|using|for|with) (?:the )?(?:ref|branch|tag|commit)[ =]"
    r"|(?i:on|from|using)[ =](?!(?i:\w{3,6}day)(?: |$))|(?i:at) (?=v\d))([\w./-]{1,200})"
)
_DEPLOY = re.compile(rf"{_VERB} {_WORKFLOW} {_IN_REPO} {_REF}")
_DEPLOY_LAST = re.compile(rf"{_VERB} {_WORKFLOW} {_REF} {_IN_REPO}")
_DEPLOY_WITH = re.compile(rf"{_VERB} (?:the )?({_REPO}) (?i:with|using|by) {_WORKFLOW} {_REF}")
_ENVIRONMENT = re.compile(r",? (?:(?:and |with )?(?:the )?environment |to (?:the )?environment )([\w.-]{1,100})$")
_INPUTS = re.compile(r" (?:and )?(?i:with)(?: (?i:inputs?|parameters?))?:? (?=[\w.-]{1,100}=)")
_PAIR = re.compile(r"([\w.-]{1,100})=(\"[^\"]{0,1000}\"|'[^']{0,1000}'|[^\s,\"']{1,1000})")
_WRITE_VERB = re.compile(r"\b(?:deploy|trigger|dispatch|launch|roll ?out|re-?run|run|start|execute)\b", re.IGNORECASE)
HOW_TO_DEPLOY = (
    "I start a workflow only on an exact order, and nothing was done. Write it like "
    "`deploy workflow deploy.yml of owner/repo on main with environment=production`; you are asked once more before "
    "it happens."
)
IS_IT_A_REPO = (
    "I can't tell whether `{repo}` is a repository on GitHub, and nothing was looked at. If it is one, ask "
    "`why did the last build of {repo} fail`."
)


def find_github(words: str) -> Step:
    """Return the call for a repository's runs, or for a workflow to start."""
    order = order_of(words)
    if order is not None and (step := _deploy(order)):
        return step
    line, connection = take_connection(without_courtesy(one_line(words)))
    repos = _repos(line)
    if not repos:
        return None
    if _WRITE_VERB.match(line) and not is_question(line):
        return Say(HOW_TO_DEPLOY)
    if re.match(r"(?:should|how (?:do|can|to)|can|could|would|may) ", line, re.IGNORECASE) and _WRITE_VERB.search(line):
        return Say(HOW_TO_DEPLOY)
    bare = re.sub(rf"(?:https?://)?(?:www\.)?(?:github\.com/)?{re.escape(repos[0])}", " ", line)
    if not _ABOUT_RUNS.search(bare) and "github.com/" not in line:
        if not _ASKS_STATE.search(line) or _has_unknown(line):
            return None
        if not _SURE_STATE.match(line):
            return Say(IS_IT_A_REPO.format(repo=repos[0]))
    branch = _BRANCH.search(bare)
    name = next(filter(None, branch.groups()), None) if branch else None
    return [call("github_runs", connection, repo=repo, limit=_limit(bare), branch=name) for repo in repos]


def _has_unknown(line: str) -> bool:
    """Tell whether there is a word besides the repositories that the question does not need."""
    words = re.findall(r"[\w'-]+", _FIND_REPO.sub(" ", _BRANCH.sub(" ", line)).lower())
    return not all(word in WORDS or re.fullmatch(_STATE, word) for word in words)


def _repos(line: str) -> list[str]:
    found = [match.group(1).rstrip(".").removesuffix(".git") for match in _FIND_REPO.finditer(line)]
    kept = [repo for repo in found if not _is_no_owner(repo.partition("/")[0].lower()) and not is_zone(repo)]
    # "9-17/2" in a schedule and "10.0.0.0/8" are none.
    return list(dict.fromkeys(repo for repo in kept if re.search(r"[A-Za-z]", repo.partition("/")[2])))


def _is_no_owner(word: str) -> bool:
    return word in _NO_OWNERS or kind_of(word) is not None


def _limit(line: str) -> int | None:
    match = _LIMIT.search(line)
    number = next((int(text) for text in match.groups() if text), 0) if match else 0
    return min(number, LIMIT_MAX) or None


def _deploy(order: str) -> Step:
    line, connection = take_connection(order)
    head, *rest = _INPUTS.split(line, maxsplit=1)
    inputs = _inputs(rest[0]) if rest else None
    if rest and inputs is None:
        return None
    if not rest and (environment := _ENVIRONMENT.search(head)):
        head, inputs = head[: environment.start()], {"environment": environment.group(1)}
    if match := _DEPLOY.fullmatch(head):
        workflow, repo, ref = match.groups()
    elif match := _DEPLOY_LAST.fullmatch(head):
        workflow, ref, repo = match.groups()
    elif match := _DEPLOY_WITH.fullmatch(head):
        repo, workflow, ref = match.groups()
    else:
        return None
    return [call("github_deploy", connection, repo=repo, workflow=workflow, ref=ref, inputs=inputs)]


def _inputs(text: str) -> dict[str, str] | None:
    """Return the inputs of `a=1, b="x y" and c=2`, or None if there is anything else among them."""
    found = {match.group(1): match.group(2).strip("\"'") for match in _PAIR.finditer(text)}
    rest = _PAIR.sub(" ", text).replace(",", " ").split()
    return found if found and all(word.lower() == "and" for word in rest) else None
