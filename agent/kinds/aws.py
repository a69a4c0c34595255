"""Connect a user's AWS account by an access key that can only read."""

import re
from collections.abc import Mapping

from agent.kinds.shapes import about, address, mask_keys, secret, texts
from agent.outside import refused, unreachable, words
from agent.types import BadSetting, Kind, Reach, SettingField, ToolError
from clients.reach import AWS_REGION, Refused, Unreachable

_KEY_ID = re.compile(r"A[KS]IA[A-Z0-9]{12,124}")
_ANY_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SECRET_AT_LEAST = 30
_UNKNOWN = "AWS does not know this access key ID. Is it whole, and is the key active?"
_UNSIGNED = "AWS says that the secret access key does not belong to this access key ID."
_EXPIRED = "AWS says that this key has expired."
WRONG_KEY: Mapping[str, str] = {
    "AuthFailure": _UNKNOWN,
    "InvalidAccessKeyId": _UNKNOWN,
    "InvalidClientTokenId": _UNKNOWN,
    "MissingAuthenticationToken": _UNKNOWN,
    "UnrecognizedClientException": _UNKNOWN,
    "IncompleteSignature": _UNSIGNED,
    "InvalidSignatureException": _UNSIGNED,
    "SignatureDoesNotMatch": _UNSIGNED,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
}
"""The codes by which AWS's services refuse a key as such, and what each means."""

_FIELDS = (
    SettingField("access_key_id", "Access key ID", required=True, help="It begins with AKIA."),
    SettingField("secret_access_key", "Secret access key", secret=True, required=True),
    SettingField("region", "Region", required=True, help="Such as eu-west-1. Each question can name another one."),
    SettingField("endpoint_url", "Endpoint", help="Only for stand-ins of AWS, such as LocalStack."),
)


def read(raw: object) -> dict[str, str]:
    """Return an AWS connection's settings; raises BadSetting."""
    given = texts(raw, _FIELDS)
    # Stand-ins take any key.
    stand_in = "endpoint_url" in given
    settings = {}
    with about("access_key_id"):
        settings["access_key_id"] = _key_id(given["access_key_id"], stand_in)
    with about("secret_access_key"):
        least = 1 if stand_in else _SECRET_AT_LEAST
        settings["secret_access_key"] = secret(given["secret_access_key"], "The secret access key", least)
    if not AWS_REGION.fullmatch(given["region"]):
        raise BadSetting({"region": "The region must be written like eu-west-1."})
    settings["region"] = given["region"]
    if stand_in:
        with about("endpoint_url"):
            settings["endpoint_url"] = address(given["endpoint_url"], "The endpoint")
    return settings


def _key_id(given: str, stand_in: bool) -> str:
    key_id = secret(given, "The access key ID")
    if key_id.startswith("ASIA") and not stand_in:
        raise ToolError("A key that begins with ASIA is temporary and can't be stored; give the key of an IAM user.")
    if not (_ANY_KEY_ID if stand_in else _KEY_ID).fullmatch(key_id):
        raise ToolError("The access key ID must begin with AKIA and have capital letters and digits only.")
    return key_id


def probe(reach: Reach) -> dict[str, str]:
    """Return which account and user the key belongs to; every key may ask that. Raises ToolError."""
    assert reach.connection is not None
    settings = reach.connection.settings
    try:
        seen = reach.out.aws(settings, "sts", "get_caller_identity", {}, settings["region"])
    except Refused as error:
        raise refused(error, "AWS") from None
    except Unreachable as error:
        if error.code in WRONG_KEY:
            raise ToolError(WRONG_KEY[error.code]) from None
        raise unreachable(error, "AWS") from None
    account, arn = words(seen.get("Account"), 20), words(seen.get("Arn"))
    if not account or not arn:
        raise ToolError("That address answered, but not as AWS does.", ours=True)
    return {"account": account, "arn": arn}


AWS = Kind(
    name="aws",
    title="AWS",
    fields=_FIELDS,
    read=read,
    mask=lambda settings: mask_keys(settings, ("access_key_id", "secret_access_key")),
    probe=probe,
    secrets=("secret_access_key",),
    help=(
        "In IAM, make a user without console access, attach the AWS managed policy ViewOnlyAccess, or SecurityAudit "
        "for the settings of buckets as well, and make an access key for it. The agent only calls reading operations."
    ),
)
