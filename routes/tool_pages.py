"""Show what the agent's tools do, need and cost, to everyone."""

from flask import Blueprint, render_template

from routes.access import house
from services import prices, tool_pages

bp = Blueprint("tool_pages", __name__)


@bp.get("/tools")
def index() -> str:
    """List all tools by family."""
    price_list = _prices()
    return render_template(
        "tools/index.html",
        families=tool_pages.catalogue(house().tools, price_list),
        message_price=prices.of_message(price_list),
        approve_above=house().settings.approve_above_credits,
    )


@bp.get("/tools/<name>")
def show(name: str) -> str:
    """Show one tool: what it does, costs, takes and gives back."""
    home = house()
    price_list = _prices()
    page = tool_pages.page(
        home.tools.get(name),
        price_list,
        approve_above=home.settings.approve_above_credits,
        tool_seconds=home.settings.tool_max_seconds,
    )
    return render_template("tools/show.html", tool=page, message_price=prices.of_message(price_list))


def _prices() -> dict[str, int]:
    with house().db.read() as tx:
        return prices.actions(tx)
