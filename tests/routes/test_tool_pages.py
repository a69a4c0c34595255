"""Document every tool from its own definition, for everyone."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, update

from agent.registry import REGISTRY
from agent.types import Tool
from models import ActionPrice
from routes.filters import credits
from services import input_schemas, tool_pages
from services.house import House
from services.tool_samples import SAMPLES
from tests.support.actors import Actor

pytestmark = pytest.mark.one_database
TOOLS = pytest.mark.parametrize("tool", list(REGISTRY), ids=lambda tool: tool.name)


def page_of(client: FlaskClient, path: str) -> str:
    """Return a page that must be there."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    return unescape(answer.get_data(as_text=True))


def test_every_tools_page_names_its_price_its_inputs_and_what_it_does(client: FlaskClient, house: House) -> None:
    listed = page_of(client, "/tools")
    price_list = {tool["name"]: tool["credits"] for tool in priced(house)}
    for tool in REGISTRY:
        page = page_of(client, f"/tools/{tool.name}")
        price = price_list[tool.name]
        assert f'<a href="/tools/{tool.name}">{tool.title}</a>' in listed, tool.name
        assert len(re.findall(r"<h1\b", page)) == 1 and f"<h1>{tool.title}</h1>" in page
        assert (credits(price) if price else "Free") in page, tool.name
        assert tool.examples and tool.returns, f"{tool.name} says neither how to ask for it nor what comes back"
        for key in tool.input_schema.get("properties", {}):
            assert f"<code>{key}</code></th>" in page, f"{tool.name} {key}"
        assert "the user" not in page.lower() and "instructions" not in page, f"{tool.name} speaks to the model"
        assert ("Yes, always, because it changes something." in page) == tool.writes
        assert ("Needs a connection" in page) == (tool.needs_connection is not None)


def priced(house: House) -> list[dict[str, Any]]:
    """Return the tools that are for sale, as the list shows them."""
    with house.db.read() as tx:
        prices = {row.action: row.credits for row in tx.query(ActionPrice)}
    return [tool for family in tool_pages.catalogue(house.tools, prices) for tool in family["tools"]]


def test_every_family_has_a_name_of_its_own() -> None:
    assert {tool.family for tool in REGISTRY} <= set(tool_pages.FAMILIES)


@TOOLS
def test_every_input_is_described_in_words(tool: Tool) -> None:
    for row in input_schemas.rows(tool.input_schema):
        assert row["type"] != "any", row
        assert row["description"], f"{tool.name} does not say what {row['key']} is"


@TOOLS
def test_the_line_on_a_tool_is_a_short_sentence(tool: Tool) -> None:
    (family,) = tool_pages.catalogue([tool], {tool.name: 0})
    line = family["tools"][0]["line"]
    assert 15 <= len(line) <= 170 and line.count("(") == 0 and "\n" not in line
    assert re.fullmatch(r"[A-Z].*[^.,:; ]\.", line), line


def test_an_example_leads_to_the_chat_with_its_words_and_sends_nothing(alice: Actor, client: FlaskClient) -> None:
    page = page_of(client, "/tools/k8s_scale")
    links = [unescape(found) for found in re.findall(r'class="chip" href="([^"]+)"', page)]
    asked = [parse_qs(urlsplit(link).query)["message"][0] for link in links]
    tool = REGISTRY.get("k8s_scale")
    assert tool is not None and asked == list(tool.examples)
    chat = alice.get(links[0]).get_data(as_text=True)
    assert f">{asked[0]}</textarea>" in chat
    assert alice.get("/api/conversations").get_json()["conversations"] == []


@pytest.mark.parametrize("words", ["</textarea><script>alert(1)</script>", "x" * 300_000, "\u202e", "%ff"])
def test_words_in_a_link_to_the_chat_are_only_ever_text(alice: Actor, words: str) -> None:
    answer = alice.get("/chat", query_string={"message": words})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert page.count("<script>alert") == 0 and page.count("</textarea>") == 1
    assert len(page) < 250_000


def test_the_words_of_a_link_do_not_reach_another_conversation(alice: Actor) -> None:
    conversation = alice.chat("hello").get_json()["conversation_id"]
    assert "from a link" not in alice.get(f"/chat/{conversation}?message=from+a+link").get_data(as_text=True)


@pytest.mark.parametrize("name", ["nothing", "K8S_GET", "..%2fchat", "k8s_get%00", "<b>"])
def test_an_unknown_tool_has_no_page(client: FlaskClient, name: str) -> None:
    assert client.get(f"/tools/{name}").status_code == 404


def test_a_tool_that_is_no_longer_for_sale_is_not_shown(client: FlaskClient, house: House) -> None:
    with house.db.write() as tx:
        tx.execute(delete(ActionPrice).where(ActionPrice.action == "cron_explain"))
    assert client.get("/tools/cron_explain").status_code == 404
    for path in ("/tools", "/"):
        assert "/tools/cron_explain" not in page_of(client, path)


def test_the_pages_follow_the_price_list(client: FlaskClient, house: House) -> None:
    assert "<strong>No.</strong> It only reads" in page_of(client, "/tools/k8s_get")
    with house.db.write() as tx:
        tx.execute(update(ActionPrice).where(ActionPrice.action == "k8s_get").values(credits=7))
    page = page_of(client, "/tools/k8s_get")
    assert "7 credits, charged when you approve." in page
    assert "Yes, because it costs more than 2 credits." in page


def test_an_empty_chat_suggests_tools_of_several_families_with_their_prices(alice: Actor) -> None:
    page = alice.get("/chat").get_data(as_text=True)
    offered = re.findall(r'data-example="([^"]+)".*?class="badge[^"]*">([^<]+)<', page)
    assert len(offered) == 6 and len({words for words, _ in offered}) == 6
    assert {"Free", "1 credit"} <= {price for _, price in offered}
    assert alice.chat(unescape(offered[0][0])).status_code == 200
    assert page.count('href="/settings#connections">Needs a connection') == 2


def test_an_example_needs_no_connection_that_is_there() -> None:
    prices = {tool.name: 1 for tool in REGISTRY}
    offered = {one["title"]: one["connect"] for one in tool_pages.suggestions(REGISTRY, prices, {"kubernetes"})}
    assert (offered["Look into a cluster"], offered["Look at workflow runs"]) == (False, True)


def test_the_first_example_of_what_reads_a_file_can_be_sent_as_it_is(alice: Actor, client: FlaskClient) -> None:
    for name in SAMPLES:
        link = re.findall(r'class="chip" href="([^"]+)"', page_of(client, f"/tools/{name}"))[0]
        answer = alice.chat(parse_qs(urlsplit(unescape(link)).query)["message"][0]).get_json()
        (call,) = answer["tool_calls"]
        assert (call["name"], call["success"]) == (name, True)
        assert re.search(r"[1-9]\d* error", answer["response"]), name


def test_strangers_find_the_tools(client: FlaskClient) -> None:
    page = page_of(client, "/")
    assert page.count('href="/tools"') >= 3
    assert 'href="/tools/k8s_scale"' in page


@pytest.mark.parametrize(
    ("schema", "kind", "limits"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 253}, "text", ["1 to 253 characters"]),
        ({"anyOf": [{"type": "string", "maxLength": 80}, {"type": "null"}]}, "text", ["at most 80 characters"]),
        ({"type": "integer", "minimum": 0, "maximum": 1000}, "whole number", ["0 to 1,000"]),
        ({"type": "number", "exclusiveMinimum": 0}, "number", ["more than 0"]),
        ({"enum": ["GET", "HEAD"], "type": "string"}, "one of a list", ["GET or HEAD"]),
        ({"anyOf": [{"$ref": "#/$defs/Kind"}, {"type": "null"}]}, "one of a list", ["a or b"]),
        ({"const": "x"}, "a fixed value", ["x"]),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 64},
            "list of text",
            ["1 to 64 items"],
        ),
        ({"type": "array", "items": {"type": "string", "maxLength": 9}}, "list of text", ["each at most 9 characters"]),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object of text", []),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "whole number or text", []),
        ({"type": "boolean"}, "true or false", []),
        ({"type": ["string", "null"]}, "text", []),
        ({}, "any", []),
        ({"$ref": "#/$defs/Loop"}, "any", []),
    ],
)
def test_a_schema_is_said_in_words(schema: dict[str, Any], kind: str, limits: list[str]) -> None:
    definitions = {"Kind": {"enum": ["a", "b"]}, "Loop": {"$ref": "#/$defs/Loop"}}
    (row,) = input_schemas.rows({"type": "object", "properties": {"key": schema}, "$defs": definitions})
    assert (row["type"], row["limits"], row["required"]) == (kind, limits, False)


def test_required_inputs_come_first_and_defaults_are_named() -> None:
    schema = {
        "type": "object",
        "properties": {
            "connection": {"type": "string"},
            "lines": {"type": "integer", "default": 200},
            "deep": {"type": "boolean", "default": False},
            "name": {"type": "string"},
        },
        "required": ["name"],
    }
    rows = input_schemas.rows(schema)
    assert [row["key"] for row in rows] == ["name", "lines", "deep", "connection"]
    assert [row["default"] for row in rows] == [None, "200", "false", None]
