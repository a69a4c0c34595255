"""Look for secrets in a text, and say where they stand and what to do, never what they are."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.cloudant import CloudantDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString
from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.softlayer import SoftlayerDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from pydantic import Field

from agent.findings import Finding, as_data
from agent.inputs import ToolInput, length_of, reader, schema_of
from agent.redaction import find_secrets
from agent.secret_judgement import looks_random
from agent.secret_shapes import EXAMPLE
from agent.tools.secrets.advice import advice
from agent.types import Reach, Tool, ToolOutput

TEXT_MAX = 200_000
# The plugins are made for lines of source code; a longer line is looked at up to here, besides our own table.
LINE_MAX = 4_000
LINES_NAMED = 20
# Hexadecimal text, such as hashes, never has more than 4 bits.
ENTROPY_MIN = 4.5
ENTROPY_CHARS = (24, 200)

_PLUGINS = (
    ArtifactoryDetector(),
    CloudantDetector(),
    DiscordBotTokenDetector(),
    IbmCloudIamDetector(),
    IbmCosHmacDetector(),
    MailchimpDetector(),
    SoftlayerDetector(),
    SquareOAuthDetector(),
    TelegramBotTokenDetector(),
)
_ENTROPY = Base64HighEntropyString(limit=ENTROPY_MIN)
# Long strings that are public by nature, or that only look like chance.
_PUBLIC = re.compile(
    r"(?i)sha\d{1,3}[-:=]|integrity|checksum|digest|fingerprint|certificate|LS0tLS1CRUdJTiBDRVJU|ssh-(?:rsa|ed25519)|ecdsa-"
    r"|data:image|public.?key|thumbprint|etag|\bkid\b|BEGIN |redacted:"
)
_WHY = {
    EXAMPLE: "AWS prints it in its manuals, so that it opens nothing.",
    "high-entropy-string": "It looks generated, so it may be a key or a token; it may also be a harmless identifier.",
}
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}")


class SecretScanInput(ToolInput):
    """Input of secret_scan."""

    text: str = Field(min_length=1, max_length=TEXT_MAX, description="Any text: a file, a diff, a manifest, a log")


def scan(text: str) -> list[Finding]:
    """Return one finding for each kind of secret, with the lines where it stands."""
    places: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for secret in find_secrets(text, examples=True):
        places[secret.kind, secret.removed].append(secret.line)
    taken = {line for lines in places.values() for line in lines}
    for kind, line in _by_plugins(text, taken):
        places[kind, False].append(line)
    return [_finding(kind, removed, lines) for (kind, removed), lines in places.items()]


def _by_plugins(text: str, taken: set[int]) -> Iterator[tuple[str, int]]:
    """Yield what only the plugins know, in lines where nothing else was found."""
    in_certificate = False
    for number, whole in enumerate(text.split("\n"), 1):
        line = whole[:LINE_MAX]
        if "-----BEGIN " in line or "-----END " in line:
            in_certificate = "-----BEGIN " in line
        if number in taken or in_certificate or not line.strip():
            continue
        kinds = {_kebab(found.type) for plugin in _PLUGINS for found in _found(plugin, line, number)}
        if not kinds and not _PUBLIC.search(line) and any(map(_is_chance, _found(_ENTROPY, line, number))):
            kinds = {"high-entropy-string"}
        for kind in sorted(kinds):
            yield kind, number


def _found(plugin: Any, line: str, number: int) -> list[Any]:
    """Return what a plugin finds in a line; its network checks are never asked for."""
    found = plugin.analyze_line(filename="text", line=line, line_number=number)
    return [one for one in found if any(c.isdigit() for c in one.secret_value or "")]


def _is_chance(found: Any) -> bool:
    value = found.secret_value or ""
    shortest, longest = ENTROPY_CHARS
    if not shortest <= len(value) <= longest or _UUID.search(value):
        return False
    return looks_random(value) and not value.startswith(("/", "./", "http")) and value.count("/") < 4


def _kebab(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _finding(kind: str, removed: bool, lines: list[int]) -> Finding:
    severity, name, fix = advice(kind)
    lines = sorted(lines)
    where = ", ".join(map(str, sorted(set(lines))[:LINES_NAMED]))
    more = " and more" if len(set(lines)) > LINES_NAMED else ""
    plural = "lines" if len(set(lines)) > 1 else "line"
    if removed:
        message = f"{name}: stood in {plural} {where}{more}; it was removed before anything was stored."
        why = "Whoever saw the text that it comes from could read it, even though it is not kept here."
    else:
        message = f"{name}: in {plural} {where}{more}."
        why = "Whoever can read this text can use it, and it stays in the history of the files that it is in."
    return Finding(kind, severity, message, _WHY.get(kind, why), fix, lines[0])


def _run(given: dict[str, Any], _reach: Reach) -> ToolOutput:
    findings = scan(given["text"])
    lines = given["text"].count("\n") + 1
    kinds = {finding.rule for finding in findings}
    words = f"{len(kinds)} kind{'' if len(kinds) == 1 else 's'} of secrets" if kinds else "no secrets found"
    return ToolOutput({"lines": lines, "kinds": sorted(kinds), **as_data(findings)}, words)


SECRET_SCAN = Tool(
    name="secret_scan",
    title="Scan for secrets",
    description=(
        "Look for secrets in a text (files, diffs, manifests, logs): keys and tokens of clouds and services, private "
        "keys, passwords in settings and URLs, strings that look generated. Returns kinds, lines and how to replace "
        "each, never a value. A marker such as <redacted:github-token> means that a secret stood there and was removed "
        "before the text was stored; pass such text as it is, markers count as findings."
    ),
    input_schema=schema_of(SecretScanInput),
    run=_run,
    target=length_of("text"),
    read=reader(SecretScanInput),
    family="lint",
    examples=(
        "Are there secrets in this file?",
        "Scan this diff for leaked keys",
        "Check my .env for credentials before I commit it",
    ),
    returns="The kinds of secrets found, the lines where they stand, and where to revoke each; never the values.",
)

TOOLS: tuple[Tool, ...] = (SECRET_SCAN,)
