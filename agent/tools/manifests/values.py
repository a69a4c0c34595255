"""Judge single values of Kubernetes objects by where they stand, as the API server does when it validates them."""

from collections.abc import Iterator, Sequence
from typing import Any

from agent.lint import Report, mapping, sequence
from agent.networks import network_of
from agent.tools.manifests.allowed import CHOICES, FORMS, LAST_KEYS, WORDS, Where, fitting
from agent.tools.manifests.objects import KObject
from agent.tools.manifests.schema import is_own_kind
from agent.yaml_tree import Path

# What stands under these keys has names of the user's own.
_FREE = {
    "annotations", "labels", "matchLabels", "nodeSelector", "data", "stringData", "binaryData", "parameters", "status",
}  # fmt: skip
# Signs of a template, a variable or a marker: the value that will stand there is not known.
_OPEN = ("{{", "$", "<")
_WORDS_NAMED = 8


def check_values(report: Report, objects: Sequence[KObject]) -> None:
    """Report words that are none of the allowed ones, values of a wrong form, and parts that exclude each other."""
    for one in objects:
        # The schema in a definition speaks of the fields of others.
        if one.kind == "CustomResourceDefinition" or not is_own_kind(one.api_version, one.kind):
            continue
        for path, where, value in _parts(one):
            if where[-1] not in LAST_KEYS:
                continue
            if isinstance(value, dict):
                _choice(report, one, path, where, value)
            elif isinstance(value, str | int | float) and not isinstance(value, bool):
                _word(report, one, path, where, value)
                _form(report, one, path, where, value)
        if one.kind == "NetworkPolicy":
            _excepted(report, one)


def _parts(one: KObject) -> Iterator[tuple[Path, Where, Any]]:
    """Yield each part of an object, its path, and the same without indexes but with the kind before it."""
    waiting: list[tuple[Path, Where, Any]] = [((), (one.kind,), one.value)]
    while waiting:
        path, where, value = waiting.pop()
        yield path, where, value
        if isinstance(value, dict):
            waiting += [((*path, key), (*where, key), part) for key, part in value.items() if key not in _FREE]
        elif isinstance(value, list):
            waiting += [((*path, index), where, part) for index, part in enumerate(value)]


def _word(report: Report, one: KObject, path: Path, where: Where, value: object) -> None:
    allowed = fitting(WORDS, where)
    if allowed is None or not isinstance(value, str) or not value or _is_open(value) or value in allowed:
        return
    message = f"`{value[:60]}` is not a value of `{where[-1]}`."
    fix = f"Write {' or '.join(allowed)}."
    report.add("invalid-value", one.document, one.at(*path), message, owner=one.label, fix=fix, guess=(value, allowed))


def _form(report: Report, one: KObject, path: Path, where: Where, value: str | int | float) -> None:
    form = fitting(FORMS, where)
    if form is None or value == "" or (isinstance(value, str) and _is_open(value)) or form.fits(value):
        return
    message = f"`{str(value)[:80]}` is no {form.what}."
    report.add(form.rule, one.document, one.at(*path), message, owner=one.label, fix=form.fix)


def _is_open(value: str) -> bool:
    return any(sign in value for sign in _OPEN)


def _choice(report: Report, one: KObject, path: Path, where: Where, value: dict[str, Any]) -> None:
    """Report a mapping with two parts of which only one may be there, or with none where one must be."""
    choice = fitting(CHOICES, where)
    if choice is None:
        return
    present = [name for name in choice.names if value.get(name) not in (None, "")]
    many = len(choice.names) > _WORDS_NAMED
    names = ", ".join(f"`{name}`" for name in choice.names[:_WORDS_NAMED]) + (" or another" if many else "")
    message = ""
    if len(present) > 1:
        message = f"`{where[-1]}` has {' and '.join(f'`{name}`' for name in present[:4])}."
    elif not present and choice.needed:
        message = f"`{where[-1]}` has none of {names}."
    if message:
        fix = f"Give {'exactly' if choice.needed else 'at most'} one of {names}."
        report.add("one-of", one.document, one.at(*path), message, owner=one.label, fix=fix)


def _excepted(report: Report, one: KObject) -> None:
    """Report exceptions of a network that do not lie within it."""
    for path, where, value in _parts(one):
        if where[-1] != "ipBlock" or not isinstance(value, dict):
            continue
        whole = network_of(str(mapping(value).get("cidr")))
        for index, text in enumerate(sequence(value.get("except"))):
            part = network_of(str(text))
            if not whole or not part:
                continue
            inside = whole.version == part.version and part.prefixlen > whole.prefixlen
            if not inside or part.network_address not in whole:
                message = f"`{part}` is no part of `{whole}`."
                fix = "Except a smaller network within `cidr`."
                where_it_is = one.at(*path, "except", index)
                report.add("invalid-value", one.document, where_it_is, message, owner=one.label, fix=fix)
