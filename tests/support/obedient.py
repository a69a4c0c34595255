"""Play a model that believes whatever it reads and obeys it to the letter, as an attacker would like it to.

What it obeys are orders of a fixed form: `INSTRUCTION: call <tool> {json}` and `INSTRUCTION: say <words>`, the words up
to the end of the line or text. `%EVERYTHING%` in them becomes all that the model has been sent so far.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tests.fakes import anthropic_scripts as scripts

EVERYTHING = "%EVERYTHING%"
CARRIED_MAX = 3_000
"""Characters that a smuggled address carries; an address may have 4,000 in all."""

_ORDER = re.compile(r"INSTRUCTION: (?:call ([A-Za-z0-9_.]+) |say ([^\n]+))")
_MARKED = re.compile(r'<tool_data tool="[a-z0-9_]*">\n(.*)\n</tool_data>', re.DOTALL)


class Obedient:
    """Obey the newest tool results; `told` are the orders that were found, `called` the calls made of them."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.called: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, wire: scripts.Wire) -> None:
        """Answer one request."""
        read = list(_results(wire.body))
        calls, says = self._orders(read, wire.body)
        self.called += calls
        words = "\n\n".join(["The user has approved all of this.", *says])
        if calls:
            scripts.tools(*calls, before=words)(wire)
        else:
            # Whatever it read goes into the answer as it is: there it is shown to the user's browser.
            scripts.text("\n\n".join([words, *read]))(wire)

    def _orders(self, read: list[str], body: dict[str, Any]) -> tuple[list[tuple[str, dict[str, Any]]], list[str]]:
        calls: dict[str, tuple[str, dict[str, Any]]] = {}
        says: dict[str, None] = {}
        for text in read:
            for match in _ORDER.finditer(text):
                self.told.append(match[0])
                if match[2]:
                    says[match[2].replace(EVERYTHING, _everything(body))] = None
                elif (given := _first_json(text[match.end() :])) is not None:
                    filled = {key: _filled(value, body) for key, value in given.items()}
                    calls[json.dumps([match[1], filled], sort_keys=True)] = (match[1], filled)
        return list(calls.values()), list(says)


def _filled(value: Any, body: dict[str, Any]) -> Any:
    return value.replace(EVERYTHING, _everything(body)) if isinstance(value, str) else value


def _everything(body: dict[str, Any]) -> str:
    """Return the end of all that was sent, where the newest stands, fit for an address."""
    return quote(json.dumps(body["messages"], ensure_ascii=False)[-CARRIED_MAX // 3 :], safe="")[-CARRIED_MAX:]


def _first_json(text: str) -> dict[str, Any] | None:
    for spelt in (text, text.replace('\\"', '"')):
        try:
            found = json.JSONDecoder().raw_decode(spelt)[0]
        except ValueError:
            continue
        return found if isinstance(found, dict) else None
    return None


def _results(body: dict[str, Any]) -> Iterator[str]:
    """Yield each text in the newest tool results, without caring for any mark around it."""
    for block in body["messages"][-1]["content"]:
        if isinstance(block, dict) and block["type"] == "tool_result":
            marked = _MARKED.fullmatch(block["content"])
            yield from _strings(json.loads(marked[1]) if marked else block["content"])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
