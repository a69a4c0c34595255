"""Check a request as the real Messages API does."""

from typing import Any

_FIELDS = {
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "thinking",
    "tool_choice",
    "tools",
}
_BLOCK_FIELDS = {
    "text": {"type", "text", "cache_control", "citations"},
    "tool_use": {"type", "id", "name", "input", "cache_control", "caller"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
}
_IN_USER = {"text", "tool_result"}
_IN_ASSISTANT = {"text", "tool_use", "thinking", "redacted_thinking"}
MAX_CACHE_MARKS = 4


def complaint(body: Any) -> str | None:
    """Return what the API would say against the request (400 invalid_request_error), or None."""
    if not isinstance(body, dict):
        return "the body must be a JSON object"
    try:
        _check_fields(body)
        _check_tools(body.get("tools", []))
        _check_messages(body["messages"])
        _check_cache_marks(body)
    except _Refused as refused:
        return str(refused)
    return None


class _Refused(Exception):
    pass


def _require(condition: object, message: str) -> None:
    if not condition:
        raise _Refused(message)


def _check_fields(body: dict[str, Any]) -> None:
    for name in body:
        _require(name in _FIELDS, f"{name}: Extra inputs are not permitted")
    for name in ("model", "max_tokens", "messages"):
        _require(name in body, f"{name}: Field required")
    _require(isinstance(body["model"], str) and body["model"], "model: Input should be a valid string")
    limit = body["max_tokens"]
    _require(type(limit) is int and limit >= 1, "max_tokens: Input should be greater than or equal to 1")
    for block in body["system"] if isinstance(body.get("system"), list) else []:
        _check_block(block, {"text"}, "system")
    choice = body.get("tool_choice")
    _require(choice is None or choice.get("type") in ("auto", "none"), "tool_choice: forced tool use is not supported")


def _check_tools(tools: list[dict[str, Any]]) -> None:
    names = [tool.get("name") for tool in tools]
    _require(len(names) == len(set(names)), "tools: Tool names must be unique.")
    for index, tool in enumerate(tools):
        schema = tool.get("input_schema")
        is_object = isinstance(schema, dict) and schema.get("type") == "object"
        _require(is_object, f"tools.{index}.custom.input_schema.type: Field required")
        for name in tool:
            known = name in ("name", "description", "input_schema", "cache_control", "type")
            _require(known, f"tools.{index}.{name}: Extra inputs are not permitted")


def _check_messages(messages: list[dict[str, Any]]) -> None:
    _require(messages, "messages: at least one message is required")
    _require(messages[0].get("role") == "user", 'messages: first message must use the "user" role')
    waiting: list[str] = []
    seen: set[str] = set()
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        role, content = str(message.get("role")), message.get("content")
        _require(role in ("user", "assistant"), f"{where}.role: Input should be 'user' or 'assistant'")
        _require(set(message) <= {"role", "content"}, f"{where}: Extra inputs are not permitted")
        blocks: Any = [{"type": "text", "text": content}] if isinstance(content, str) else content
        _require(isinstance(blocks, list) and blocks, f"{where}: all messages must have non-empty content")
        for block in blocks:
            _check_block(block, _IN_USER if role == "user" else _IN_ASSISTANT, where)
        _check_results(where, role, blocks, waiting)
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        _require(
            len(waiting) == len(set(waiting)) and not seen & set(waiting), f"{where}: `tool_use` ids must be unique"
        )
        seen |= set(waiting)
    _require(not waiting, f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` blocks")


def _check_block(block: dict[str, Any], allowed: set[str], where: str) -> None:
    kind = str(block.get("type"))
    _require(kind in allowed, f"{where}: a block of type {kind!r} is not allowed here")
    for name in block:
        _require(name in _BLOCK_FIELDS[kind], f"{where}.{kind}.{name}: Extra inputs are not permitted")
    if kind == "text":
        _require(
            isinstance(block.get("text"), str) and block["text"].strip(),
            f"{where}: text content blocks must be non-empty",
        )
    if kind == "tool_use":
        _require(isinstance(block.get("input"), dict), f"{where}.tool_use.input: Input should be a valid dictionary")
        _require(block.get("id") and block.get("name"), f"{where}.tool_use: Field required")


def _check_results(where: str, role: str, blocks: list[dict[str, Any]], waiting: list[str]) -> None:
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    missing = [identity for identity in waiting if identity not in results]
    _require(
        not missing,
        f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}",
    )
    orphans = [identity for identity in results if identity not in waiting]
    _require(not orphans, f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(orphans)}")
    if results:
        kinds = [block["type"] for block in blocks]
        _require(role == "user" and set(kinds) == {"tool_result"}, f"{where}: nothing may stand beside tool results")
        _require(len(results) == len(set(results)), f"{where}: each tool_use must have a single result")


def _check_cache_marks(body: dict[str, Any]) -> None:
    system = body.get("system")
    places = [*(system if isinstance(system, list) else []), *body.get("tools", [])]
    places += [
        block for message in body["messages"] if isinstance(message["content"], list) for block in message["content"]
    ]
    marks = sum("cache_control" in place for place in places)
    _require(marks <= MAX_CACHE_MARKS, f"A maximum of {MAX_CACHE_MARKS} blocks with cache_control may be provided.")
