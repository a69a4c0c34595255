"""Ask AWS within bounds: so many calls for one report, and what a key may not see is told instead of failing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.kinds.aws import WRONG_KEY
from agent.outside import mappings, refused, unreachable, words
from agent.types import Reach, ToolError
from clients.reach import Refused, Unreachable

CALLS_MAX = 60
# Less than the time of a tool, so that what was seen until then still comes out.
SECONDS_MAX = 50.0
DENIALS_LISTED = 8

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnauthorizedAccess",
    "AllAccessDisabled",
    "AuthorizationError",
}
_REGION_IS_OFF = {"OptInRequired", "RegionDisabledException", "InvalidRegion"}


@dataclass
class Calls:
    """Make the calls of one report."""

    reach: Reach
    region: str
    left: int = CALLS_MAX
    until: float = field(default_factory=lambda: time.monotonic() + SECONDS_MAX)
    denied: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    """What was not looked at since the calls were used up, or pages were many."""

    def ask(
        self, service: str, operation: str, *expected: str, region: str | None = None, **parameters: Any
    ) -> dict[str, Any] | None:
        """Return the answer, or None if the key may not ask or calls or time are used up; else raises ToolError.

        An `expected` code of AWS, such as that of a bucket without a policy, gives `{"code": ...}`.
        """
        assert self.reach.connection is not None
        if time.monotonic() > self.until:
            self.left = 0
        if not self.left:
            self.note_cut(f"{service} {operation}")
            return None
        self.left -= 1
        where = region or self.region
        try:
            return self.reach.out.aws(self.reach.connection.settings, service, operation, parameters, where)
        except Refused as error:
            raise refused(error, "AWS") from None
        except Unreachable as error:
            return self._refusal(error, f"{service} {operation}", expected, where)

    def pages(
        self, service: str, operation: str, name: str, at_most: int, next_key: str = "NextToken", **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield the objects of a list, page by page; what lies beyond is noted as left out."""
        token: dict[str, str] = {}
        for _ in range(at_most):
            answer = self.ask(service, operation, **parameters, **token)
            if answer is None:
                return
            yield from mappings(answer.get(name))
            following = answer.get(next_key)
            if not isinstance(following, str) or not following:
                return
            token = {next_key: following}
        self.note_cut(f"{service} {operation}: more pages")

    def note_cut(self, what: str) -> None:
        """Note once that something was left out."""
        if what not in self.cut:
            self.cut.append(what)

    def told(self) -> dict[str, Any]:
        """Return what was not seen, for the agent."""
        told: dict[str, Any] = {}
        if self.denied:
            told["not_allowed"] = self.denied[:DENIALS_LISTED]
        if self.cut:
            told["not_looked_at"] = self.cut[:DENIALS_LISTED]
        return told

    def _refusal(self, error: Unreachable, call: str, expected: tuple[str, ...], region: str) -> dict[str, Any] | None:
        code = error.code
        if code in expected:
            return {"code": code}
        if code in WRONG_KEY:
            raise ToolError(f"AWS does not accept the connection's key ({code}).", ours=True)
        if code in _REGION_IS_OFF:
            raise ToolError(f"The region {region} is not enabled for this account.")
        if code in _DENIED or code.endswith("AccessDenied"):
            if call not in self.denied:
                self.denied.append(call)
            return None
        if code:
            raise ToolError(words(error.message), ours=True)
        raise unreachable(error, "AWS")
