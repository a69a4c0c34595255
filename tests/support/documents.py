"""Read the documents as a patient person does: run what they show, and compare what comes with what they say."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from config import ROOT
from tests.fakes.kubernetes_demo import PORT as CLUSTER_PORT
from tests.fakes.kubernetes_demo import served
from tests.fakes.stripe import FakeStripe
from tests.support.launcher import programs
from tests.support.processes import environment
from tests.support.servers import Server, servers
from tests.support.streams import events

ADDRESS = "http://localhost:5000"
STAND_IN = "http://127.0.0.1:12111"
CLUSTER = f"https://127.0.0.1:{CLUSTER_PORT}"
ANYTHING = "..."
"""What a document writes for what is different each time, or is left out."""

_FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_KEPT = re.compile(r"^[A-Z]+=\$\(.+\)$", re.MULTILINE)
_UNKEYED = "/^STRIPE_/d"
"""How a document takes the keys out of `.env` again."""
_CLUSTER_COMMAND = "python -m tests.fakes.kubernetes_demo"
_STARTED_WITH = re.compile(r"^((?:[A-Z_]+=\S+ )+)python app\.py$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block. `bash` is run by the tests; `sh` only names what starts the server, or cannot be run here."""

    language: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a document, in order."""
    text = path.read_text()
    found = []
    for match in _FENCE.finditer(text):
        indent, language, inside = match.groups()
        lines = [line.removeprefix(indent) for line in inside.splitlines()]
        found.append(Block(language, "\n".join(lines), text.count("\n", 0, match.start()) + 1))
    return found


def prose(path: Path) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", path.read_text())


class Reader:
    """Someone who follows a document in a folder of their own, with a server that runs there.

    Where the document sets a test key of Stripe's, the stand-in for Stripe takes the place of their account; where it
    starts the stand-in for a cluster, there is one.
    """

    def __init__(self, stack: ExitStack, folder: Path, database: Path) -> None:
        self._folder = folder
        (folder / "instance").mkdir()
        shutil.copyfile(database, folder / "instance" / "devops_agent.db")
        for name in ("app.py", "init_subscription_system.py"):
            (folder / name).symlink_to(ROOT / name)
        self._stack = stack
        self._kept: list[str] = []
        self._given: dict[str, str] = {}
        self._stripe: FakeStripe | None = None
        self._cluster = CLUSTER
        self._has_endpoint = False
        self._server = self._start()

    def follow(self, path: Path) -> Iterator[str]:
        """Do what the document says, block by block, and yield what turns out differently."""
        steps = blocks(path)
        for block, after in zip(steps, [*steps[1:], None], strict=True):
            if block.language == "sh":
                self._restart(block.text)
            elif block.language == "bash":
                shown = after if after is not None and after.language in ("json", "text") else None
                for difference in self._run(block.text, shown):
                    yield f"{path.name}:{block.line}: {difference}"

    def _run(self, script: str, shown: Block | None) -> Iterator[str]:
        self._kept += _KEPT.findall(script)
        whole = "\n".join([*self._kept, script]).replace(ADDRESS, self._server.url)
        whole = whole.replace(STAND_IN, self._stripe.url if self._stripe else STAND_IN)
        env = {
            **self._environment(PORT=str(self._server.port)),
            "PATH": f"{programs()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "FLASK_APP": str(ROOT / "app.py"),
        }
        done = subprocess.run(
            ["bash", "-c", whole],
            cwd=self._folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        if self._stripe is not None:
            self._stripe.wait_delivered()  # A person is slower than an event.
        printed = done.stdout.replace(f"localhost:{self._server.port}", ADDRESS.removeprefix("http://"))
        printed = printed.replace(self._cluster, CLUSTER)
        if shown is not None:
            yield from differences(shown, printed)
        elif done.returncode:
            yield f"exit status {done.returncode}: {printed}"

    def _restart(self, commands: str) -> None:
        """Start the server anew where the document does so with other settings."""
        lines = commands.splitlines()
        match = _STARTED_WITH.search(commands)
        given = dict(pair.split("=", 1) for pair in match.group(1).split()) if match else {}
        is_keyed, is_unkeyed = "STRIPE_SECRET_KEY=sk_test_" in commands, _UNKEYED in commands
        if is_keyed:
            self._stripe = self._stack.enter_context(FakeStripe())
            self._has_endpoint = "tests.fakes.stripe" in commands
        elif is_unkeyed:
            self._stripe = None
        if any(line.startswith(_CLUSTER_COMMAND) for line in lines):
            self._cluster = self._stack.enter_context(served(self._folder)).url
        started_anew = self._given and not {"make run", "python app.py"}.isdisjoint(lines)
        if match or is_keyed or is_unkeyed or started_anew:
            self._server.stop()
            self._given = given
            self._server = self._start()

    def _start(self) -> Server:
        variables = {**self._environment(), **self._given}
        del variables["PORT"]
        server: Server = self._stack.enter_context(servers(self._folder, "", **variables))[0]
        if self._stripe is not None:
            self._stripe.webhook_url = f"{server.url}/api/stripe/webhook"
            if self._has_endpoint:
                self._stripe.register_webhook(f"http://localhost:{server.port}/api/stripe/webhook")
        return server

    def _environment(self, **given: str) -> dict[str, str]:
        keys = {}
        if self._stripe is not None:
            keys = {
                "STRIPE_API_BASE": self._stripe.url,
                "STRIPE_SECRET_KEY": self._stripe.secret_key,
                "STRIPE_WEBHOOK_SECRET": self._stripe.webhook_secret,
            }
        return environment(self._folder, AGENT="auto", **keys, **given)


# --- Comparing ------------------------------------------------------------------------------------------------------


def differences(shown: Block, found: str) -> Iterator[str]:
    """Yield where a command's output is not what the document shows; `...` in the document fits anything."""
    if shown.language == "json":
        try:
            yield from _unlike(json.loads(shown.text), json.loads(found), "")
        except ValueError as error:
            yield f"no JSON ({error}): {found}"
    elif shown.text.startswith("event: "):
        yield from _unlike(_told(shown.text + "\n\n"), _told(found), "")
    elif not fits(shown.text, found.strip()):
        yield f"shown:\n{shown.text}\nfound:\n{found}"


def fits(shown: str, found: str) -> bool:
    """Say whether a text is what the document shows."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split(ANYTHING))
    return re.fullmatch(pattern, found.strip(), re.DOTALL) is not None


def _told(stream: str) -> list[Any]:
    """Return the events of a stream; texts that follow each other are one, in however many pieces they came."""
    told: list[Any] = []
    for name, group in groupby(events([stream.encode()]), key=lambda event: event[0]):
        found = [data for _name, data in group]
        told += [[name, {"text": "".join(data["text"] for data in found)}]] if name == "delta" else [[name, *found]]
    return told


def _unlike(shown: Any, found: Any, where: str) -> Iterator[str]:
    if isinstance(shown, str) and ANYTHING in shown:
        if shown != ANYTHING and not (isinstance(found, str) and fits(shown, found)):
            yield f"{where} is {found!r}, shown as {shown!r}"
    elif isinstance(shown, dict) and isinstance(found, dict):
        yield from _unlike_keys(shown, found, where)
    elif isinstance(shown, list) and isinstance(found, list):
        more = bool(shown) and shown[-1] == ANYTHING
        items = shown[:-1] if more else shown
        if len(found) < len(items) or (len(found) > len(items) and not more):
            yield f"{where} has {len(found)} items, {len(items)} are shown"
        for number, (one, other) in enumerate(zip(items, found, strict=False)):
            yield from _unlike(one, other, f"{where}[{number}]")
    elif type(shown) is not type(found) or shown != found:
        yield f"{where} is {found!r}, shown as {shown!r}"


def _unlike_keys(shown: dict[str, Any], found: dict[str, Any], where: str) -> Iterator[str]:
    named = shown.keys() - {ANYTHING}
    if ANYTHING not in shown:
        yield from (f"{where}.{key} is not shown" for key in sorted(found.keys() - named))
    elif not found.keys() - named:
        yield f"{where} has nothing more to leave out"
    for key in sorted(named):
        if key in found:
            yield from _unlike(shown[key], found[key], f"{where}.{key}")
        else:
            yield f"{where}.{key} is shown and is not there"
