"""Hold one diagnosis: what was looked at, what could not be, and the causes that were found with their evidence."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.tools.kubernetes.client import ApiError, Cluster
from agent.tools.kubernetes.reading import Json, clean, name_of, words
from agent.tools.kubernetes.resources import EVENTS, Resource
from agent.tools.kubernetes.tables import event_row
from agent.tools.kubernetes.trimming import safe_text
from agent.types import ToolError

SEVERITIES = ("critical", "warning", "info")
CONFIDENCES = ("high", "medium", "low")
CAUSES_SHOWN = 10
EVIDENCE_SHOWN = 8
FACT_MAX = 900
LOOKED_AT_SHOWN = 40

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


@dataclass
class Case:
    """Gather evidence in one namespace. A read that fails is noted and counts as nothing found."""

    cluster: Cluster
    namespace: str
    causes: list[Cause] = field(default_factory=list)
    facts: Json = field(default_factory=dict)
    good: list[Evidence] = field(default_factory=list)
    """What is as it should be."""
    _looked: dict[str, None] = field(default_factory=dict)
    _failed: dict[str, None] = field(default_factory=dict)
    _ones: dict[tuple[str, str], tuple[Json, bool]] = field(default_factory=dict)
    _lists: dict[tuple[str, ...], list[Json]] = field(default_factory=dict)

    def note(self, what: str) -> None:
        """Remember that this was looked at."""
        self._looked[clean(what, 120)] = None

    def fail(self, what: str, error: ToolError) -> None:
        """Remember that this could not be looked at."""
        self._failed[clean(f"{what}: {error}", 300)] = None

    def add(
        self,
        cause: str,
        evidence: Iterable[Evidence],
        fix: str,
        *,
        severity: str = "critical",
        confidence: str = "high",
    ) -> None:
        """Add a cause, unless the very same one is known."""
        if all(known.cause != cause for known in self.causes):
            self.causes.append(Cause(cause, severity, confidence, tuple(evidence), fix))

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

    def several(self, kind: Resource, *, labels: str = "", fields: str = "", most: int = 200) -> list[Json]:
        """Return objects of the namespace that fit, or none."""
        key = (kind.plural, labels, fields)
        if key not in self._lists:
            what = f"{kind.plural}{f' with {labels or fields}' if labels or fields else ''}"
            self.note(what)
            try:
                path = kind.path(self.namespace)
                self._lists[key] = self.cluster.objects(*path, labels=labels, fields=fields, most=most).items
            except ToolError as error:
                self.fail(what, error)
                self._lists[key] = []
        return self._lists[key]

    def events(self, found: Json, kind: Resource) -> list[Json]:
        """Return the events about an object, the newest first."""
        name = name_of(found)
        fields = f"involvedObject.kind={kind.kind},involvedObject.name={name}"
        every = self.several(EVENTS, fields=fields)
        about = [one for one in every if words(one, "involvedObject", "name", longest=260) == name]
        return sorted(about, key=lambda one: words(one, "lastTimestamp") or words(one, "eventTime"), reverse=True)

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
        """Return the causes, the worst first, with what was looked at."""
        ordered = sorted(
            self.causes, key=lambda one: (SEVERITIES.index(one.severity), CONFIDENCES.index(one.confidence))
        )
        healthy = all(one.severity == "info" for one in self.causes)
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
