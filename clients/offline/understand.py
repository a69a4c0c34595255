"""Find in a plain message what the offline agent can do about it.

Each family of requests has a module of its own. The first that knows what the words mean decides.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from clients.offline.abilities import abilities, not_offered
from clients.offline.aws import find_aws
from clients.offline.github import find_github
from clients.offline.kubectl import find_kubectl
from clients.offline.kubernetes import find_kubernetes
from clients.offline.material import UNKNOWN, announced_material, find_material, missing_material
from clients.offline.message import Message, read_message
from clients.offline.metrics import find_metrics
from clients.offline.network import find_network
from clients.offline.ranges import find_networks
from clients.offline.schedules import find_schedules
from clients.offline.steps import Call, Say, Step

MAX_CALLS = 3
WRITING = frozenset({"k8s_scale", "k8s_restart", "github_deploy"})
TOO_MANY = (
    "That asks for {count} things, and I do at most {most} for one message. Nothing was done, so that none is left out "
    "unseen; please ask for fewer at once."
)
_GREETING = re.compile(
    r"\W*(?:hi|hello|hey|good (?:morning|day|evening|afternoon)|hallo|moin|servus)\b.{0,30}", re.IGNORECASE
)
_HELP = re.compile(
    r"\bhelp\b|what (?:can|do) you do|what are you|who are you|how do you work|which tools", re.IGNORECASE
)
_ASKS_TO_LOOK = re.compile(r"\b(?:lint|review|scan|check|validate|analy[sz]e|inspect)\b", re.IGNORECASE)


def understand(text: str, tools: Sequence[dict[str, Any]]) -> list[Call] | Say:
    """Return the tool calls that the text asks for, or what to say instead. Only offered tools are called."""
    offered = {tool["name"] for tool in tools}
    step = _find(read_message(text))
    if isinstance(step, Say):
        return step
    calls = [one for one in step or [] if one.tool in offered]
    if len(calls) > MAX_CALLS:
        return Say(TOO_MANY.format(count=len(calls), most=MAX_CALLS))
    if calls:
        return calls
    if step and tools:
        return Say(f"{not_offered(step[0])}\n\n{abilities(tools)}")
    return _small_talk(text[:2000], tools)


def _find(message: Message) -> Step:
    if message.pastes:
        return _with_material(message)
    for find in (announced_material, *_FAMILIES):
        if step := find(message.words):
            return step
    return missing_material(message.words)


def _with_material(message: Message) -> Step:
    """Look at what was pasted. Only the words before it may ask for another thing, and never for one that writes."""
    if step := _query_in_block(message) or find_material(message):
        return step
    for find in _FAMILIES:
        step = find(message.words)
        if step and (isinstance(step, Say) or not any(call.tool in WRITING for call in step)):
            return step
    return Say(UNKNOWN) if _ASKS_TO_LOOK.search(message.words) or not message.words.strip() else None


def _query_in_block(message: Message) -> Step:
    """Understand a query whose expression stands in a block: `query prometheus:` and the block below."""
    words, first = message.words.strip(), message.pastes[0].text
    if len(message.pastes) > 1 or len(first) > 4000 or not _QUERY_HEAD.fullmatch(words):
        return None
    return find_metrics(f"{words} {first}")


_QUERY_HEAD = re.compile(
    r"(?:please )?(?:(?:run|query|ask|execute|evaluate|search) )?(?:this |the )?(?:promql|prometheus|prom|loki|logql)"
    r"(?: query| expression)?(?: for)?(?: this)?\s{0,3}:?",
    re.IGNORECASE,
)


def _small_talk(text: str, tools: Sequence[dict[str, Any]]) -> Say:
    if _GREETING.fullmatch(text.strip()):
        return Say(f"Hello! {abilities(tools)}")
    if _HELP.search(text):
        return Say(abilities(tools))
    return Say(
        "I can't answer that: no language model is connected, so I only understand a few plain requests.\n\n"
        + abilities(tools)
    )


def _calculations(words: str) -> Step:
    return [*find_schedules(words), *find_networks(words)] or None


_FAMILIES: tuple[Callable[[str], Step], ...] = (
    find_kubectl,
    find_metrics,
    find_aws,
    find_github,
    find_kubernetes,
    find_network,
    _calculations,
)
