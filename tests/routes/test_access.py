"""Guard the doors: signed in or not, from this site or not."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from routes.access import inward
from tests.support.actors import PASSWORD, Actor

pytestmark = pytest.mark.one_database

PUBLIC_API = {"/api/subscription/tiers", "/api/credits/packs", "/api/stripe/webhook"}
PUBLIC_PAGES = {"/", "/tools", "/tools/<name>", "/signup", "/login", "/logout", "/health", "/static/<path:filename>"}


def _rules(app: Flask) -> list[tuple[str, str]]:
    return [
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def _path(rule: str) -> str:
    return re.sub(r"<int:[^>]+>", "1", re.sub(r"<(?!int:)[^>]+>", "some-id", rule))


def test_every_call_of_the_api_needs_someone_signed_in_unless_it_is_public(app: Flask, client: FlaskClient) -> None:
    for rule, method in _rules(app):
        if not rule.startswith("/api/") or rule in PUBLIC_API:
            continue
        answer = client.open(_path(rule), method=method)
        assert answer.status_code == 401, f"{method} {rule}"
        assert answer.get_json()["error"] == "authentication_required"
        assert client.open(_path(rule), method=method, json={}).status_code == 401


def test_every_page_leads_to_the_log_in_unless_it_is_public(app: Flask, client: FlaskClient) -> None:
    for rule, method in _rules(app):
        if rule.startswith("/api/") or rule in PUBLIC_PAGES:
            continue
        answer = client.open(_path(rule), method=method)
        if method == "GET":
            assert answer.status_code == 303, f"{method} {rule}"
            assert (answer.location or "").startswith("/login?next=%2F"), rule
        else:
            assert answer.status_code == 400, f"{method} {rule}"  # No form without its token.


def test_every_change_by_cookie_needs_json(app: Flask, alice: Actor) -> None:
    for rule, method in _rules(app):
        if not rule.startswith("/api/") or method in ("GET", "DELETE") or rule in PUBLIC_API:
            continue
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
            answer = alice.open(_path(rule), method=method, data=b"{}", content_type=content_type)
            assert answer.status_code == 415, f"{method} {rule} {content_type}"
            assert answer.get_json()["error"] == "unsupported_media_type"


def test_a_delete_without_a_body_needs_no_type(alice: Actor) -> None:
    assert alice.delete("/api/conversations/unknown").status_code == 404
    assert alice.delete("/api/conversations/unknown", data=b"x=1").status_code == 415


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "https://localhost"},
    {"Origin": "http://localhost:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
]
OWN = [
    {},
    {"Origin": "http://localhost"},
    {"Origin": "http://localhost:5000"},  # BASE_URL
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_change_from_another_site_is_refused(alice: Actor, headers: dict[str, str]) -> None:
    answer = alice.post("/api/chat", json={"message": "hello"}, headers=headers)
    assert (answer.status_code, answer.get_json()["error"]) == (403, "foreign_origin")
    assert alice.delete("/api/conversations/unknown", headers=headers).status_code == 403
    assert alice.post("/logout", json={}, headers=headers).status_code == 403
    assert alice.credits() == 20


@pytest.mark.parametrize("headers", OWN)
def test_a_change_from_this_site_is_not(alice: Actor, headers: dict[str, str]) -> None:
    assert alice.delete("/api/conversations/unknown", headers=headers).status_code == 404


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/signup", "/login"])
def test_nobody_is_signed_in_from_another_site(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    answer = client.post(path, json={"email": "alice@example.com", "password": PASSWORD}, headers=headers)
    assert (answer.status_code, answer.get_json()["error"]) == (403, "foreign_origin")


def test_reading_from_another_site_is_harmless(alice: Actor) -> None:
    assert alice.get("/api/subscription", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("path", ["/signup", "/login", "/logout"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/jsonp", None])
def test_the_doors_take_forms_and_json_only(client: FlaskClient, path: str, content_type: str | None) -> None:
    assert client.post(path, data=b"{}", content_type=content_type).status_code == 415


@pytest.mark.parametrize("path", ["/signup", "/login", "/logout", "/settings/profile", "/settings/delete"])
def test_a_form_without_its_token_gets_a_friendly_page(alice: Actor, path: str) -> None:
    answer = alice.post(path, data={"email": "x@example.com", "password": PASSWORD, "username": "x"})
    assert answer.status_code == 400
    assert answer.mimetype == "text/html"
    assert "reload the page" in answer.get_data(as_text=True)
    assert alice.credits() == 20


def test_a_token_of_someone_else_is_worth_nothing(alice: Actor, bob: Actor) -> None:
    token = bob.form_token("/settings")
    assert alice.post("/settings/profile", data={"username": "x", "csrf_token": token}).status_code == 400


def test_json_is_no_way_around_the_token_of_a_form(alice: Actor) -> None:
    assert alice.post("/settings/delete", json={"password": PASSWORD}).status_code == 400
    assert alice.credits() == 20


def test_a_forged_cookie_is_nobody(client: FlaskClient) -> None:
    client.set_cookie("session", "eyJfdXNlcl9pZCI6IjEifQ.aaaaaa.bbbbbbbb")
    assert client.get("/api/subscription").status_code == 401


def test_a_nul_in_the_address_reaches_no_database(alice: Actor) -> None:
    assert alice.get("/api/conversations/%00").status_code == 404
    assert alice.get("/api/conversations?q=%00").status_code == 400
    assert alice.get("/chat/%00").status_code == 404


@pytest.mark.parametrize("target", ["/", "/chat", "/usage?page=2", "/a//b", "/chat/x?next=https://x.example"])
def test_paths_of_this_site_lead_inward(target: str) -> None:
    assert inward(target) == target


@pytest.mark.parametrize("target", [None, "", "chat", "//x", "///x", "/\\x", "http://x", "/\tx", "/\r\nx", "\x00/x"])
def test_anything_else_does_not(target: str | None) -> None:
    assert inward(target) is None
