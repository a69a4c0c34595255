"""Hold the house to its plan: who imports whom, who writes the ledger, and that everything says what it is for."""

import ast
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from config import Settings

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("routes", "services", "agent", "clients")
TOP = (
    "app",
    "commands",
    "stripe_commands",
    "connection_commands",
    "config",
    "config_values",
    "errors",
    "init_subscription_system",
    "logs",
    "models",
    "serving",
)
OURS = {*ROOMS, *TOP, "migrations"}

# What each part may import of ours; a dotted name allows that module only. app, commands and the init script: anything.
ALLOWED = {
    "routes": {"routes", "services", "agent.types", "models", "errors"},
    "services": {"services", "agent", "models", "errors", "clients.model", "clients.payments", "clients.reach"},
    "agent": {"agent", "errors", "clients.model", "clients.reach"},
    "clients": {"clients", "errors", "config"},
    "models": set(),
    "config": {"config_values"},
    "config_values": set(),
    "errors": set(),
    "logs": {"config", "agent.redaction", "agent.secret_judgement"},
    "serving": {"config", "routes"},
}
# These are handed the settings and name their type.
GIVEN_SETTINGS = {"services.house", "routes.limits"}
WALLET = {"UserSubscription", "CreditLedger"}
LEDGER_WRITER = "services.credits"


@cache
def _modules() -> dict[str, ast.Module]:
    """Return the syntax tree of each of our modules, by its dotted name."""
    paths = [ROOT / f"{name}.py" for name in TOP]
    paths += [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return {_dotted(path): ast.parse(path.read_text(), str(path)) for path in paths if path.exists()}


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _imports(module: str) -> tuple[tuple[str, int], ...]:
    """Return what a module imports, as dotted names with their lines; `from services import credits` is both."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(_modules()[module]):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively; name the room instead"
            source = node.module or ""
            submodules = [f"{source}.{alias.name}" for alias in node.names]
            known = [(name, node.lineno) for name in submodules if name in _modules()]
            found += known
            if len(known) < len(submodules):
                found.append((source, node.lineno))
    return tuple(found)


# --- Who imports whom -----------------------------------------------------------------------------------------------


def test_imports_go_only_in_the_directions_of_the_plan() -> None:
    wrong = []
    for module in _modules():
        allowed = ALLOWED.get(module.partition(".")[0])
        for imported, line in _imports(module):
            if allowed is None or imported.partition(".")[0] not in OURS:
                continue
            if imported == "config" and module in GIVEN_SETTINGS:
                continue
            if not any(imported == name or imported.startswith(f"{name}.") for name in allowed):
                wrong.append(f"{module}:{line} imports {imported}")
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "rooms"),
    [
        ("flask", {"routes", *TOP}),
        ("anthropic", {"clients"}),
        ("stripe", {"clients"}),
        ("boto3", {"clients"}),
        ("botocore", {"clients"}),
        ("httpcore", {"clients"}),
    ],
)
def test_a_package_is_imported_in_its_rooms_only(package: str, rooms: set[str]) -> None:
    wrong = [
        f"{module}:{line}"
        for module in _modules()
        for imported, line in _imports(module)
        if (imported.partition(".")[0] == package or imported.startswith(f"{package}_"))
        and imported.partition(".")[0] not in OURS
        and module.partition(".")[0] not in rooms
    ]
    assert wrong == []


def test_no_import_hides_in_a_function() -> None:
    hidden = []
    for module, tree in _modules().items():
        for function in _functions(tree):
            hidden += [
                f"{module}:{node.lineno}"
                for node in ast.walk(function)
                if isinstance(node, ast.Import | ast.ImportFrom)
            ]
    assert hidden == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a circle: {' -> '.join((*path[path.index(module) :], module))}"
        if module in done:
            return
        for imported, _ in _imports(module):
            if imported in _modules():
                visit(imported, (*path, module))
        done.add(module)

    for module in _modules():
        visit(module, ())


# --- Who writes wallets and the ledger ------------------------------------------------------------------------------


def test_only_credits_writes_wallets_and_the_ledger() -> None:
    wrong = [
        f"{module}:{line} {what}"
        for module, tree in _modules().items()
        if module.rpartition(".")[0] != LEDGER_WRITER and module != "models"
        for line, what in _wallet_writes(tree)
    ]
    assert wrong == []


def test_a_write_of_the_wallet_would_be_seen() -> None:
    assert list(_wallet_writes(_modules()[f"{LEDGER_WRITER}.posting"]))
    program = """
import models
from models import CreditLedger as Row, UserSubscription
_W = UserSubscription
wallet.credits_remaining -= 1
wallet.pack_credits = 0
setattr(wallet, "tier_id", 2)
tx.add(Row(delta=1))
tx.add(models.UserSubscription())
tx.execute(update(_W).values(credits_remaining=1))
tx.query(UserSubscription).filter_by(id=1).update({})
tx.execute(UserSubscription.__table__.insert())
insert_new(tx, UserSubscription, {})
tx.execute(text("UPDATE user_subscriptions SET credits_remaining = 0"))
"""
    seen = [line for line, _ in _wallet_writes(ast.parse(program))]
    assert sorted(set(seen)) == list(range(5, 15))


def _wallet_writes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and kind of whatever looks like a write of a wallet or of the ledger."""
    names = _wallet_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del) and node.attr in _COLUMNS:
            yield node.lineno, f"assigns .{node.attr}"
        elif isinstance(node, ast.Call):
            yield from _writing_call(node, names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_writing_sql(node.value):
            yield node.lineno, "writes by SQL"


# Columns that no other table has, so that an assignment to one is an assignment to a wallet.
_COLUMNS = {
    "credits_remaining",
    "pack_credits",
    "plan_owed",
    "pack_owed",
    "credits_used_this_month",
    "total_credits_used",
    "billing_anchor",
    "period_granted",
    "current_period_start",
    "current_period_end",
    "pending_tier_id",
    "cancel_at_period_end",
    "tier_id",
    "balance_after",
    "pack_delta",
}
_WRITERS = {"insert", "update", "delete", "insert_new", "merge", "bulk_insert_mappings", "bulk_update_mappings"}


def _wallet_names(tree: ast.Module) -> set[str]:
    """Return the names under which this module knows the two models."""
    names = set(WALLET)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname for alias in node.names if alias.name in WALLET and alias.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets, values = node.targets[0], node.value
            pairs = (
                zip(targets.elts, values.elts, strict=False) if _are_tuples(targets, values) else [(targets, values)]
            )
            names |= {to.id for to, value in pairs if isinstance(to, ast.Name) and _mentions(value, names, bare=True)}
    return names


def _are_tuples(targets: ast.expr, values: ast.expr) -> bool:
    return isinstance(targets, ast.Tuple) and isinstance(values, ast.Tuple)


def _writing_call(call: ast.Call, names: set[str]) -> Iterator[tuple[int, str]]:
    function = call.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if called in names:
        yield call.lineno, f"makes a {called}"
    elif called in _WRITERS:
        owner = function.value if isinstance(function, ast.Attribute) else None
        if any(_mentions(part, names) for part in (*call.args, *([owner] if owner else []))):
            yield call.lineno, f"calls {called}"
    elif called == "setattr" and len(call.args) > 1:
        name = call.args[1]
        if isinstance(name, ast.Constant) and name.value in _COLUMNS:
            yield call.lineno, f"sets {name.value}"


def _mentions(tree: ast.expr, names: set[str], *, bare: bool = False) -> bool:
    nodes = [tree] if bare else ast.walk(tree)
    return any(
        (isinstance(node, ast.Name) and node.id in names) or (isinstance(node, ast.Attribute) and node.attr in WALLET)
        for node in nodes
    )


def _is_writing_sql(sql: str) -> bool:
    words = " ".join(sql.lower().split())
    verbs = ("update ", "insert into ", "replace into ", "delete from ", "truncate ", "truncate table ")
    return any(f"{verb}{table}" in words for verb in verbs for table in ("user_subscriptions", "credit_ledger"))


# --- What everything says of itself ---------------------------------------------------------------------------------


def test_every_module_class_and_public_function_says_what_it_is_for() -> None:
    silent = []
    for module, tree in _modules().items():
        if tree.body and ast.get_docstring(tree) is None:
            silent.append(module)
        for node, name in _public(tree):
            if ast.get_docstring(node) is None:
                silent.append(f"{module}:{node.lineno} {name}")
    assert silent == []


def _public(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, str]]:
    """Yield the module's own classes and functions, without private ones and what is inside of a class."""
    for node in tree.body:
        is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if is_definition and not node.name.startswith("_"):
            yield node, node.name


def test_sizes_are_told_and_never_gamed() -> None:
    """Warn of what has grown past the usual; a smell to look at, no limit."""
    for module, tree in _modules().items():
        usual = {"models": 500, "app": 200}.get(module, 300)
        lines = tree.body[-1].end_lineno or 0 if tree.body else 0
        if lines > usual:
            _tell(f"{module} has {lines} lines; does it hold two things?")
        for function in _functions(tree):
            length = (function.end_lineno or 0) - function.lineno
            if length > 40:
                _tell(f"{module}:{function.name} has {length} lines")


def _tell(size: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn(size, stacklevel=2)


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


# --- The settings ---------------------------------------------------------------------------------------------------


def test_the_example_lists_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    names = [line.removeprefix("# ").partition("=")[0].lower() for line in lines if _is_setting(line)]
    assert sorted(names) == sorted(Settings.model_fields)
    assert Settings(_env_file=ROOT / ".env.example") == Settings(_env_file=None)  # type: ignore[call-arg]


def test_each_setting_of_the_example_is_explained() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if _is_setting(line) and not lines[number - 1]:
            raise AssertionError(f"nothing explains {line}")


def _is_setting(line: str) -> bool:
    name, equals, _ = line.removeprefix("# ").partition("=")
    return bool(equals) and name.isupper() and " " not in name
