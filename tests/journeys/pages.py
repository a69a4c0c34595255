"""Lead a person to each page and state of the site that a test of all pages must see."""

from collections.abc import Iterator

from playwright.sync_api import Page, expect

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.journeys.support import Person

LONG_WORD = "pneumonoultramicroscopicsilicovolcanoconiosis" * 6
PASTED = "\n".join(f"  field_{number}: {number}" for number in range(40))
ANSWER = f"""At **03:30**, Monday to Friday, see [the manual](https://docs.example.com/cron).

## Details

```yaml
metadata: {{annotations: {{a.rather/long-key: "{"value-" * 40}"}}}}
```

| Field | Value | Meaning | {" | ".join(f"Column {number}" for number in range(8))} |
|---|---|---|{"---|" * 8}
| minute | 30 | at half past | {" | ".join("cell" for _ in range(8))} |

> {LONG_WORD} and `{"inline-code-" * 20}`

1. one
2. two
"""


def signed_out(page: Page) -> Iterator[str]:
    """Open each page that a stranger can see, and yield its name."""
    for path in ("/", "/signup", "/login", "/tools", "/tools/k8s_scale", "/nothing-here"):
        page.goto(path)
        yield path
    page.goto("/signup")
    page.get_by_label("Email").fill("nobody@nowhere")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Email")).to_have_attribute("aria-invalid", "true")
    yield "/signup with errors"
    page.goto("/login")
    page.get_by_label("Email").fill("nobody@example.com")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "/login with an error"


def signed_in(person: Person, model: FakeAnthropic) -> Iterator[str]:
    """Open each page of an account, from its first day to its last credit, and yield its name."""
    for path in ("/chat", "/usage", "/billing", "/billing/success", "/settings", "/nothing-here"):
        person.goto(path)
        yield f"{path} of a new account"
    yield from _conversation(person, model)
    person.spend_down_to(3)
    yield from _opened(person, "/chat", "the banner")
    yield from _opened(person, "/usage", "charges")
    person.goto("/billing").button("Buy 100 credits for $10").click()
    expect(person.question).to_be_visible()
    yield "the question before a purchase"
    person.spend_down_to(0)
    person.goto("/chat")
    expect(person.modal.get_by_role("button", name="Buy 100 for $10")).to_be_visible()
    yield "the modal at 0"
    yield from _customer(person)


def _conversation(person: Person, model: FakeAnthropic) -> Iterator[str]:
    call = ("cron_explain", {"expression": "30 3 * * 1-5"})
    model.enqueue(scripts.tools(call, before="I will look."), scripts.text(ANSWER))
    answer = person.goto("/chat").ask(f"When does it run? {LONG_WORD}\n{PASTED}")
    yield "/chat with an answer"
    answer.locator(".tool summary").click()
    yield "/chat with an open tool"
    model.enqueue(scripts.text("Half of an ans", ending="dropped"))
    person.ask("And then?")
    yield "/chat with a failed answer"


def _customer(person: Person) -> Iterator[str]:
    for size in (1000, 1000, 1000):
        person.api("POST", "/api/credits/purchase", {"pack_size": size})
    for name in ("business", "starter"):
        person.api("POST", "/api/subscription/upgrade", {"tier_name": name})
    for path in ("/billing", "/billing/success"):
        yield from _opened(person, path, "a customer with a change ahead")


def _opened(person: Person, path: str, state: str) -> Iterator[str]:
    person.goto(path)
    yield f"{path} with {state}"
