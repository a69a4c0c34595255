"""Ask AWS by its own SDK, while every byte goes through the guarded way out.

The SDK builds, signs and parses; it never opens a connection. It sees the credentials of one call and nothing of the
server: no environment, no files in `~/.aws`, no instance metadata.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigValueStore, ConstantProvider  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError  # type: ignore[import-untyped]
from botocore.loaders import Loader  # type: ignore[import-untyped]
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]
from botocore.session import Session  # type: ignore[import-untyped]

from clients.reach import AWS_REGION, Refused, Request, Response, Unreachable

Fetch = Callable[[Request], Response]

# Reading operations only; nothing else can be called, whatever the credentials allow.
OPERATIONS: Mapping[str, frozenset[str]] = {
    "sts": frozenset({"get_caller_identity"}),
    "ec2": frozenset({"describe_instances", "describe_instance_status", "describe_security_groups"}),
    "ecs": frozenset({"list_clusters", "list_services", "describe_services"}),
    "cloudwatch": frozenset({"describe_alarms"}),
    "s3": frozenset(
        {
            "list_buckets",
            "get_public_access_block",
            "get_bucket_policy_status",
            "get_bucket_acl",
            "get_bucket_encryption",
        }
    ),
    "s3control": frozenset({"get_public_access_block"}),
}
ATTEMPTS = 2
SECONDS = 15.0
MAX_BYTES = 3_000_000
WORDS_MAX = 300
USER_AGENT = "devops-agent"
_WEB_PAGE = (b"<!doctype html", b"<html")
# What the SDK's parsers raise on answers that AWS would not give.
_UNREADABLE = (
    BotoCoreError,
    ResponseParserError,
    ValueError,
    RecursionError,
    LookupError,
    TypeError,
    AttributeError,
)

# It holds the descriptions of the services, which are the same for everybody and slow to read. `~/.aws/models` and
# AWS_DATA_PATH are left out.
_LOADER = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
_NO_FILES = {"config_file", "credentials_file"}


def call(
    fetch: Fetch,
    credentials: Mapping[str, str],
    service: str,
    operation: str,
    parameters: Mapping[str, Any],
    region: str,
) -> dict[str, Any]:
    """Call one reading operation and return its answer as JSON values; raises Refused or Unreachable."""
    if operation not in OPERATIONS.get(service, frozenset()):
        raise Refused("operation", f"The operation {service} {operation} of AWS is not one that may be called.")
    if not AWS_REGION.fullmatch(region):
        raise Refused("region", "That is not a region of AWS; write it like eu-west-1.")
    try:
        client = _client(fetch, credentials, service, region)
        answer = getattr(client, operation)(**parameters)
    except ClientError as error:
        raise _refusal(error, service, operation, credentials) from None
    except ParamValidationError:
        raise Refused("parameters", f"AWS does not take these parameters for {service} {operation}.") from None
    except _UNREADABLE as error:
        kind = type(error).__name__
        raise Unreachable("protocol", f"The answer to {service} {operation} was not one of AWS ({kind}).") from None
    answer.pop("ResponseMetadata", None)
    plain = _plain(answer)
    assert isinstance(plain, dict)
    return plain


def _client(fetch: Fetch, credentials: Mapping[str, str], service: str, region: str) -> Any:
    """Make a client for one call; sessions are cheap once the loader is warm, and sharing none mixes no credentials."""
    session = Session()
    session.register_component("config_store", _settings_of_nobody())
    session.register_component("data_loader", _LOADER)
    endpoint = credentials.get("endpoint_url") or None
    client = session.create_client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=credentials["access_key_id"],
        aws_secret_access_key=credentials["secret_access_key"],
        config=Config(
            user_agent=USER_AGENT,
            ignore_configured_endpoint_urls=True,
            defaults_mode="legacy",
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            s3={"addressing_style": "path"} if endpoint else None,
            proxies={},
        ),
    )
    client.meta.events.register("before-send", _sender(fetch))
    if endpoint:
        client.meta.events.register("before-sign.s3-control", _without_account_in_host)
    return client


def _without_account_in_host(request: Any, **_event: Any) -> None:
    """Ask the host that the user named; stand-ins of AWS take the account from the header that is sent as well."""
    account = request.headers.get("x-amz-account-id")
    if account:
        request.url = request.url.replace(f"://{account}.", "://", 1)


def _settings_of_nobody() -> ConfigValueStore:
    """Return the SDK's settings at their defaults, without its environment variables and files."""
    defaults = {
        name: ConstantProvider(None if name in _NO_FILES else default)
        for name, (_file, _variable, default, _convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    return ConfigValueStore(mapping=defaults)


def _sender(fetch: Fetch) -> Callable[..., AWSResponse]:
    """Return a handler that answers in the place of the SDK's own HTTP session, which is then never used."""

    def send(request: AWSPreparedRequest, **_event: Any) -> AWSResponse:
        response = fetch(
            Request(
                method=request.method,
                url=str(request.url),
                headers={str(name): _text(value) for name, value in request.headers.items()},
                body=_body(request.body),
                seconds=SECONDS,
                max_bytes=MAX_BYTES,
            )
        )
        if response.body[:100].lstrip().lower().startswith(_WEB_PAGE):
            raise Unreachable("protocol", "A web page came back, which is not how AWS answers.")
        # The body arrives decoded, so what spoke of its packing no longer holds.
        headers = {name: value for name, value in response.headers if name.lower() != "content-encoding"}
        return AWSResponse(response.url, response.status, headers, _Raw(response.body))

    return send


class _Raw:
    """Offer a body that is already here as the SDK reads bodies from a line."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_sizes: Any, **_options: Any) -> Iterator[bytes]:
        yield self.read()

    def read(self, _amount: int | None = None) -> bytes:
        body, self._body = self._body, b""
        return body


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _body(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytearray):
        return bytes(body)
    raise Refused("body", "Reading operations of AWS send no files.")


def _refusal(error: ClientError, service: str, operation: str, credentials: Mapping[str, str]) -> Unreachable:
    """Return AWS's code, and with its words in one line, clear of the credentials."""
    told = error.response.get("Error", {})
    code = str(told.get("Code") or "Unknown")
    words = " ".join(f"{code}: {told.get('Message') or 'no reason given'}".split())
    for key in ("secret_access_key", "access_key_id"):
        words = words.replace(credentials.get(key) or "\0", "***")
    return Unreachable("protocol", f"AWS refused {service} {operation}. {words[:WORDS_MAX]}", code=code)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
