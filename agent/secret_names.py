"""Guess from a variable's name and the form of its value whether it holds a secret in plain text."""

import re

_SECRET_NAME = re.compile(
    r"(?i)(?:^|_)(?:pass|passwd|password|pwd|secret|token|api_?key|private_?key|access_?key|secret_?key|credentials?)(?:$|_)"
    r"|password|secret$"
)
# Names that speak of a secret without being one.
_HARMLESS_NAME = re.compile(
    r"(?i)(?:_|^)(?:file|path|dir|name|url|uri|host|length|min|max|ttl|expiry|enabled|type|allow|issuer|id)(?:$|_)"
    r"|empty_password|random_.*password|cluster_token"
)
# Switches, small numbers, and what stands for a value that comes from elsewhere: variables, markers, files.
_HARMLESS_VALUE = re.compile(r"(?i)|true|false|yes|no|none|null|\d{1,3}|\$\(.*\)|\$\{.*\}|\$\w+|<.*>|/\S*")
# Where a secret stood before it was taken out of the text.
_TAKEN_OUT = re.compile(r"<redacted:[a-z0-9-]+>")
_IN_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@$<{]{0,80}:([^\s/@$<{]{1,200})@")


def looks_secret(name: str, value: object) -> bool:
    """Whether a variable holds a secret in plain text, such as a password or a URL with one."""
    shown = value[:500] if isinstance(value, str) else ""
    if _TAKEN_OUT.search(shown):
        return True
    if _IN_URL.search(shown):
        return True
    if not _SECRET_NAME.search(name[:200]) or _HARMLESS_NAME.search(name[:200]):
        return False
    return not _HARMLESS_VALUE.fullmatch(shown)
