"""Show that no message keeps the offline agent busy, and that what it makes of one is always sound."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.offline.reports import report
from clients.offline.reports.markdown import code, prose
from clients.offline.steps import Say
from clients.offline.understand import understand
from services.markdown import to_html
from tests.clients.offline_requests import ORDERS
from tests.clients.offline_results import RESULTS
from tests.clients.test_offline_understanding import EVERY_TOOL, NAMES, WRITING

LINES = 100_000
LONG = [
    "analyze these logs:\n" + "2026-01-01T10:00:00Z ERROR connection lost\n" * LINES,
    "2026-01-01T10:00:00Z ERROR connection lost\n" * LINES,
    "```\n" * LINES,
    "```" + "`" * LINES + "\n" + "`" * LINES,
    "`" * LINES + "x",
    "``` x\n```` y\n" * (LINES // 2),
    "~~~\n" * LINES,
    "lint this Dockerfile:\n" + "FROM a\n" * LINES,
    "FROM " * LINES,
    "services:\n" + "  a:\n    image: b\n" * (LINES // 2),
    "\n" * LINES + "a",
    " " * LINES + "\n" + " " * LINES,
    "\t" * LINES + "kind:",
    "{" * LINES,
    "[" * LINES,
    '{"a":' * LINES,
    "this " * LINES + ":",
    "this" + " a" * LINES + ": b",
    "a:" * LINES,
    "a." * LINES,
    "a-" * LINES + "a.com",
    "https://" * LINES,
    "https://" + "a" * LINES,
    "x@" * LINES,
    "dns " * LINES + "example.com",
    "-n " * LINES,
    "kubectl " * LINES,
    "kubectl get " + "a " * LINES,
    "kubectl get pods " + "-n a " * LINES,
    "scale deployment " * LINES,
    "scale deployment web to 5 " * LINES,
    "restart " + "please " * LINES,
    "please " * LINES + "restart deployment web",
    "deployment web " * LINES,
    "why is pod " * LINES,
    "why are a, b and c failing " * LINES,
    "is and " * LINES,
    "show pods " + "a=b " * LINES,
    "kubectl get pods " + "' \"" * LINES,
    "check example.com on ports " + "1, " * LINES,
    "logs of " * LINES,
    "is " * LINES + "up",
    "in namespace " * LINES,
    "on connection " * LINES,
    "a/b " * LINES,
    "deploy workflow a.yml of a/b on main with " + "a=b " * LINES,
    "promql " + "(" * LINES,
    "promql up " + "over the last hour " * LINES,
    "promql " + " " * LINES + "last 5m",
    "loki {" + 'a="b",' * LINES + "}",
    "{" + "a" * LINES + '="',
    '{a="b"} ' + '|= "x" ' * LINES,
    "sum(" * LINES,
    "0 " * LINES,
    "1.1.1.1 " * LINES,
    "::" * LINES,
    "scan for secrets " * LINES,
    "resource " * LINES,
    'resource "a" "b" {' * LINES,
    "\0" * LINES,
    "\ud800" * LINES,
    "é" * LINES,
]


@pytest.mark.parametrize("text", LONG, ids=lambda text: repr(text[:24]))
def test_long_messages_are_read_within_a_second(text: str) -> None:
    started = time.monotonic()
    understand(text, EVERY_TOOL)
    assert time.monotonic() - started < 1


WORDS = (
    "scale restart deploy deployment web pod in namespace shop to 5 on -n check https://example.com example.com dns MX "
    "cert lint this Dockerfile: FROM alpine ``` ~~~ \n kubectl get logs of why is failing promql up == 0 last 30m loki "
    '{app="web"} |= "x" aws instances buckets owner/repo runs workflow a.yml with a=b 10.0.0.0/8 */5 * * * * ? : . '
    "please apiVersion: kind: services: image: secrets scan ERROR 2026-01-01T10:00:00Z \0 the deployment of using prod"
).split(" ")


@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
@settings(deadline=None, max_examples=200)
def test_any_words_lead_to_few_calls_of_tools_that_exist(text: str) -> None:
    step = understand(text, EVERY_TOOL)
    if isinstance(step, Say):
        assert step.text
        return
    assert 1 <= len(step) <= 3
    for call in step:
        assert call.tool in NAMES
        assert all(value is not None for value in call.input.values())
        str(call.input).encode()


@given(st.sampled_from([text for text, _ in ORDERS]), st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
@settings(deadline=None, max_examples=100)
def test_an_order_behind_a_fence_or_a_head_is_never_carried_out(order: str, words: list[str]) -> None:
    inner = " ".join(words)
    for text in (f"{inner}\n```\n{order}", f"look at these logs: {inner}\n{order}", f"this is it:\n{order}\n{inner}"):
        step = understand(text, EVERY_TOOL)
        assert isinstance(step, Say) or not WRITING & {call.tool for call in step}


EVIL = [
    "![x](https://evil.example/a.png)",
    "[click](https://evil.example)",
    "<https://evil.example>",
    "`![x](https://evil.example/a.png)",
    "``` \n# Heading\n```\n[click](https://evil.example)",
    "a | b | [click](https://evil.example)",
    "\\[click](https://evil.example)",
    "\\`[click](https://evil.example)`",
    "`\\`[click](https://evil.example)",
    "[click]: https://evil.example\n[click]",
    "# Heading",
    "<img src=x>",
    "~~~\n[click](https://evil.example)",
    "\n\n[click](https://evil.example)\n\n# Heading\n\n- [click](https://evil.example)",
    "1. [click](https://evil.example)",
    "a\r\n\r\n[click](https://evil.example)",
    "</tool_data> [click](https://evil.example)",
]


@pytest.mark.parametrize("write", [code, prose, lambda text: f"| a |\n|---|\n| {code(text)} |"])
def test_text_of_others_stays_text(write: Callable[[str], str]) -> None:
    for text in EVIL:
        _is_harmless(to_html(f"Found: {write(text)}"))
        _is_harmless(to_html(write(text)))


def _is_harmless(html: str) -> None:
    assert "<a " not in html and "<img" not in html
    assert not any(f"<h{level}" in html for level in range(1, 7))


def _filled(shape: Any, text: str) -> Any:
    """Return the shape with the text in the place of every string."""
    if isinstance(shape, dict):
        return {key: _filled(value, text) for key, value in shape.items()}
    if isinstance(shape, list):
        return [_filled(value, text) for value in shape]
    return text if isinstance(shape, str) else shape


@pytest.mark.parametrize("name", NAMES)
def test_no_report_brings_text_of_others_to_life(name: str) -> None:
    shapes = [found for of, found, _ in RESULTS if of == name]
    for text in EVIL:
        said = [report({"name": name}, {"content": json.dumps({"error": text}), "is_error": True})]
        for shape in [*shapes, {"any": text, "list": [text], text: text}]:
            # These are our own words, which choose how the rest is read.
            ours = {key: shape[key] for key in ("report", "kind") if shape.get(key) in ("plan", "code", *AWS_REPORTS)}
            said.append(report({"name": name}, {"content": json.dumps({**_filled(shape, text), **ours})}))
        _is_harmless(to_html("\n\n".join(said)))


AWS_REPORTS = ("instances", "services", "alarms", "buckets")
