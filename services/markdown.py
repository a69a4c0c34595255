"""Turn the Markdown of an answer into HTML that is safe to show."""

import re
from collections.abc import Sequence
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

MAX_MARKDOWN_CHARS = 60_000
"""What lies behind is shown as plain text: a hostile text must not keep a worker busy for seconds."""
MAX_HIGHLIGHT_CHARS = 12_000
"""A longer code block stays uncoloured."""
MAX_HIGHLIGHTED_BLOCKS = 40

_SAFE_LINK = re.compile(r"https?://[^\s]|mailto:[^\s]|/settings#connections$", re.IGNORECASE)
_TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "span", "div", "blockquote", "a"),
    *("ul", "ol", "li", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "span": {"class"},
    "div": {"class", "tabindex"},
    "pre": {"class", "tabindex"},
    "code": {"class"},
    "ol": {"start"},
}
_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


def to_html(text: str) -> str:
    """Return safe HTML for Markdown text: no scripts, no images, no styles.

    Links lead to http(s), to mail, and of our own pages only to the connections, where looking changes nothing.

    Colours are classes (`static/css/code.css`), since the pages forbid inline styles. Never raises on hostile text.
    """
    text = text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")  # Lone surrogates cannot be sent.
    head, tail = text[:MAX_MARKDOWN_CHARS], text[MAX_MARKDOWN_CHARS:]
    try:
        html = _parser().render(head)
    except RecursionError:  # Deeply nested emphasis; the text is still worth showing.
        html = _plain(head)
    return _sanitise(html + (_plain(tail) if tail else ""))


def _plain(text: str) -> str:
    return f'<pre class="plain" tabindex="0">{escapeHtml(text)}</pre>'


def _sanitise(html: str) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 16}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.validateLink = _is_safe_link  # type: ignore[method-assign]
    return parser


def _is_safe_link(url: str) -> bool:
    return bool(_SAFE_LINK.match(url.strip()))


class _Renderer(RendererHTML):
    """Write code with colour classes, tables that can scroll, and no images."""

    def render(self, tokens: Sequence[Token], options: OptionsDict, env: EnvType) -> str:
        env["highlighted"] = 0
        _outline(tokens)
        return super().render(tokens, options, env)

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Show the alternative text alone: a picture's address could carry data to a foreign host."""
        children = tokens[idx].children
        return escapeHtml(self.renderInlineAsText(children, options, env) if children else "")

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        return self._code(token.content, token.info.strip().split(" ")[0].lower(), env)

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self._code(tokens[idx].content, "", env)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="table-wrap" tabindex="0"><table>'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>"

    def _code(self, code: str, language: str, env: EnvType) -> str:
        lexer = _lexer(language) if len(code) <= MAX_HIGHLIGHT_CHARS else None
        if lexer is None or env["highlighted"] >= MAX_HIGHLIGHTED_BLOCKS:
            body = escapeHtml(code)
        else:
            env["highlighted"] += 1
            body = highlight(code, lexer, _FORMATTER)
        return f'<pre tabindex="0"><code class="code">{body}</code></pre>'


def _outline(tokens: Sequence[Token]) -> None:
    """Set the headings under the page's own, h1 and h2, with no level left out, whichever marks the model chose."""
    above: list[str] = []
    for token in tokens:
        if token.type == "heading_open":
            while above and above[-1] >= token.tag:
                above.pop()
            above.append(token.tag)
            token.tag = f"h{min(6, 2 + len(above))}"
        elif token.type == "heading_close":
            token.tag = f"h{min(6, 2 + len(above))}"


def _lexer(language: str) -> Lexer | None:
    """Return the lexer of a language that is named; guessing would be slow and often wrong."""
    if not language or len(language) > 30:
        return None
    try:
        lexer: Lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return None
    return lexer
