"""Serve what was used, as JSON and as CSV."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request
from flask_login import current_user, login_required

from errors import InvalidInput
from routes import body
from routes.access import house, terms
from services import usage

bp = Blueprint("usage", __name__)


@bp.get("/api/usage/stats")
@login_required
def stats() -> Any:
    """Show totals, days and tools."""
    return usage.stats(house().db, current_user.id, **terms())


@bp.get("/api/usage/history")
@login_required
def history() -> Any:
    """List every charge, newest first, as a page of JSON or all of it as CSV."""
    wanted = request.args.get("format", "json")
    if wanted not in ("json", "csv"):
        raise InvalidInput({"format": "format must be json or csv."})
    limit = body.query_integer("limit", default=50, minimum=1, maximum=200)
    offset = body.query_integer("offset", default=0, minimum=0, maximum=2**31 - 1)
    if wanted == "csv":
        return _download(usage.csv_rows(house().db, current_user.id))
    return usage.history(house().db, current_user.id, limit, offset, **terms())


def _download(rows: Iterator[list[str]]) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"'}
    return Response((_csv_line(row) for row in rows), mimetype="text/csv", headers=headers)


def _csv_line(row: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(row)
    return line.getvalue()
