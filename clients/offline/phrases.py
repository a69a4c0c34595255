"""Read what many requests share: the connection, and whether the words are an order, a question or neither."""

import re

_QUOTED = r"\"[^\"\n]{1,80}\"|'[^'\n]{1,80}'|`[^`\n]{1,80}`"
_CONNECTION = re.compile(
    rf"(?:,\s?)?\b(?:on|in|using|with|via|through|against|from|of|for)\s(?:the\s|my\s)?"
    rf"(?:connection|cluster|account)\s(?:named\s|called\s)?({_QUOTED}|[\w][\w.-]{{0,79}})",
    re.IGNORECASE,
)
_CONNECTION_BEHIND = re.compile(
    rf"(?:,\s?)?\b(?:on|in|using|with|via|through|against|from)\s(?:the\s|my\s)?({_QUOTED}|[\w][\w.-]{{0,79}})\s"
    r"(?:connection|cluster)\b",
    re.IGNORECASE,
)
_USING = re.compile(
    rf"(?:,\s?)?\b(?:using|via)\s(?!the\b|my\b|a\b|an\b)({_QUOTED}|[\w][\w.-]{{0,79}})[.!]?$", re.IGNORECASE
)
_NO_NAME = frozenset(
    "the my a an this that our your and or in on of is are kubernetes k8s aws github prometheus loki ecs same all "
    "whole entire failing crashing restarting pending broken unhealthy healthy ready down up ok now today here "
    "again".split()
)
_BEFORE = re.compile(
    r"(?:(?:please|pls|hi|hey|hello|ok|okay|now|then|so|just|go ahead and|go and|i want you to|i would like you to"
    r"|i'd like you to|run(?= kubectl)|\$)\b[,:]?\s?|\$\s)+",
    re.IGNORECASE,
)
_BEHIND = re.compile(r"[\s,]*\b(?:please|pls|now|right now|thanks|thank you|thx|for me)$", re.IGNORECASE)
_QUESTION = re.compile(
    r"(?:should|shall|how|can|could|would|will|may|might|must|do|does|did|is|are|was|were|what|when|where|why|who|which"
    r"|if|whether|wouldn't|shouldn't|isn't|what's|is it)\b",
    re.IGNORECASE,
)


def one_line(words: str) -> str:
    """Return the words with single spaces, without the marks of code around the whole."""
    line = " ".join(words.split())
    if len(line) > 1 and line[0] == line[-1] and line[0] in "`'\"" and line.count(line[0]) == 2:
        line = line[1:-1].strip()
    return line


def take_connection(line: str) -> tuple[str, str | None]:
    """Return the line without the words that name a connection, and its name."""
    for pattern in (_CONNECTION, _CONNECTION_BEHIND, _USING):
        match = pattern.search(line)
        name = match.group(1).strip("\"'`").rstrip(".-") if match else ""
        if match and name and name.lower() not in _NO_NAME:
            return " ".join((line[: match.start()] + " " + line[match.end() :]).split()), name
    return line, None


def is_question(line: str) -> bool:
    """Tell whether this asks rather than orders; in doubt it asks."""
    return "?" in line or _QUESTION.match(line) is not None


def order_of(words: str) -> str | None:
    """Return the bare order, without courtesies, or None if the words are a question or more than one line.

    What writes is only ever read from an order that fits as a whole, so that nothing is done on a misunderstanding.
    """
    if "\n" in words.strip():
        return None
    line = without_courtesy(one_line(words))
    return None if is_question(line) else line


def without_courtesy(line: str) -> str:
    """Return the line without greetings before it and thanks behind it."""
    if match := _BEFORE.match(line):
        line = line[match.end() :]
    for _ in range(3):
        line = line.rstrip(" .!;,")
        line = _BEHIND.sub("", line)
    return line
