"""Draw the hosted pages: one layout, light and dark, without anything from outside."""

from html import escape as e
from typing import Any

from tests.fakes.stripe.wire import Answer

STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --ink: #1a1f36; --soft: #5b6478; --line: #dfe3eb;
  --accent: #4f46e5; --accent-ink: #fff; --good: #0a7a4b; --bad: #b3261e; --warn-ground: #fff4d6; --warn-ink: #5f4400; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f131c; --card: #181e2a; --ink: #eef1f7; --soft: #a4aec2;
  --line: #2c3547; --accent: #8b85ff; --accent-ink: #10131c; --good: #5fd6a0; --bad: #ff9a92; --warn-ground: #3a2f10;
  --warn-ink: #ffe3a0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
.test { margin: 0; background: var(--warn-ground); color: var(--warn-ink); text-align: center; padding: .4rem 1rem;
  font-size: .875rem; }
main { max-width: 58rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
.two { display: grid; gap: 1.5rem; } @media (min-width: 48rem) { .two { grid-template-columns: 1fr 1fr; } }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.5rem;
  margin-bottom: 1.5rem; overflow-x: auto; } .two section { margin: 0; } section > :first-child { margin-top: 0; }
h1 { font-size: 1.35rem; margin: 0 0 1rem; } h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
.sum { font-size: 2.25rem; font-weight: 650; letter-spacing: -.02em; margin: .25rem 0 1rem; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
fieldset { border: 0; padding: 0; margin: 0 0 1rem; } legend { font-weight: 600; margin-bottom: .5rem; padding: 0; }
label.choice { display: flex; gap: .6rem; align-items: baseline; border: 1px solid var(--line); border-radius: 8px;
  padding: .6rem .8rem; margin-bottom: .5rem; cursor: pointer; }
label.choice:has(:checked) { border-color: var(--accent); }
label.choice small { color: var(--soft); margin-left: auto; }
button { font: inherit; font-weight: 600; border: 1px solid var(--line); border-radius: 8px; padding: .45rem .9rem;
  background: var(--card); color: var(--ink); cursor: pointer; }
button.main { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); width: 100%;
  padding: .7rem; }
a { color: var(--accent); } :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .45rem .6rem .45rem 0;
  border-top: 1px solid var(--line); vertical-align: baseline; } th { color: var(--soft); font-weight: 500; }
thead > tr > * { border: 0; }
td.end, th.end { text-align: right; padding-right: 0; } td form, .row form { display: inline; }
.row { display: flex; gap: .5rem; flex-wrap: wrap; align-items: center; } code { font-size: .85em; }
@media (max-width: 40rem) { section { padding: 1.1rem; } thead { position: absolute; width: 1px; height: 1px;
  overflow: hidden; clip-path: inset(50%); } tr { display: flex; flex-wrap: wrap; gap: .1rem .9rem; padding: .6rem 0;
  border-top: 1px solid var(--line); } tr:first-child { border: 0; } td { border: 0; padding: 0; } }
[role=alert] { border-left: 3px solid var(--bad); padding: .4rem .8rem; margin: 0 0 1rem; color: var(--bad); }
"""

CARDS = (
    ("ok", "Succeeds", "4242"),
    ("declined", "Is declined", "0002"),
    ("action", "Needs authentication", "3155"),
    ("late", "Pays later", "bank debit"),
)


def money(cents: int) -> str:
    """Return an amount as people read it."""
    sign = "−" if cents < 0 else ""
    return f"{sign}${abs(cents) / 100:,.2f}"


def page(title: str, body: str, status: int = 200) -> Answer:
    """Return a page of the fake."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{e(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        '<header class="test">A stand-in for Stripe on this machine. No real money moves.</header>'
        f"<main>{body}</main></body></html>"
    )
    return Answer(status, text.encode(), {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"})


def redirect(address: str) -> Answer:
    """Send the browser elsewhere."""
    return Answer(303, b"", {"Location": address, "Content-Type": "text/plain"})


def button(action: str, label: str, **fields: Any) -> str:
    """Return a form that is only a button."""
    hidden = "".join(f'<input type="hidden" name="{e(k)}" value="{e(str(v))}">' for k, v in fields.items())
    return f'<form method="post" action="{e(action)}">{hidden}<button>{e(label)}</button></form>'


def cards(chosen: str = "ok", legend: str = "Pay with a test card") -> str:
    """Return the choice of test cards."""
    rows = "".join(
        f'<label class="choice"><input type="radio" name="card" value="{value}"{" checked" * (value == chosen)}> '
        f"{label} <small>{number}</small></label>"
        for value, label, number in CARDS
    )
    return f"<fieldset><legend>{legend}</legend>{rows}</fieldset>"


def alert(words: str) -> str:
    """Return a line that says what went wrong."""
    return f'<p role="alert">{e(words)}</p>' if words else ""


def table(heads: list[str], rows: list[list[str]], none: str) -> str:
    """Return a table of cells that are HTML already."""
    if not rows:
        return f'<p class="soft">{e(none)}</p>'
    head = "".join(f"<th>{e(one)}</th>" if one else "<td></td>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
