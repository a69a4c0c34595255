"""Say whether this process can do its work, for whoever watches over it."""

import structlog
from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from routes.access import house
from services.database_errors import first_line

log = structlog.get_logger(__name__)
bp = Blueprint("health", __name__)


@bp.get("/health")
def health() -> tuple[Response, int]:
    """Answer 200 while the database answers, else 503."""
    home = house()
    answers = _database_answers()
    report = {
        "status": "ok" if answers else "unavailable",
        "database": "ok" if answers else "unavailable",
        "agent": home.settings.agent_mode,
        "payments": home.settings.payment_mode,
    }
    return jsonify(report), 200 if answers else 503


def _database_answers() -> bool:
    try:
        with house().db.read() as tx:
            tx.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        log.warning("database_unavailable", reason=first_line(error))
        return False
    return True
