"""Answer calls of the API: who asks, whether it was asked before, and what may go wrong on the way."""

import fnmatch
import json
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.fakes.stripe import calls
from tests.fakes.stripe.rules import read_params
from tests.fakes.stripe.shapes import complaint
from tests.fakes.stripe.store import API_VERSION, Thing, World
from tests.fakes.stripe.wire import Answer, Call, Refused

KEY_SECONDS = 24 * 3600
MAX_KEY_LENGTH = 255
How = str | Callable[[], object]


class Dropped(Exception):
    """The line breaks without an answer."""


@dataclass
class Fault:
    """Something that is to go wrong with the next calls of a path."""

    pattern: str
    how: How
    times: int | None


@dataclass(frozen=True)
class Asked:
    """One call as it was noted."""

    method: str
    path: str
    params: Thing
    idempotency_key: str | None
    status: int
    """0 if the line broke before anything was done."""


@dataclass
class _Kept:
    """What an idempotency key stands for."""

    asked: tuple[str, str, str]
    since: int
    answer: tuple[int, bytes] | None = None
    """None while the first call runs."""


class Api:
    """The calls of the API on one world."""

    def __init__(self, world: World, secret_key: str, *, checks: bool) -> None:
        self.world = world
        self.secret_key = secret_key
        self.checks = checks
        self.closing = threading.Event()
        self.clear()

    def clear(self) -> None:
        """Forget calls, faults and keys."""
        self.calls: list[Asked] = []
        self.errors: list[str] = []
        """What the fake itself did wrong."""
        self._faults: list[Fault] = []
        self._keys: dict[str, _Kept] = {}

    def add_fault(self, pattern: str, how: How, times: int | None) -> None:
        """Let something go wrong."""
        self._faults.append(Fault(pattern, how, times))

    def forget_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    def answer(self, call: Call) -> Answer:
        """Answer one call; raises Dropped where the line is to break."""
        request_id = self.world.identity("request")
        key = call.headers.get("idempotency-key")
        params: Thing = {}
        replayed, pause = False, 0.0
        try:
            params = call.params()
            self._admit(call, key)
            status, body, replayed, pause = self._once(call, key, params, request_id)
        except Refused as refused:
            status, body = refused.status, json.dumps(refused.body).encode()
        except Dropped as dropped:
            self._note(call, params, key, 200 if dropped.args else 0)
            raise
        except Exception:
            self.errors.append(traceback.format_exc())
            error = {"type": "api_error", "message": f"The fake has failed: {traceback.format_exc(limit=-3)}"}
            status, body = 500, json.dumps({"error": error}).encode()
        self._note(call, params, key, status)
        self.closing.wait(pause)
        headers = {"Content-Type": "application/json", "Request-Id": request_id, "Stripe-Version": API_VERSION}
        if key:
            headers["Idempotency-Key"] = key
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return Answer(status, body, headers)

    def _note(self, call: Call, params: Thing, key: str | None, status: int) -> None:
        self.calls.append(Asked(call.method, call.path, params, key, status))

    def _admit(self, call: Call, key: str | None) -> None:
        scheme, _, given = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise Refused(401, "You did not provide an API key.")
        if given != self.secret_key:
            raise Refused(401, f"Invalid API Key provided: {given[:7]}****{given[-4:]}", code="api_key_invalid")
        if not call.headers.get("stripe-version"):
            raise Refused(400, "The fake asks every client to say its Stripe-Version.")
        if call.headers["stripe-version"] != API_VERSION:
            raise Refused(400, f"The fake speaks {API_VERSION}, not {call.headers['stripe-version']}.")
        if key and len(key) > MAX_KEY_LENGTH:
            raise Refused(400, "Idempotency keys may have 255 characters.", type="idempotency_error")

    # --- The same thing asked twice

    def _once(self, call: Call, key: str | None, params: Thing, request_id: str) -> tuple[int, bytes, bool, float]:
        kept = self._claim(call, key, params) if key and call.method == "POST" else None
        if kept is not None and kept.answer is not None:
            return *kept.answer, True, 0.0
        done = False
        try:
            how = self._take_fault(call)
            self._before(how)
            answer = self._perform(call, params, key, request_id)
            done = answer is not None
            if kept is not None:
                kept.answer = answer
            if how == "drop_after":
                raise Dropped("done")
            return *answer, False, _pause_after(how)
        finally:
            if kept is not None and not done:
                with self.world.lock:
                    self._keys.pop(str(key), None)

    def _claim(self, call: Call, key: str | None, params: Thing) -> _Kept:
        asked = (call.method, call.path, json.dumps(params, sort_keys=True))
        with self.world.lock:
            now = self.world.stamp
            kept = self._keys.get(str(key))
            if kept is None or kept.since + KEY_SECONDS <= now:
                self._keys[str(key)] = fresh = _Kept(asked, now)
                return fresh
        if kept.asked != asked:
            text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            raise Refused(400, text, type="idempotency_error")
        if kept.answer is None:
            text = "There is currently another in-progress request using this Idempotent Key."
            raise Refused(409, text, type="idempotency_error", code="idempotency_key_in_use")
        return kept

    # --- What goes wrong on the way

    def _take_fault(self, call: Call) -> How | None:
        with self.world.lock:
            for fault in self._faults:
                target = f"{call.method} {call.path}" if " " in fault.pattern else call.path
                if fnmatch.fnmatchcase(target, fault.pattern):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self._faults.remove(fault)
                    return fault.how
        return None

    def _before(self, how: How | None) -> None:
        if how is None or how == "drop_after" or _pause_after(how):
            return
        if not isinstance(how, str):
            how()
            return
        if how == "drop_before":
            raise Dropped
        if how.startswith("hang:"):
            self.closing.wait(float(how.removeprefix("hang:")))
            return
        if how == "429":
            raise Refused(429, "Too many requests hit the API too quickly.", code="rate_limit")
        raise Refused(int(how), "An unknown error occurred.", type="api_error")

    # --- Doing it

    def _perform(self, call: Call, words: Thing, key: str | None, request_id: str) -> tuple[int, bytes]:
        """Do what is asked; a refusal by the rules leaves the key free, one by the deed is kept like a success."""
        route, identities = calls.find(call.method, call.path)
        params = read_params(route.described_by, words)
        expand: list[str] = params.pop("expand", [])
        with self.world.lock:
            self.world.request = {"id": request_id, "idempotency_key": key}
            try:
                thing = route.deed(self.world, params, *(unquote(one) for one in identities))
                answer: Any = self.world.render(thing, expand)
            except Refused as refused:
                return refused.status, json.dumps(refused.body).encode()
            finally:
                self.world.request = {"id": None, "idempotency_key": None}
        if self.checks and (wrong := complaint(answer if not expand else self.world.render(thing, []))):
            raise AssertionError(f"{call.method} {call.path}: {wrong}")
        return 200, json.dumps(answer).encode()


def _pause_after(how: How | None) -> float:
    """Return for how many seconds the answer is kept back once everything is done."""
    return float(how.partition(":")[2]) if isinstance(how, str) and how.startswith("hang_after:") else 0.0
