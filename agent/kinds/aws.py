"""Connect a user's AWS account by an access key that can only read."""

import re

from agent.kinds.shapes import address, mask_keys, secret, texts
from agent.outside import refused, words
from agent.types import Kind, Reach, SettingField, ToolError
from clients.reach import AWS_REGION, Refused, Unreachable

_KEY_ID = re.compile(r"A[KS]IA[A-Z0-9]{12,124}")
_ANY_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SECRET_AT_LEAST = 30
_WRONG_KEY = ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure")

_FIELDS = (
    SettingField("access_key_id", "Access key ID", required=True, help="It begins with AKIA."),
    SettingField("secret_access_key", "Secret access key", secret=True, required=True),
    SettingField("region", "Region", required=True, help="Such as eu-west-1. Each question can name another one."),
    SettingField("endpoint_url", "Endpoint", help="Only for stand-ins of AWS, such as LocalStack."),
)


def read(raw: object) -> dict[str, str]:
    """Return an AWS connection's settings; raises ToolError."""
    given = texts(raw, _FIELDS)
    key_id = secret(given["access_key_id"], "The access key ID")
    key = secret(
        given["secret_access_key"], "The secret access key", 1 if "endpoint_url" in given else _SECRET_AT_LEAST
    )
    if not AWS_REGION.fullmatch(given["region"]):
        raise ToolError("The region must be written like eu-west-1.")
    settings = {"access_key_id": key_id, "secret_access_key": key, "region": given["region"]}
    if "endpoint_url" in given:
        # Stand-ins take any key.
        settings["endpoint_url"] = address(given["endpoint_url"], "The endpoint")
    elif key_id.startswith("ASIA"):
        raise ToolError("A key that begins with ASIA is temporary and can't be stored; give the key of an IAM user.")
    if not (_ANY_KEY_ID if "endpoint_url" in given else _KEY_ID).fullmatch(key_id):
        raise ToolError("The access key ID must begin with AKIA and have capital letters and digits only.")
    return settings


def probe(reach: Reach) -> dict[str, str]:
    """Return which account and user the key belongs to; every key may ask that. Raises ToolError."""
    assert reach.connection is not None
    settings = reach.connection.settings
    try:
        seen = reach.out.aws(settings, "sts", "get_caller_identity", {}, settings["region"])
    except Refused as error:
        raise refused(error, "AWS") from None
    except Unreachable as error:
        raise _explained(error) from None
    account, arn = words(seen.get("Account"), 20), words(seen.get("Arn"))
    if not account or not arn:
        raise ToolError("That address answered, but not as AWS does.", ours=True)
    return {"account": account, "arn": arn}


def _explained(error: Unreachable) -> ToolError:
    if any(f"{code}:" in error.message for code in _WRONG_KEY):
        return ToolError("AWS does not know this access key ID. Is it whole, and is the key active?")
    if "SignatureDoesNotMatch:" in error.message:
        return ToolError("AWS says that the secret access key does not belong to this access key ID.")
    return ToolError(f"AWS could not be asked: {error.message}", ours=True)


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
