"""Understand questions to Prometheus and Loki, whose expressions are taken as they were written."""

import re

from clients.offline.phrases import take_connection
from clients.offline.steps import Say, Step, call

_PROMETHEUS = re.compile(
    r"\W{0,3}(?:please )?(?:run |execute |evaluate |graph |plot |show )?(?:the |this |a )?(?:promql|prometheus|prom)"
    r"(?: (?:query|expression|metrics?))?(?: for)?\s{0,3}:?\s"
    r"|\W{0,3}(?:please )?(?:query|ask) (?:prometheus|promql|prom|metrics)"
    r"(?: (?:for|with|about))?\s{0,3}:?\s",
    re.IGNORECASE,
)
_LOKI = re.compile(
    r"\W{0,3}(?:please )?(?:run |execute |show |search )?(?:the |this |a )?(?:logql|loki)"
    r"(?: (?:query|logs|expression))?(?: for)?\s{0,3}:?\s"
    r"|\W{0,3}(?:please )?(?:query|ask|search) (?:in )?(?:loki|logql)(?: (?:for|with))?\s{0,3}:?\s",
    re.IGNORECASE,
)
_VERB = re.compile(r"(?:graph|plot|evaluate|query|show|search)(?: me)?(?: for)?:?\s", re.IGNORECASE)
_SELECTOR = re.compile(r"\{\s{0,3}[a-zA-Z_][\w.]{0,100}\s{0,3}(?:=~?|!~|!=)\s{0,3}[\"`]")
_LOG_METRIC = re.compile(
    r"(?:sum|count|avg|max|min|topk|bottomk|rate|count_over_time|bytes_over_time|bytes_rate|quantile_over_time)\b.{0,200}\{"
    r".{0,400}\|[=~]",
    re.IGNORECASE,
)
_BARE_PROMQL = re.compile(
    r"(?:(?:sum|avg|min|max|count|topk|bottomk|quantile|stddev|group)(?: ?(?:by|without) ?\([^)]{0,200}\))? ?\("
    r"|(?:rate|irate|increase|delta|deriv|histogram_quantile|predict_linear|absent|clamp_\w{3}|label_replace|\w{1,20}_over_time)\("
    r"|[a-zA-Z_:][\w:]{0,200}\{[^}\n]{1,500}\}|[a-zA-Z_][\w]{0,60}[_:][\w:]{1,140} ?(?:[<>=!]=?|\[)|up ?(?:==|!=|[<>]))"
)
_UNIT = r"(?:seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)"
_SPAN = rf"(\d{{1,6}}) ?({_UNIT})|(?:an? )?(hour|day|week|minute)"
_LAST = re.compile(
    rf"[\s,]+(?:over|for|in|during|within|from|since|of)?\s?(?:the\s)?(?:last|past|previous)\s(?:{_SPAN})$"
    rf"|[\s,]+since\s(?:{_SPAN})(?: ago)?$|[\s,]+(?:from\s)?(?:{_SPAN}) ago$",
    re.IGNORECASE,
)
_TIME = (
    r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?)?|\d{9,13}"
    r"|now(?:-\d{1,6}[smhdw])?|-\d{1,6}[smhdw])"
)
_FROM_TO = re.compile(rf"[\s,]+(?:from|between)\s{_TIME}(?:\s(?:to|until|till|and|-)\s{_TIME})?$", re.IGNORECASE)
_STEP = re.compile(
    rf"[\s,]+(?:with\s)?(?:a\s)?(?:step|resolution|every|in steps)(?:\sof)?"
    rf"[\s=:]{{0,2}}(\d{{1,6}}) ?({_UNIT})(?:\ssteps?)?$",
    re.IGNORECASE,
)
_SHORT = {"s": "s", "m": "m", "h": "h", "d": "d", "w": "w"}
_LOKI_WORD = re.compile(r"\bloki\b|\blogs?\b|\blines\b", re.IGNORECASE)
_BRACES = re.compile(
    r"\{[^{}\n]{1,1000}\}(?:\s?(?:\|[=~>]|!=|!~|\|)\s?(?:\"[^\"\n]{0,500}\"|`[^`\n]{0,500}`|[\w]{1,50}))*"
)
_PER_MINUTE = re.compile(r"\bhow many\b|\bcount\b|\bnumber of\b|\brate\b", re.IGNORECASE)
_ERRORS_IN = re.compile(r"\b(?:errors?|failures|exceptions) (?:in|of|from|for) $", re.IGNORECASE)
_ABOUT_ERRORS = re.compile(r"\b(?:errors?|failures|exceptions)\b", re.IGNORECASE)
_BEHIND_EXPRESSION = re.compile(r"(?:\s(?:in|from|on|with)\s(?:loki|prometheus))$", re.IGNORECASE)
_ASKED = re.compile(
    r"(?:how (?:did|does|do|has|have|is|was)|what (?:is|was|are|were|does)|(?:show|give) me)\s", re.IGNORECASE
)
_GOES = re.compile(r"\s(?:go|look|change|develop|behave|been|evolve|now|like)$", re.IGNORECASE)
_BRACES_OR_STRING = re.compile(r"\{[^{}]{0,2000}\}|\"[^\"]{0,2000}\"|'[^']{0,2000}'|`[^`]{0,2000}`")
_EVERYDAY = re.compile(
    r"(?:the )?(?:memory|cpu|disk|errors?|latency|requests?|traffic|load|usage|metrics?|health)", re.IGNORECASE
)
# Two names with nothing but a space between them: no expression has that, unless one is a word of the language.
_SIDE_BY_SIDE = re.compile(r"(?<![\w.$])([A-Za-z]\w*)(?= ([A-Za-z]\w*))")
_LANGUAGE = frozenset(
    "by without on ignoring group_left group_right offset bool and or unless atan2 start end json logfmt unwrap "
    "line_format label_format pattern regexp drop keep decolorize ip".split()
)
HOW_TO_PROMQL = "Give me the expression too, for example `promql up == 0 over the last hour`."
HOW_TO_LOKI = 'Give me the expression too, for example `loki {app="web"} |= "error" last 30m`.'


def find_metrics(words: str) -> Step:
    """Return the call of promql_query or loki_query with the expression in the words."""
    line = " ".join(words.split())
    for tool, head, hint in (("loki_query", _LOKI, HOW_TO_LOKI), ("promql_query", _PROMETHEUS, HOW_TO_PROMQL)):
        if match := head.match(f"{line} "):
            return _query(tool, line[match.end() :].strip(), hint)
    body = _VERB.sub("", line, count=1) if _VERB.match(line) else line
    body = _ASKED.sub("", body.strip(), count=1)
    if (inner := _BRACES.search(body)) and inner.start() > 0 and _is_about_lines(line, body[: inner.start()]):
        return _about_lines(body, inner)
    if _SELECTOR.match(body) or _LOG_METRIC.match(body):
        return _query("loki_query", body, HOW_TO_LOKI)
    return _query("promql_query", body, HOW_TO_PROMQL) if _BARE_PROMQL.match(body) else None


def _is_about_lines(line: str, before: str) -> bool:
    """Tell whether "count errors in {...}" or "the lines of {...}" is asked, which only Loki can answer."""
    return bool(_LOKI_WORD.search(_BRACES.sub(" ", line)) or _ERRORS_IN.search(before))


def _about_lines(text: str, inner: re.Match[str]) -> Step:
    """Understand a question about the lines of a selector, such as "show the errors of {...} in Loki"."""
    if _SELECTOR.match(inner.group()) is None or _LOG_METRIC.match(text):
        return _query("loki_query", text, HOW_TO_LOKI)
    before, expression = text[: inner.start()], inner.group()
    if _ABOUT_ERRORS.search(before) and expression.endswith("}"):
        expression += ' |~ "(?i)error"'
    if _PER_MINUTE.search(before):
        expression = f"sum(count_over_time({expression} [1m]))"
    return _query("loki_query", expression + _BEHIND_EXPRESSION.sub("", text[inner.end() :]), HOW_TO_LOKI)


def _query(tool: str, text: str, hint: str) -> Step:
    expression, connection = take_connection(text)
    expression = expression.rstrip(" ?!.,;")
    given: dict[str, str | None] = {"start": None, "end": None, "step": None}
    for _ in range(3):
        expression = _BEHIND_EXPRESSION.sub("", _take_range(expression, given))
    expression = _GOES.sub("", expression)
    expression = _bare(expression)
    if not expression or (tool == "loki_query" and "{" not in expression) or _is_prose(expression):
        return Say(hint)
    return [call(tool, connection, expr=expression, **given)]


def _is_prose(expression: str) -> bool:
    """Tell whether these are plain words: two names side by side are no expression."""
    text = _BRACES_OR_STRING.sub(" {} ", expression)
    pairs = _SIDE_BY_SIDE.findall(" ".join(text.split()))
    return bool(_EVERYDAY.fullmatch(text) or any(not _LANGUAGE.intersection(map(str.lower, pair)) for pair in pairs))


def _take_range(text: str, given: dict[str, str | None]) -> str:
    """Take one phrase about time from the end of the text."""
    if match := _STEP.search(text):
        given["step"] = given["step"] or _duration(match.group(1), match.group(2))
    elif match := _FROM_TO.search(text):
        given["start"], given["end"] = (
            match.group(1).replace(" ", "T"),
            (match.group(2) or "").replace(" ", "T") or None,
        )
    elif match := _LAST.search(text):
        groups = [group for group in match.groups() if group]
        given["start"] = "now-" + _duration(*(groups if len(groups) == 2 else ["1", groups[0]]))
    else:
        return text
    return text[: match.start()]


def _duration(count: str, unit: str) -> str:
    return f"{int(count)}{_SHORT[unit[0].lower()]}"


def _bare(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "`'\"" and text.count(text[0]) == 2:
        return text[1:-1].strip()
    return text
