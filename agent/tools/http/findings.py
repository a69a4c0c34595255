"""Say what is wrong with what a web address answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from agent.findings import Finding
from agent.outside import printable
from clients.reach import Response, Unreachable

SLOW_MS = 2000
EXPIRY_WARNING_DAYS = 14
EXPIRY_INFO_DAYS = 30
NAMES_SHOWN = 5

_FIXES = {
    "dns": "Check the spelling of the name and its A, AAAA and CNAME records (dns_lookup shows them).",
    "connect": "Check that the service runs, listens on this port, and that a firewall lets it through.",
    "timeout": "Check load, firewall rules that drop packets, and what the application waits for.",
    "tls": "Look at the certificate with tls_inspect, and install one that is valid for this name with its chain.",
    "protocol": "Check that this port speaks HTTP, and the logs of the proxy or application for a crash.",
    "too_large": "Find out what sets so many or such large headers, often cookies.",
}


@dataclass(frozen=True)
class Checked:
    """What is known after all redirects."""

    asked: str
    url: str
    answer: Response | None
    hops: list[str]
    problem: Unreachable | None
    loop: bool
    milliseconds: float


@dataclass(frozen=True)
class Cookie:
    """A cookie that was set, without its value."""

    name: str
    secure: bool
    http_only: bool
    same_site: str | None

    def shown(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"name": self.name, "secure": self.secure, "http_only": self.http_only, "same_site": self.same_site}


def cookies_of(answer: Response) -> list[Cookie]:
    """Return the cookies that an answer sets."""
    return [_cookie(value) for name, value in answer.headers if name.lower() == "set-cookie"]


def _cookie(header: str) -> Cookie:
    first, *parts = header[:8192].split(";")
    attributes = {name.strip().lower(): value.strip() for name, _, value in (part.partition("=") for part in parts)}
    same_site = attributes.get("samesite")
    return Cookie(
        printable(first.partition("=")[0].strip(), 80),
        "secure" in attributes,
        "httponly" in attributes,
        printable(same_site, 20) if same_site is not None else None,
    )


def find(checked: Checked) -> Iterator[Finding]:
    """Yield what is wrong."""
    yield from _on_the_way(checked)
    if checked.problem is not None:
        yield _unreachable(checked.problem)
    if checked.answer is not None and not checked.loop:
        yield from _status(checked.answer)
        yield from _transport(checked, checked.answer)
        yield from _cookies(checked.answer)
        yield from _certificate(checked.answer)
    if checked.problem is None and checked.milliseconds > SLOW_MS:
        yield _slow(checked)


def _unreachable(problem: Unreachable) -> Finding:
    rule = "tls-problem" if problem.kind == "tls" else f"unreachable-{problem.kind.replace('_', '-')}"
    fix = _FIXES.get(problem.kind, "Check the service.")
    return Finding(rule, "error", problem.message, "Visitors get an error instead of the page.", fix)


def _on_the_way(checked: Checked) -> Iterator[Finding]:
    if checked.loop:
        yield Finding(
            "redirect-loop",
            "error",
            "The redirects lead back to an address that was already visited.",
            "Browsers give up after some rounds and show an error.",
            "Make one address answer by itself; loops often come from a proxy that ends TLS while the application "
            "redirects to https.",
        )
    elif checked.answer is not None and 300 <= checked.answer.status < 400 and checked.answer.header("location"):
        yield Finding(
            "too-many-redirects",
            "error",
            f"There are more than {len(checked.hops)} redirects.",
            "Browsers give up, and each step costs a round trip.",
            "Redirect to the final address in one step.",
        )
    steps = [*checked.hops, checked.url]
    for before, after in zip(steps, steps[1:], strict=False):
        if before.startswith("https:") and after.startswith("http:"):
            yield Finding(
                "redirect-to-http",
                "error",
                f"{printable(before, 100)} redirects to plain http.",
                "What is sent from there on can be read and changed on the way.",
                "Redirect to the https address.",
            )
            return


def _status(answer: Response) -> Iterator[Finding]:
    if answer.status >= 500:
        yield Finding(
            "server-error",
            "error",
            f"The server answered {answer.status}.",
            "The application or what stands behind the proxy failed.",
            "Look into the logs of the proxy and the application at this time.",
        )
    elif answer.status >= 400:
        severity = "info" if answer.status in (401, 403) else "warning"
        yield Finding(
            "client-error",
            severity,
            f"The server answered {answer.status}.",
            "It refuses this request, or has nothing at this address.",
            "Check the path, and whether it needs a log-in or lets this server in.",
        )


def _transport(checked: Checked, answer: Response) -> Iterator[Finding]:
    if checked.url.startswith("http:") and not any(hop.startswith("https:") for hop in checked.hops):
        yield Finding(
            "no-https-redirect",
            "warning",
            "Plain http is answered and not redirected to https.",
            "What visitors send and get can be read and changed on the way.",
            "Redirect http to https with 301 or 308.",
        )
    if checked.url.startswith("https:") and answer.status < 500 and not answer.header("strict-transport-security"):
        yield Finding(
            "no-hsts",
            "info",
            "The header Strict-Transport-Security is missing.",
            "A first visit over plain http can be intercepted.",
            "Send Strict-Transport-Security: max-age=31536000 once every page works over https.",
        )


def _cookies(answer: Response) -> Iterator[Finding]:
    cookies = cookies_of(answer)
    for rule, attribute, names in (
        ("cookie-not-secure", "Secure", [one.name for one in cookies if not one.secure]),
        ("cookie-not-http-only", "HttpOnly", [one.name for one in cookies if not one.http_only]),
    ):
        if names:
            shown = ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
            why = "It is sent over plain http too." if attribute == "Secure" else "Scripts on the page can read it."
            fix = f"Add {attribute} to Set-Cookie, unless it is needed without."
            severity = "warning" if attribute == "Secure" else "info"
            yield Finding(rule, severity, f"Cookies without {attribute}: {shown}.", why, fix)


def _certificate(answer: Response) -> Iterator[Finding]:
    try:
        ends = x509.load_der_x509_certificate(answer.certificate).not_valid_after_utc if answer.certificate else None
    except ValueError:
        return
    days = (ends - datetime.now(UTC)).days if ends else EXPIRY_INFO_DAYS + 1
    if days <= EXPIRY_INFO_DAYS:
        yield Finding(
            "certificate-expires-soon",
            "warning" if days <= EXPIRY_WARNING_DAYS else "info",
            f"The certificate expires in {days} {'day' if days == 1 else 'days'}.",
            "After that browsers and clients refuse the site.",
            "Renew it, and check that renewal runs by itself.",
        )


def _slow(checked: Checked) -> Finding:
    timings = {
        name: value for name, value in (checked.answer.timings if checked.answer else {}).items() if name != "total"
    }
    longest = max(timings, key=lambda name: timings[name], default="")
    where = f"; the longest part of the last step was {longest.replace('_', ' ')}" if longest else ""
    return Finding(
        "slow",
        "warning",
        f"It took {checked.milliseconds / 1000:.1f} s{where}.",
        "Visitors leave, and health checks run into their time limits.",
        "Look at that part: DNS, network, TLS, or the time until the application answers (first byte).",
    )
