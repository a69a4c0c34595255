"""Hold one diagnosis: what was looked at, what could not be, and the causes that were found with their evidence."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agent.tools.kubernetes.answers import ApiError
from agent.tools.kubernetes.client import OBJECTS_MAX, Cluster
from agent.tools.kubernetes.events import event_row, event_time, is_about
from agent.tools.kubernetes.reading import Json, clean, name_of, words
from agent.tools.kubernetes.resources import EVENTS, Resource
from agent.tools.kubernetes.trimming import safe_text
from agent.types import ToolError

SEVERITIES = ("critical", "warning", "info")
CONFIDENCES = ("high", "medium", "low")
CAUSES_SHOWN = 10
EVIDENCE_SHOWN = 8
FACT_MAX = 900
LOOKED_AT_SHOWN = 40
BESIDE_MAX = 200

Evidence = tuple[str, str]


@dataclass(frozen=True)
class Cause:
    """One reason why it fails; `critical` stops it, `warning` hurts it, `info` is worth knowing."""

    cause: str
    severity: str
    confidence: str
    evidence: tuple[Evidence, ...]
    """Where each fact is from, and the fact."""
    fix: str

    def to_json(self) -> Json:
        """Return it for the agent."""
        shown = [
            {"from": clean(source, 200), "fact": safe_text(fact, FACT_MAX)}
            for source, fact in self.evidence[:EVIDENCE_SHOWN]
        ]
        named = {"severity": self.severity, "confidence": self.confidence}
        return {"cause": safe_text(self.cause, 400), **named, "evidence": shown, "fix": safe_text(self.fix, 500)}


@dataclass(frozen=True)
class Found:
    """What a list gave. If it is not whole, nothing follows from what it does not hold."""

    items: list[Json]
    whole: bool = True


@dataclass
class Case:
    """Gather evidence in one namespace. A read that fails is noted, and what depends on it stays open."""

    cluster: Cluster
    namespace: str
    causes: list[Cause] = field(default_factory=list)
    facts: Json = field(default_factory=dict)
    good: list[Evidence] = field(default_factory=list)
    """What is as it should be."""
    _looked: dict[str, None] = field(default_factory=dict)
    _failed: dict[str, None] = field(default_factory=dict)
    _ones: dict[tuple[str, str], tuple[Json, bool]] = field(default_factory=dict)
    _lists: dict[tuple[str, ...], Found] = field(default_factory=dict)
    _is_open: bool = False
    _subject: str = ""
    _shared: tuple[Evidence, ...] = ()

    def note(self, what: str) -> None:
        """Remember that this was looked at."""
        self._looked[clean(what, 120)] = None

    def fail(self, what: str, why: object) -> None:
        """Remember that this could not be looked at, or not all of it."""
        self._failed[clean(f"{what}: {why}", 300)] = None

    @property
    def has_gaps(self) -> bool:
        """Return whether something could not be looked at."""
        return bool(self._failed)

    @contextmanager
    def about(self, subject: str, facts: Iterable[Evidence] = ()) -> Iterator[None]:
        """Put a name before the causes that are added meanwhile, and these facts before their evidence."""
        before = self._subject, self._shared
        self._subject, self._shared = subject, tuple(facts)
        try:
            yield
        finally:
            self._subject, self._shared = before

    def add(
        self,
        cause: str,
        evidence: Iterable[Evidence],
        fix: str,
        *,
        severity: str = "critical",
        confidence: str = "high",
        everyones: bool = False,
    ) -> None:
        """Add a cause, unless the very same one is known; `everyones` is one that others may have too, as a node's."""
        if self._subject and not everyones and self._subject not in cause:
            cause = f"{self._subject}: {cause}"
        if all(known.cause != cause for known in self.causes):
            self.causes.append(Cause(cause, severity, confidence, (*self._shared, *evidence), fix))

    def one(self, kind: Resource, name: str) -> Json:
        """Return an object of the namespace, or an empty one."""
        return self._read(kind, name)[0]

    def is_missing(self, kind: Resource, name: str) -> bool:
        """Return whether the cluster says that there is no such object."""
        return self._read(kind, name)[1]

    def _read(self, kind: Resource, name: str) -> tuple[Json, bool]:
        key = (kind.plural, name)
        if key not in self._ones:
            self.note(f"{kind.kind} {name}")
            self._ones[key] = self._asked(kind, name)
        return self._ones[key]

    def _asked(self, kind: Resource, name: str) -> tuple[Json, bool]:
        try:
            return self.cluster.get(*kind.path(self.namespace, name)), False
        except ApiError as error:
            if error.status == 404:
                return {}, True
            self.fail(f"{kind.kind} {name}", error)
        except ToolError as error:
            self.fail(f"{kind.kind} {name}", error)
        return {}, False

    def several(self, kind: Resource, *, labels: str = "", fields: str = "", decides: bool = False) -> Found:
        """Return objects of the namespace that fit. Unless all are seen of those that decide, nothing is healthy."""
        key = (kind.plural, labels, fields)
        if key not in self._lists:
            self._lists[key] = self._listed(kind, labels, fields, OBJECTS_MAX if decides else BESIDE_MAX)
        found = self._lists[key]
        self._is_open = self._is_open or (decides and not found.whole)
        return found

    def _listed(self, kind: Resource, labels: str, fields: str, most: int) -> Found:
        what = f"{kind.plural}{f' with {labels or fields}' if labels or fields else ''}"
        self.note(what)
        try:
            listing = self.cluster.objects(*kind.path(self.namespace), labels=labels, fields=fields, most=most)
        except ToolError as error:
            self.fail(what, error)
            return Found([], whole=False)
        if listing.more:
            self.fail(what, f"only the first {len(listing.items)}, at least {listing.more} more were not looked at")
        return Found(listing.items, whole=not listing.more)

    def events(self, found: Json, kind: Resource) -> list[Json]:
        """Return the events about an object, the newest first."""
        fields = f"involvedObject.kind={kind.kind},involvedObject.name={name_of(found)}"
        about = [one for one in self.several(EVENTS, fields=fields).items if is_about(one, found)]
        return sorted(about, key=event_time, reverse=True)

    def warning(self, found: Json, kind: Resource, *reasons: str, holding: str = "") -> Json:
        """Return the newest event of an object with one of these reasons and these words, or an empty one."""
        return next(
            (
                one
                for one in self.events(found, kind)
                if words(one, "reason") in reasons and holding in words(one, "message", longest=2000)
            ),
            {},
        )

    def event_fact(self, event: Json) -> Evidence:
        """Return an event as evidence."""
        row = event_row(event, self.cluster.now, longest=700)
        return (
            f"Event {row['reason']} of {row['object']}",
            f"{row['message']} (×{row['count']}, {row['last_seen']} ago)",
        )

    def result(self) -> Json:
        """Return the causes, the worst first, with what was looked at; `healthy` is None if that stays open."""
        ordered = sorted(
            self.causes, key=lambda one: (SEVERITIES.index(one.severity), CONFIDENCES.index(one.confidence))
        )
        fails = any(one.severity != "info" for one in self.causes)
        healthy = False if fails else None if self._is_open else True
        looked = [*self._looked]
        data: Json = {
            "healthy": healthy,
            "causes": [one.to_json() for one in ordered[:CAUSES_SHOWN]],
            "causes_not_shown": max(0, len(ordered) - CAUSES_SHOWN),
            "facts": self.facts,
            "looked_at": looked[:LOOKED_AT_SHOWN],
            "could_not_look_at": [*self._failed][:10],
        }
        if healthy:
            good = self.good[:EVIDENCE_SHOWN]
            data["evidence"] = [
                {"from": clean(source, 200), "fact": safe_text(fact, FACT_MAX)} for source, fact in good
            ]
        return data
