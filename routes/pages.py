"""Show the pages: landing, chat, billing and usage."""

from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_login import current_user, login_required

from models import ApprovalState, MessageStatus
from routes.access import house, terms
from routes.charts import daily_chart
from services import billing_views, checkouts, connections, conversations, payment_views, prices, tool_pages, usage
from services.transaction import utcnow

bp = Blueprint("pages", __name__)

PER_PAGE = 50
_DAYS = {0: ("today", "Today"), 1: ("yesterday", "Yesterday")}


@bp.get("/")
def landing() -> str:
    """Show what the product does and costs."""
    db = house().db
    price_list = _prices()
    return render_template(
        "landing.html",
        tiers=billing_views.tiers_view(db),
        packs=billing_views.packs_view(db),
        families=tool_pages.catalogue(house().tools, price_list),
        message_price=prices.of_message(price_list),
    )


@bp.get("/chat")
@login_required
def chat() -> str:
    """Show an empty conversation."""
    return _chat(None)


@bp.get("/chat/<conversation_id>")
@login_required
def conversation(conversation_id: str) -> str:
    """Show a conversation."""
    return _chat(conversations.detail_view(house().db, current_user.id, conversation_id, **terms()))


@bp.get("/chat/conversations")
@login_required
def talks() -> Response:
    """Show a page of the list of conversations, as a fragment."""
    current = request.args.get("current")
    listed = _talks(request.args.get("q", "").strip(), request.args.get("cursor"))
    return _fragment("chat/list.html", conversations=listed, conversation={"id": current} if current else None)


@bp.get("/chat/messages/<message_id>")
@login_required
def message(message_id: str) -> Response:
    """Show one message, as a fragment, exactly as a reload would."""
    view = conversations.message_view(house().db, current_user.id, message_id)
    return _fragment("chat/message.html", message=view, message_price=_message_price())


@bp.get("/billing")
@login_required
def billing() -> str:
    """Show the wallet, the plans, the packs and the payments."""
    cancelled = request.args.get("checkout") == "cancelled"
    return render_template("billing.html", overview=_overview(), cancelled=cancelled)


@bp.get("/billing/success")
@login_required
def billing_success() -> str:
    """Show how a payment stands; the address that leads here proves nothing."""
    home = house()
    session_id = request.args.get("session_id")
    if session_id and request.headers.get("Sec-Fetch-Dest") == "document":
        # Whoever opens the page sees what Stripe says now; while it stays open, it waits for the event.
        checkouts.confirm(home.db, home.gateway, current_user.id, session_id, now=utcnow())
    payment = payment_views.payment_view(home.db, current_user.id, session_id, **terms())
    return render_template("billing/success.html", payment=payment, simulated=home.simulated)


@bp.get("/usage")
@login_required
def usage_page() -> str:
    """Show what the credits went to."""
    home = house()
    page = _page_number(request.args.get("page", ""))
    stats = usage.stats(home.db, current_user.id, **terms())
    history = usage.history(home.db, current_user.id, PER_PAGE, (page - 1) * PER_PAGE, **terms())
    return render_template(
        "usage/index.html",
        stats=stats,
        chart=daily_chart(stats["daily"]),
        history=history,
        paging=_paging(page, history["total_count"]),
    )


def _chat(detail: dict[str, Any] | None) -> str:
    messages = detail["messages"] if detail else []
    price_list = _prices()
    longest = house().settings.message_max_chars
    running = [view["id"] for view in messages if view["status"] == MessageStatus.RUNNING]
    waits = any(view["approval"] and view["approval"]["state"] == ApprovalState.WAITING for view in messages)
    return render_template(
        "chat/index.html",
        conversations=_talks("", None),
        conversation=detail["conversation"] if detail else None,
        messages=messages,
        running_message_id=running[-1] if running else None,
        waits=waits,
        # Only put into the field, never sent: a link from anywhere may lead here.
        prefilled=request.args.get("message", "")[:longest] if detail is None else "",
        message_price=prices.of_message(price_list),
        message_max_chars=longest,
        examples=_suggestions(price_list) if detail is None else [],
    )


def _suggestions(price_list: dict[str, int]) -> list[dict[str, Any]]:
    connected = {one["kind"] for one in connections.list_view(house().db, current_user.id)}
    return tool_pages.suggestions(house().tools, price_list, connected)


def _fragment(template: str, **context: Any) -> Response:
    """Answer with a piece of a page, which no cache may keep and show as a page of its own."""
    response = Response(render_template(template, **context))
    response.headers["Cache-Control"] = "no-store"
    return response


def _talks(q: str, cursor: str | None) -> dict[str, Any]:
    listed = conversations.list_view(house().db, current_user.id, q or None, PER_PAGE, cursor, **terms())
    groups = group_by_day(listed["conversations"], utcnow().date())
    return {"groups": groups, "next_cursor": listed["next_cursor"], "cursor": cursor or "", "q": q}


def group_by_day(listed: list[dict[str, Any]], today: date) -> list[dict[str, Any]]:
    """Group conversations, the latest first, into Today, Yesterday, This week and Earlier; days are UTC."""
    return [
        {"key": key, "name": name, "conversations": list(group)}
        for (key, name), group in groupby(listed, lambda talk: _day_of(talk["updated_at"], today))
    ]


def _day_of(updated_at: str, today: date) -> tuple[str, str]:
    days = max(timedelta(0), today - datetime.fromisoformat(updated_at).date()).days
    return _DAYS.get(days) or (("week", "This week") if days < 7 else ("earlier", "Earlier"))


def _overview() -> dict[str, Any]:
    home = house()
    overview = billing_views.overview(home.db, current_user.id, **terms())
    upgrades = [tier for tier in overview["available_tiers"] if tier["direction"] == "up"]
    for tier in overview["available_tiers"]:
        tier["is_next"] = tier is (upgrades[0] if upgrades else None)
    return overview


def _prices() -> dict[str, int]:
    with house().db.read() as tx:
        return prices.actions(tx)


def _message_price() -> int:
    return prices.of_message(_prices())


def _page_number(text: str) -> int:
    """Return the page that is asked for, the first one for anything that is no number of a page."""
    return int(text) if text.isascii() and text.isdecimal() and 1 <= len(text) <= 6 and int(text) else 1


def _paging(page: int, total: int) -> dict[str, int | None]:
    last = max(1, -(-total // PER_PAGE))
    return {
        "page": page,
        "last": last,
        "newer": min(page - 1, last) if page > 1 else None,
        "older": page + 1 if page < last else None,
    }
