"""Find secrets by their own shape: keys with a known prefix, PEM blocks, tokens in URLs and headers."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from agent.secret_judgement import looks_random


class Span(NamedTuple):
    """A stretch of text that holds one secret. `quote` stands around a value that must become a string."""

    start: int
    end: int
    kind: str
    quote: str = ""


class _Shape(NamedTuple):
    kind: str
    hints: tuple[str, ...]
    """Literal texts, one of which must be there for the pattern to be tried at all: most texts hold none of them."""
    pattern: re.Pattern[str]


def _shape(kind: str, hints: str, pattern: str) -> _Shape:
    return _Shape(kind, tuple(hints.split()), re.compile(pattern))


# AWS prints these in its manuals. They are hidden like any other, since nobody has to look twice, but open nothing.
EXAMPLE = "aws-example-key"

# Each pattern starts with literal text, which keeps the search fast; what stands before it is checked in code, so that
# no look-behind is needed. Whatever repeats is either bounded or can't fail after it has matched.
_SHAPES = (
    # Before the others, since of two that cover the same text the first one gives the kind.
    _shape(EXAMPLE, "EXAMPLE", r"A[KS]IA[A-Z0-9]{9}EXAMPLE(?![A-Za-z0-9])"),
    _shape(EXAMPLE, "EXAMPLEKEY", r"wJalrXUtnFEMI[A-Za-z0-9/+]{17}EXAMPLEKEY(?![A-Za-z0-9/+])"),
    _shape("aws-access-key", "AKIA ASIA", r"A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{20,}"),
    _shape("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{20,}"),
    _shape(
        "gitlab-token",
        "glpat- gldt- glft- glsoat- glrt- glcbt- glptt- glagent- glimt-",
        r"gl(?:pat|dt|ft|soat|rt|cbt|ptt|agent|imt)-[A-Za-z0-9_.=-]{20,}",
    ),
    _shape("slack-token", "xoxa- xoxb- xoxc- xoxe- xoxo- xoxp- xoxr- xoxs-", r"xox[abceoprs]-[A-Za-z0-9-]{10,}"),
    _shape("slack-token", "xapp-", r"xapp-\d-[A-Za-z0-9-]{10,}"),
    _shape(
        "slack-webhook",
        "hooks.slack.com/",
        r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}",
    ),
    _shape("discord-webhook", "/api/webhooks/", r"(?<=/api/webhooks/)\d{15,20}/[A-Za-z0-9_-]{30,}"),
    _shape("stripe-key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    _shape("stripe-webhook-secret", "whsec_", r"whsec_[A-Za-z0-9+/_-]{16,}={0,2}"),
    _shape("anthropic-key", "sk-ant-", r"sk-ant-[A-Za-z0-9_-]{16,}"),
    _shape("openai-key", "sk-proj- sk-svcacct- sk-admin-", r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{16,}"),
    _shape("openai-key", "sk-", r"sk-[A-Za-z0-9]{32,}"),
    _shape("google-api-key", "AIza", r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    _shape("google-oauth", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    _shape("google-oauth", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    _shape("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _shape("pypi-token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{30,}"),
    _shape("rubygems-token", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    _shape("docker-token", "dckr_pat_ dckr_oat_", r"dckr_[po]at_[A-Za-z0-9_-]{20,}"),
    _shape("sendgrid-key", "SG.", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    _shape("twilio-key", "SK", r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    _shape("mailgun-key", "key-", r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
    _shape("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    _shape("vault-token", "hvs. hvb. hvr.", r"hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    _shape("terraform-cloud-token", ".atlasv1.", r"(?<=\.)atlasv1\.[A-Za-z0-9_=-]{40,}"),
    _shape("databricks-token", "dapi", r"dapi[0-9a-f]{32}(?![A-Za-z0-9])"),
    _shape("grafana-token", "glsa_ glc_", r"gl(?:sa|c)_[A-Za-z0-9+/_=]{30,}"),
    _shape("newrelic-key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _shape("shopify-token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    _shape("huggingface-token", "hf_", r"hf_[A-Za-z]{34}(?![A-Za-z0-9])"),
    _shape("atlassian-token", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{60,}"),
    _shape("linear-key", "lin_api_", r"lin_api_[A-Za-z0-9]{32,}"),
    _shape(
        "doppler-token",
        "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.",
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{36,}",
    ),
    _shape("pulumi-token", "pul-", r"pul-[0-9a-f]{40}(?![A-Za-z0-9])"),
    _shape("sentry-token", "sntrys_ sntryu_", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    _shape("fly-token", "fo1_", r"fo1_[A-Za-z0-9_-]{40,}"),
    _shape("fly-token", "fm1a_ fm1r_ fm2_", r"fm(?:1[ar]|2)_[A-Za-z0-9+/]{60,}={0,2}"),
    _shape("planetscale-token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}"),
    _shape("tailscale-key", "tskey-", r"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{6,}-[A-Za-z0-9]{20,}"),
    _shape("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    _shape("azure-storage-key", "AccountKey=", r"(?<=AccountKey=)[A-Za-z0-9+/]{40,}={0,2}"),
    _shape("azure-shared-access-key", "SharedAccessKey=", r"(?<=SharedAccessKey=)[A-Za-z0-9+/]{30,}={0,2}"),
    _shape("azure-sas", "sig=", r"(?<=[?&;]sig=)[A-Za-z0-9%+/]{30,}={0,2}"),
    _shape("azure-client-secret", "Q~", r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    _shape("aws-signature", "X-Amz-Signature=", r"(?<=X-Amz-Signature=)[0-9a-f]{64}"),
    # The second part starts like the first since both are JSON objects in base64. The look-behinds keep it linear.
    _shape(
        "jwt",
        "eyJ",
        r"eyJ(?:(?<![A-Za-z0-9_-]eyJ)|(?<=\\[nrt]eyJ)|(?<=%[0-9A-F]{2}eyJ))[A-Za-z0-9_-]{8,}+"
        r"\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}",
    ),
    # A private key in PEM that was put in base64 once more, as in kubeconfigs. Certificates begin otherwise.
    _shape(
        "private-key",
        "LS0tLS1CRUdJTi",
        r"LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0EgUFJJ|BFQyBQUklW|BPUEVOU1NI|BFTkNSWVBU|BEU0EgUFJJ)[A-Za-z0-9+/]{20,}={0,2}",
    ),
)

# What a value may follow although it ends in a letter or digit: an escape in JSON or in a URL.
_ESCAPE = re.compile(r"\\(?:[nrt]|u00[0-9a-fA-F]{2})$|%[0-9A-Fa-f]{2}$")
_LOOKS_BACK = ("(?<=", "(?<!")

_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = re.compile(r"[A-Za-z0-9+/]{12,}")
_PEM_RUN = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}|-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_CUT_OFF = re.compile(
    r"(?:(?:[\s|>#]|\\[nrt])*+[A-Za-z0-9+/]{20,}+={0,2})+(?:(?:\s|\\[nrt])*[A-Za-z0-9+/]{1,60}==?)?"
)

_AWS_ID = re.compile(r"A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
AWS_NEAR = 200

_IN_URL = re.compile(r"""://[^\s/:@"'<>,\\`]{0,128}:([^\s/"'<>,\\`]{1,256})@""")
_REFERENCE_IN_URL = re.compile(r"^(?:\$|%[(\w]?[sd)]|\*+$|x+$|\.+$)|\$\{|\{\{|\$\(|#\{", re.I)
_BLAND = {"password", "pass", "passwd", "pw", "pwd", "secret", "changeme", "example"}

_SCHEMED = re.compile(r"\b(?i:bearer|basic)\s{1,4}([A-Za-z0-9._~+/-]{6,}={0,2})")
_HEADER = re.compile(
    r"""(?i:authorization)\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?(?:(?:bearer|basic|token|apikey|aws4)\s+)?$""", re.I
)
_HEADER_OTHER = re.compile(
    r"""(?i:authorization)\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?(?:(?i:token|apikey)\s{1,4})?(?!AWS4-)([A-Za-z0-9._~+/-]{12,}={0,2})(?=[\s"'\\,;]|$)"""
)
_COOKIES = re.compile(r"""(?i:\b(?:set-)?cookie\\?["']?\s{0,4}:\s{0,4})\\?["']?([^\n"'\\]{1,4000})""")
_COOKIE = re.compile(r"""(?<![^\s;,:"'\\])([^\s=;,]{1,64})=([^\s;,]{8,})""")
_COOKIE_NAMES = re.compile(r"sess|sid$|auth|token|jwt|csrf|xsrf|login|remember")
_COOKIE_ATTRIBUTES = {"expires", "path", "domain", "max-age", "samesite", "priority"}


def by_shape(text: str, lower: str) -> Iterator[Span]:
    """Yield every secret that shows by its own shape, whatever it is called; `lower` is the text in lower case."""
    yield from _prefixed(text)
    if "PRIVATE KEY" in text:
        yield from _pem_blocks(text)
    if "AKIA" in text or "ASIA" in text:
        yield from _aws_secrets(text)
    if "://" in text:
        yield from _in_urls(text)
    if "bearer" in lower or "authorization" in lower:
        yield from _in_headers(text)
    if "cookie" in lower:
        yield from _in_cookies(text)


def _prefixed(text: str) -> Iterator[Span]:
    for kind, hints, pattern in _SHAPES:
        if not any(hint in text for hint in hints):
            continue
        looks_back = pattern.pattern.startswith(_LOOKS_BACK)
        for match in pattern.finditer(text):
            if looks_back or _starts_a_word(text, match.start()):
                yield Span(match.start(), match.end(), kind)


def _starts_a_word(text: str, start: int) -> bool:
    if start == 0 or not text[start - 1].isalnum():
        return True
    return _ESCAPE.search(text[max(0, start - 6) : start]) is not None


def _pem_blocks(text: str) -> Iterator[Span]:
    """Yield private keys in PEM, also those whose end was cut off; a lone header in source code is none."""
    begins = list(_PEM_BEGIN.finditer(text))
    for index, begin in enumerate(begins):
        limit = begins[index + 1].start() if index + 1 < len(begins) else len(text)
        end = _PEM_END.search(text, begin.end(), limit)
        if end is None:
            rest = _PEM_CUT_OFF.match(text, begin.end(), limit)
            if rest:
                yield Span(begin.start(), rest.end(), "private-key")
            continue
        body = text[begin.end() : end.start()]
        if not _PEM_BODY.search(body):
            continue
        if '"' in body or "'" in body:  # Lines that are strings of their own, as in a list: each stays a string.
            yield Span(begin.start(), begin.end(), "private-key")
            for run in _PEM_RUN.finditer(text, begin.end(), end.end()):
                yield Span(run.start(), run.end(), "private-key")
        else:
            yield Span(begin.start(), end.end(), "private-key")


def _aws_secrets(text: str) -> Iterator[Span]:
    """Yield what has the shape of an AWS secret key and stands near an access key."""
    ids = [match.start() for match in _AWS_ID.finditer(text)]
    near = [(start - AWS_NEAR, start + AWS_NEAR) for start in ids]
    joined: list[tuple[int, int]] = []
    for first, last in near:
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    for first, last in joined:
        for match in _AWS_SECRET.finditer(text, max(0, first), last + 40):
            value = match[0]
            if any(c.isdigit() for c in value) and any(c.isupper() for c in value) and any(c.islower() for c in value):
                yield Span(match.start(), match.end(), "aws-secret-key")


def _in_urls(text: str) -> Iterator[Span]:
    for match in _IN_URL.finditer(text):
        password = match[1]
        if _REFERENCE_IN_URL.search(password) or password.lower() in _BLAND:
            continue
        yield Span(match.start(1), match.end(1), "password")


def _in_headers(text: str) -> Iterator[Span]:
    """Yield credentials of Authorization headers, bearer tokens on their own, and cookies."""
    for match in _SCHEMED.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()]
        value = match[1]
        alone = match[0][:6].lower() == "bearer" and len(value) >= 16 and any(c.isdigit() for c in value)
        if alone or (_HEADER.search(before) and any(c.isdigit() or c.isupper() or c == "=" for c in value)):
            yield Span(match.start(1), match.end(1), "authorization")
    for match in _HEADER_OTHER.finditer(text):
        if any(c.isdigit() for c in match[1]):
            yield Span(match.start(1), match.end(1), "authorization")


def _in_cookies(text: str) -> Iterator[Span]:
    """Yield the values of cookies that sign someone in; the others stay unless they look generated."""
    for header in _COOKIES.finditer(text):
        for match in _COOKIE.finditer(text, header.start(1), header.end(1)):
            name, value = match[1].lower(), match[2]
            if name in _COOKIE_ATTRIBUTES or any(sign in value for sign in "<${"):
                continue
            if _COOKIE_NAMES.search(name) or (len(value) >= 16 and looks_random(value)):
                yield Span(match.start(2), match.end(2), "session-cookie")


def merged(spans: list[Span]) -> list[Span]:
    """Return the spans in order and without overlaps: what overlaps becomes one, of the kind of its longest part."""
    ordered = sorted(spans, key=lambda span: (span.start, -span.end))
    result: list[Span] = []
    for span in ordered:
        if not result or span.start >= result[-1].end:
            result.append(span)
            continue
        last = result[-1]
        longest = last if last.end - last.start >= span.end - span.start else span
        result[-1] = Span(last.start, max(last.end, span.end), longest.kind, last.quote or span.quote)
    return result


def lines_of(text: str, starts: list[int]) -> list[int]:
    """Return the line, counted from 1, of each of these rising positions."""
    lines, line = [], 1
    for before, start in pairwise([0, *starts]):
        line += text.count("\n", before, start)
        lines.append(line)
    return lines
