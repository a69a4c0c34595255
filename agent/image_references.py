"""Tell references to container images, such as `ghcr.io/acme/api-token:1.4`, from secrets given to a name."""

import re

_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*")
# Registry and folders before the name. A path that begins with a slash is one of files or of a web address.
_FOLDERS = re.compile(r"(?:(?:docker|oci)://)?[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?/(?:[a-z0-9][a-z0-9._-]*/)*")
_TAG = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})(?:@sha256:[0-9a-f]{64})?(?![^\s\"'`\\,;)\]}<>|])")
_VERSION = re.compile(
    r"v?\d{1,4}(?:\.\d{1,6}){1,3}(?:[-.][a-z]{0,12}\.?\d{0,6}){0,3}|v\d{1,4}"
    r"|20\d\d([-.])[01]\d\1[0-3]\d(?:[-.]\d{1,6})?|(?:sha|git)-[0-9a-f]{7,40}"
)
_SHORT_HASH = re.compile(r"(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,12}")
_IMAGE_KEY = re.compile(
    r"(?:(?i:image)\\{0,3}[\"']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,3}[\"']?|(?:^|\n)[ \t]{0,8}FROM[ \t]{1,8})\Z"
)
_OUTSIDE = re.compile(r"[\s\"'`=(,\[{<>|\\]")
_FOLDERS_MAX = 200
_KEY_MAX = 60


def is_image(text: str, start: int, name: str, value: int, *, password: bool) -> bool:
    """Tell whether the name at `start` and what stands at `value` are the end of a reference to an image.

    Where neither a registry, a folder nor a key such as `image` says so, the value must look like a version; after the
    name of a password a hash is none.
    """
    if text[start:value] != f"{name}:" or not _NAME.fullmatch(name):
        return False
    tag = _TAG.match(text, value)
    if tag is None:
        return False
    is_hash = _SHORT_HASH.fullmatch(tag[1]) is not None
    is_version = _VERSION.fullmatch(tag[1]) is not None
    folders = _OUTSIDE.split(text[max(0, start - _FOLDERS_MAX) : start])[-1]
    if folders:
        return bool(_FOLDERS.fullmatch(folders)) and (is_version or is_hash or not name.isalnum())
    if _IMAGE_KEY.search(text[max(0, start - _KEY_MAX) : start]):
        return True
    return not name.isalnum() and (is_version or (is_hash and not password))
