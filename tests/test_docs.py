"""Run what the documents show, and hold what they say against the code, so that they stay true."""

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

import agent.tools
from agent.registry import Registry, default_tools
from clients.outward.aws import OPERATIONS
from clients.stripe_gateway import API_VERSION
from config import ROOT, Settings
from init_subscription_system import ACTIONS, PACKS, TIERS
from models import Base
from routes.errors import _FAILURE, _KNOWN
from services import price_list, tool_pages
from services.answer_views import _STATUS
from services.stripe_event_types import HANDLED_EVENTS
from services.transaction import Database, utcnow
from tests.support.databases import SqliteFiles
from tests.support.documents import ADDRESS, Block, Reader, blocks, differences, prose

README = ROOT / "README.md"
SYSTEM = ROOT / "CREDITS_SYSTEM.md"
SETUP = ROOT / "SETUP_CREDITS.md"
DOCUMENTS = (README, SYSTEM, SETUP)
DECISIONS = tuple(sorted((ROOT / "docs" / "decisions").glob("*.md")))

# Made by whoever follows the document, or by the product when it runs.
MADE_LATER = {
    "agent/tools/byte_size.py",
    "tests/agent/tools/test_byte_size.py",
    "instance/secret_key",
    "instance/devops_agent.db",
    "instance/demo.kubeconfig",
    "instance/",
}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


# --- What is shown works --------------------------------------------------------------------------------------------


@pytest.mark.timeout(900)  # It starts several servers and dozens of programs, one after the other.
@each_document
def test_what_a_document_shows_is_what_happens(document: Path, tmp_path: Path, sqlite_files: SqliteFiles) -> None:
    for program in ("curl", "bash"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    database = Path(sqlite_files.prepared().removeprefix("sqlite:///"))
    with ExitStack() as stack:
        found = list(Reader(stack, tmp_path, database).follow(document))
    assert not found, "\n".join(found)


def test_a_document_that_is_wrong_would_be_seen() -> None:
    found = '{"a": 1, "b": [1, 2], "c": "x-1"}'
    for shown in (
        '{"a": 1, "b": [1, 2], "c": "x-1"}',
        '{"a": 1, "b": [1, "..."], "c": "..."}',
        '{"c": "x-...", "...": "..."}',
    ):
        assert list(differences(Block("json", shown, 1), found)) == []
    for shown in (
        '{"a": 1, "b": [1, 2]}',
        '{"a": 1.0, "...": "..."}',
        '{"d": 1, "...": "..."}',
        '{"b": [1], "...": "..."}',
        '{"c": "y-...", "...": "..."}',
        '{"a": 1, "b": [1, 2], "c": "x-1", "...": "..."}',
        "{",
    ):
        assert list(differences(Block("json", shown, 1), found))
    assert list(differences(Block("text", "5 ...", 1), "6 left"))


def test_the_query_for_the_models_cost_runs(database: Database) -> None:
    [query] = [block for block in blocks(SYSTEM) if block.language == "sql"]
    with database.read() as tx:
        assert tx.execute(text(query.text)).all() == []


@pytest.mark.one_database
def test_the_edits_of_the_price_list_do_what_is_shown(database: Database) -> None:
    seen = 0
    steps = blocks(SETUP)
    for block, shown in zip(steps, steps[1:], strict=False):
        if block.language == "python" and shown.language == "text":
            changes = price_list.apply(database, *_edited(block.text), now=utcnow())
            printed = {f"  {line}" for line in (*changes.tiers, *changes.packs, *changes.actions)}
            assert set(shown.text.splitlines()) <= printed
            seen += 1
    assert seen == 3
    pack = ast.literal_eval(_quoted(SETUP, "{'credits': "))
    price_list.check(TIERS, [*PACKS, pack], ACTIONS)


def _edited(entry: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, int]]:
    """Return the price list with the shown entry in the place of the one of its name, or at the end."""
    if entry.startswith("ACTIONS = "):
        return TIERS, PACKS, {**ACTIONS, **ast.literal_eval(entry.removeprefix("ACTIONS = "))}
    new = ast.literal_eval(entry)
    names = [tier["name"] for tier in TIERS]
    place = names.index(new["name"]) if new["name"] in names else len(names)
    return [*TIERS[:place], new, *TIERS[place + 1 :]], PACKS, ACTIONS


def _quoted(document: Path, beginning: str) -> str:
    [found] = [code for code in _code(document) if code.startswith(beginning)]
    return found


def test_the_tool_that_is_shown_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool, test = [block.text for block in blocks(SETUP) if block.language == "python" and block.text[:3] == '"""']
    (tmp_path / "byte_size.py").write_text(tool)
    (tmp_path / "shown_test_of_byte_size.py").write_text(test)
    monkeypatch.setattr(agent.tools, "__path__", [*agent.tools.__path__, str(tmp_path)])
    monkeypatch.syspath_prepend(tmp_path)
    try:
        made = importlib.import_module("agent.tools.byte_size").BYTE_SIZE
        assert Registry([*default_tools(), made]).names[-1] == "byte_size"
        shown = importlib.import_module("shown_test_of_byte_size")
        for name in [name for name in vars(shown) if name.startswith("test_")]:
            getattr(shown, name)()
    finally:
        for name in ("agent.tools.byte_size", "shown_test_of_byte_size"):
            sys.modules.pop(name, None)
        vars(agent.tools).pop("byte_size", None)


# --- What is said is so ---------------------------------------------------------------------------------------------


def test_the_readme_lists_every_tool_in_its_family_with_its_price() -> None:
    listed = [
        (family, name, int(price), bool(asks))
        for family, tools, *_ in _rows(_section(README, "The tools"))[1:]
        for name, price, asks in re.findall(r"`(\w+)` (\d+)( \(asks\))?", tools)
    ]
    assert sorted(listed) == sorted(
        (f"[{tool_pages.FAMILIES[tool.family][0]}]({ADDRESS}/tools#family-{tool.family})",)
        + (tool.name, ACTIONS[tool.name], tool.writes)
        for tool in default_tools()
    )
    assert f"[{len(default_tools())} of them](#the-tools)" in prose(README)


def test_the_policy_for_aws_allows_what_is_asked_and_no_more() -> None:
    [policy] = [json.loads(block.text) for block in blocks(SETUP) if '"Effect"' in block.text]
    asked = {f"{service}:{operation}" for service, operations in OPERATIONS.items() for operation in operations}
    named = {
        _AWS_NAMES.get(one) or one.partition(":")[0] + ":" + one.partition(":")[2].title().replace("_", "")
        for one in asked
    }
    assert set(policy["Statement"][0]["Action"]) == named - {"sts:GetCallerIdentity"}
    assert "`sts:GetCallerIdentity`" in prose(SETUP)


# Rights of S3 that are not called as the operation is.
_AWS_NAMES = {
    "s3:list_buckets": "s3:ListAllMyBuckets",
    "s3:get_public_access_block": "s3:GetBucketPublicAccessBlock",
    "s3:get_bucket_encryption": "s3:GetEncryptionConfiguration",
    "s3control:get_public_access_block": "s3:GetAccountPublicAccessBlock",
}


def test_the_rights_in_a_cluster_are_those_that_the_settings_page_shows() -> None:
    shown = (ROOT / "templates" / "settings" / "kubernetes.html").read_text()
    [commands] = [block.text for block in blocks(SETUP) if block.text.startswith("kubectl config view")]
    assert all(line in shown for line in commands.splitlines())
    [applied] = [block.text for block in blocks(SETUP) if block.text.startswith("kubectl apply")]
    assert all((ROOT / line.rpartition(" ")[2]).exists() for line in applied.splitlines())


def test_the_readme_lists_every_setting_with_its_default() -> None:
    rows = {name: default for name, default, *_ in _rows(prose(README)) if name.strip("`").lower() in _settings()}
    assert rows == {f"`{name.upper()}`": default for name, default in _settings().items()}
    example = (ROOT / ".env.example").read_text()
    assert all(re.search(rf"^(?:# )?{name.strip('`')}=", example, re.MULTILINE) for name in rows)


def _settings() -> dict[str, str]:
    """Return each setting's default as the table writes it."""
    written = {"instance_path": "`instance/`"}
    for name, field in Settings.model_fields.items():
        written.setdefault(name, "none" if field.default in (None, []) else f"`{field.default}`")
    return written


@pytest.mark.parametrize("document", [*DOCUMENTS, *DECISIONS], ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", prose(document)):
        if target.startswith(("http://", "https://")):
            continue
        name, _, heading = target.partition("#")
        linked = document.parent / name if name else document
        assert linked.exists(), target
        assert not heading or heading in _anchors(linked), target


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [*DOCUMENTS, *DECISIONS], ids=lambda path: path.name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    shape = re.compile(r"\.?[\w.-]+(/[\w.-]+)*(/|\.(py|md|js|html|css|txt|toml|example))|instance/[\w.]+")
    named = {code for code in _code(document) if shape.fullmatch(code)}
    assert [name for name in sorted(named - MADE_LATER) if not (ROOT / name).exists()] == []


@each_document
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [*_code(document), *(line for block in blocks(document) for line in block.text.splitlines())]
    named = {found for line in commands for found in re.findall(r"(?:^|\s)make ([a-z-]+)\b", line)}
    assert named <= targets
    assert document != README or named == targets


@pytest.mark.one_database
@each_document
def test_every_flask_command_that_is_named_exists(document: Path, app: Flask) -> None:
    ours = {f"{group} {name}" for group, made in app.cli.commands.items() for name in getattr(made, "commands", ())}
    lines = [*_code(document), *(line for block in blocks(document) for line in block.text.splitlines())]
    named = {found for line in lines for found in re.findall(r"\bflask (\w+ [\w-]+)", line)}
    assert named <= ours


@pytest.mark.one_database
def test_every_call_of_the_api_is_listed(app: Flask) -> None:
    listed = {code for cells in _rows(prose(SYSTEM)) for code in re.findall(r"`([A-Z]+ /[^`]*)`", cells[0])}
    served = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?!name>)[^>]+>", "<id>", rule.rule)
        if rule.methods is not None and path.startswith("/api/"):
            served |= {f"{method} {path}" for method in rule.methods - {"HEAD", "OPTIONS"}}
    outside = {"POST /signup", "POST /login", "POST /logout", "GET /health"}
    assert listed == served | outside


@pytest.mark.one_database
def test_every_path_that_is_named_is_served(app: Flask) -> None:
    served = [re.sub(r"<[^>]+>", "[^/]+", rule.rule) for rule in app.url_map.iter_rules()]
    for document in DOCUMENTS:
        named = {path for code in _code(document) for path in re.findall(r"(?:^|[A-Z] )(/[a-z][\w/<>-]*)", code)}
        for block in blocks(document):
            named |= set(re.findall(r"http://localhost:5000(/[\w/$-]*)", block.text))
        named.discard("/api/")
        for path in named:
            assert any(re.fullmatch(rule, path) for rule in served), f"{document.name}: {path}"


def test_every_error_code_is_listed_with_its_status() -> None:
    listed = {(int(status), code.strip("`")) for status, code, _when in _rows(_section(SYSTEM, "Errors"))[1:]}
    raised = {(status, code) for status, (code, _message) in _KNOWN.items()} | {(500, _FAILURE[0])}
    raised |= {(status, code) for code, status in _STATUS.items()}
    ended = set()
    for room, tree in _our_code():
        raised |= set(_raised(tree))
        if room != "clients":  # There such words are for the log.
            ended |= set(_ended(tree))
    assert listed == raised
    assert ended <= {code for _status, code in listed}
    setup = {(int(status), code) for cells in _rows(prose(SETUP)) for status, code in _STATUS_CELL.findall(cells[0])}
    assert setup and setup <= listed


_STATUS_CELL = re.compile(r"^(\d{3}) `(\w+)`$")
_FIXED = {"Conflict": 409, "NotFound": 404}


def _our_code() -> Iterator[tuple[str, ast.AST]]:
    yield "", ast.parse((ROOT / "errors.py").read_text())
    for room in ("routes", "services", "clients"):
        yield from ((room, ast.parse(path.read_text())) for path in (ROOT / room).rglob("*.py"))


def _raised(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield status and code of each refusal that is made with both written out."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        words = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        if called in _FIXED and words:
            yield _FIXED[called], words[0]
        elif called in ("AppError", "__init__") and len(words) > 1 and isinstance(words[0], int):
            yield words[0], words[1]


def _ended(tree: ast.AST) -> Iterator[str]:
    """Yield the codes that answers end with, which carry their status elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("error", "error_code"):
            value = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "error" and isinstance(value, ast.Constant):
                    yield value.value


def test_the_list_of_events_is_the_one_that_is_handled() -> None:
    [listed] = [block.text for block in blocks(SETUP) if block.text.startswith("charge.dispute.closed")]
    assert tuple(listed.split()) == HANDLED_EVENTS


def test_the_version_of_stripes_api_is_the_one_that_is_spoken() -> None:
    assert f"`{API_VERSION}`" in prose(SETUP)


def test_every_table_and_column_is_in_the_schema() -> None:
    sections = re.split(r"^### `(\w+)`$", _section(SYSTEM, "Database schema"), flags=re.MULTILINE)[1:]
    described = {
        name: {column for cells in _rows(section) for column in re.findall(r"`(\w+)`", cells[0])}
        for name, section in zip(sections[::2], sections[1::2], strict=True)
    }
    assert described == {table.name: {column.name for column in table.columns} for table in Base.metadata.sorted_tables}


def test_every_index_and_trigger_that_is_named_exists(sqlite_files: SqliteFiles) -> None:
    triggers = set(re.findall(r"TRIGGER (credit_ledger_\w+)", (ROOT / "migrations" / "ledger_triggers.py").read_text()))
    indexes = {str(index.name) for table in Base.metadata.sorted_tables for index in table.indexes}
    known = triggers | indexes
    named = {code for code in _code(SYSTEM) if re.fullmatch(r"(ix|uq)_\w+|credit_ledger_\w+", code)}
    assert triggers <= named <= known


# --- Reading tables and code ----------------------------------------------------------------------------------------


def _code(document: Path) -> list[str]:
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(document))]


def _section(document: Path, heading: str) -> str:
    return prose(document).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _rows(words: str) -> list[list[str]]:
    """Return the cells of every row of every table, heads included."""
    lines = [line for line in words.splitlines() if line.lstrip().startswith("| ") and "| ---" not in line]
    return [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines]


def test_the_shell_of_a_document_is_valid() -> None:
    for document in DOCUMENTS:
        for block in blocks(document):
            if block.language in ("sh", "bash"):
                done = subprocess.run(["bash", "-n", "-c", block.text], capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"{document.name}:{block.line}: {done.stderr}"
