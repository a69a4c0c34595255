"""Report on S3 buckets: which are public, what blocks that, and which are not encrypted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.findings import Finding
from agent.outside import mapping, mappings, words
from agent.tools.aws.calls import Calls
from agent.types import ToolError
from clients.reach import AWS_REGION

PAGE_SIZE = 500
FAILED_NAMED = 8
_ALL = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_EVERYBODY = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "everybody",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "every AWS user",
}
_NO_BLOCK = "NoSuchPublicAccessBlockConfiguration"
_NO_POLICY = "NoSuchBucketPolicy"
_NO_ENCRYPTION = "ServerSideEncryptionConfigurationNotFoundError"
# The most that one bucket costs; with fewer calls left none is begun.
CALLS_A_BUCKET = 4

Block = dict[str, bool]


@dataclass(frozen=True)
class _Bucket:
    """What was found on one bucket; None is what the key may not see."""

    name: str
    region: str
    block: Block | None
    policy_public: bool | None
    granted: list[str] | None
    encryption: str | None


def buckets(calls: Calls) -> tuple[dict[str, Any], list[Finding]]:
    """Return the buckets of the account and the findings on them."""
    answer = calls.ask("s3", "list_buckets", MaxBuckets=PAGE_SIZE) or {}
    listed = mappings(answer.get("Buckets"))
    if answer.get("ContinuationToken"):
        calls.note_cut(f"buckets after the first {PAGE_SIZE}")
    account = _account_block(calls)
    seen = _look_at_all(calls, listed, account)
    data = {
        "count": len(listed),
        "checked": len(seen),
        "account_block": "unknown" if account is None else _block_word(account),
        "buckets": [_facts(one) for one in seen],
    }
    return data, [finding for one in seen for finding in _findings(one, account)]


def _look_at_all(calls: Calls, listed: list[dict[str, Any]], account: Block | None) -> list[_Bucket]:
    """Look at one after the other; one that AWS gives no answer on, busy or gone, does not cost the others."""
    seen: list[_Bucket] = []
    failed: list[str] = []
    last: ToolError | None = None
    for number, one in enumerate(listed):
        if calls.left < CALLS_A_BUCKET:
            calls.note_cut(f"{len(listed) - number} of {len(listed)} buckets, since one report makes few calls")
            break
        try:
            seen.append(_look(calls, one, account))
        except ToolError as error:
            last = error
            failed.append(words(one.get("Name"), 100))
    if last and not seen:
        raise last
    if last:
        calls.note_cut(f"{len(failed)} of {len(listed)} buckets ({', '.join(failed[:FAILED_NAMED])}): {last}")
    return seen


def _account_block(calls: Calls) -> Block | None:
    account = words((calls.ask("sts", "get_caller_identity") or {}).get("Account"), 12)
    if not (account.isdigit() and len(account) == 12):
        return None
    return _block(calls.ask("s3control", "get_public_access_block", _NO_BLOCK, AccountId=account))


def _block(answer: dict[str, Any] | None) -> Block | None:
    if answer is None:
        return None
    given = mapping(answer.get("PublicAccessBlockConfiguration"))
    return {key: given.get(key) is True for key in _ALL}


def _look(calls: Calls, one: dict[str, Any], account: Block | None) -> _Bucket:
    name = words(one.get("Name"), 100)
    region = words(one.get("BucketRegion"), 30)
    region = region if AWS_REGION.fullmatch(region) else calls.region
    place: dict[str, Any] = {"region": region, "Bucket": name}
    block = _block(calls.ask("s3", "get_public_access_block", _NO_BLOCK, **place))
    policy: bool | None = False
    granted: list[str] | None = []
    # What is blocked anyway costs no further calls.
    if not _holds(block, account, "RestrictPublicBuckets"):
        answer = calls.ask("s3", "get_bucket_policy_status", _NO_POLICY, **place)
        policy = None if answer is None else mapping(answer.get("PolicyStatus")).get("IsPublic") is True
    if not _holds(block, account, "IgnorePublicAcls"):
        granted = _granted(calls.ask("s3", "get_bucket_acl", **place))
    encryption = _encryption(calls.ask("s3", "get_bucket_encryption", _NO_ENCRYPTION, **place))
    return _Bucket(name, region, block, policy, granted, encryption)


def _holds(block: Block | None, account: Block | None, key: str) -> bool:
    return bool((block or {}).get(key) or (account or {}).get(key))


def _granted(answer: dict[str, Any] | None) -> list[str] | None:
    if answer is None:
        return None
    grants = mappings(answer.get("Grants"))
    named = [(mapping(grant.get("Grantee")).get("URI"), words(grant.get("Permission"), 20)) for grant in grants]
    return [f"{right} to {_EVERYBODY[uri]}" for uri, right in named if isinstance(uri, str) and uri in _EVERYBODY]


def _encryption(answer: dict[str, Any] | None) -> str | None:
    if answer is None:
        return None
    rules = mappings(mapping(answer.get("ServerSideEncryptionConfiguration")).get("Rules"))
    default = mapping(rules[0].get("ApplyServerSideEncryptionByDefault")) if rules else {}
    return words(default.get("SSEAlgorithm"), 30) or "none"


def _block_word(block: Block) -> str:
    count = sum(block.values())
    return "all" if count == len(_ALL) else "none" if not count else ", ".join(key for key in _ALL if block[key])


def _facts(one: _Bucket) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": one.name,
        "region": one.region,
        "public": _is_public(one),
        "bucket_block": "unknown" if one.block is None else _block_word(one.block),
        "encryption": one.encryption or "unknown",
    }
    return facts | ({"granted": one.granted} if one.granted else {})


def _is_public(one: _Bucket) -> str:
    if one.policy_public or one.granted:
        return "yes"
    return "unknown" if one.policy_public is None or one.granted is None else "no"


def _findings(one: _Bucket, account: Block | None) -> Iterator[Finding]:
    ways = (["its policy"] if one.policy_public else []) + [f"a grant of {grant}" for grant in one.granted or []]
    if ways:
        yield Finding(
            "bucket-public",
            "error",
            f"The bucket {one.name} is public by {' and '.join(ways)}.",
            "Whoever knows or guesses its name reaches what is in it.",
            f"aws s3api put-public-access-block --bucket {one.name} --public-access-block-configuration "
            + ",".join(f"{key}=true" for key in _ALL),
            path=one.name,
        )
    elif one.block is not None and account is not None and not all(_holds(one.block, account, key) for key in _ALL):
        yield Finding(
            "public-access-not-blocked",
            "warning",
            f"Nothing keeps the bucket {one.name} from becoming public; the block of public access is not whole.",
            "One wrong policy or grant opens it to the world.",
            "Turn on all four settings of the account's or the bucket's block of public access.",
            path=one.name,
        )
    if one.encryption == "none":
        yield Finding(
            "bucket-not-encrypted",
            "warning",
            f"The bucket {one.name} has no default encryption.",
            "Objects in it may lie there unencrypted.",
            "Turn on default encryption with SSE-S3 or a KMS key.",
            path=one.name,
        )
