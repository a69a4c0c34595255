"""Put the app together; `python app.py` prepares the database and serves."""

import signal
import sys
from datetime import timedelta
from types import FrameType
from typing import Any

from flask import Blueprint, Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

import commands
import connection_commands
import init_subscription_system
import logs
import serving
import stripe_commands
from agent.registry import REGISTRY
from agent.types import Limits
from clients.claude import ClaudeModel
from clients.model import Model
from clients.offline import OfflineModel
from clients.outward import AllowList, Outward
from clients.payments import Gateway
from clients.simulated_payments import SimulatedPayments
from clients.stripe_gateway import StripeGateway
from config import ROOT, ConfigError, Settings, load_settings
from models import Base
from routes import (
    access,
    approvals,
    auth,
    billing,
    chat,
    connections,
    context,
    errors,
    filters,
    headers,
    health,
    limits,
    pages,
    settings,
    tool_pages,
    usage,
    webhooks,
)
from services import schema
from services.chat import Chat, Terms
from services.database_errors import first_line
from services.house import House
from services.price_list import PriceListError
from services.reaching import Reaching
from services.transaction import Database, engine_options
from services.vault import Vault

# Owns the engine; models are plain SQLAlchemy and know nothing of Flask.
db = SQLAlchemy(metadata=Base.metadata)

# Which part of the site lives where. Under /api/ everything is JSON.
BLUEPRINTS: tuple[Blueprint, ...] = (
    pages.bp,  # the landing page and the pages that only display: /, /chat, /billing, /usage
    auth.bp,  # /signup, /login, /logout
    settings.bp,  # /settings: name, password, sessions, deleting the account
    chat.bp,  # /api/chat, /api/conversations, /api/tools: the paid call, its stream, and what was said
    approvals.bp,  # /api/approvals: the user's word on what the agent wants to do
    connections.bp,  # /api/connections, /api/allowed-tools: the user's own systems, and what may run without asking
    billing.bp,  # /api/subscription, /api/credits: plans, packs, the ledger
    webhooks.bp,  # /api/stripe/webhook: what Stripe tells us
    usage.bp,  # /api/usage: what was spent on what
    tool_pages.bp,  # /tools: what each tool does, needs and costs
    health.bp,  # /health, for whoever watches over this process
)


def create_app(given: Settings | None = None) -> Flask:
    """Build the app from its settings, from the environment where none are given."""
    config = given or _settings_or_exit()
    logs.setup(config)
    app = Flask(__name__, instance_path=str(config.instance_path.resolve()))
    # Such a redirect would lead to whatever host the request has named.
    app.url_map.merge_slashes = False
    app.config.from_mapping(_flask_config(config))
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    Migrate(app, db, directory=str(ROOT / "migrations"))
    app.extensions["house"] = _build_house(app, config)
    # The order matters: each request is logged first, then guarded.
    for part in (logs, access, context, filters, headers, errors, commands, stripe_commands, connection_commands):
        part.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    limits.register(app, config)
    return app


def _settings_or_exit() -> Settings:
    """Return the settings for `flask ...` and gunicorn, which would show a traceback instead of the one line."""
    try:
        return load_settings()
    except ConfigError as error:
        raise SystemExit(f"app.py: {error}") from None


def _flask_config(config: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": config.signing_key(),
        "SQLALCHEMY_DATABASE_URI": config.database,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(config.database, config.db_pool_size),
        "MAX_CONTENT_LENGTH": serving.MEGABYTE,
        "MAX_FORM_MEMORY_SIZE": serving.MEGABYTE,
        # The prefix lets browsers refuse such a cookie from a neighbouring host.
        "SESSION_COOKIE_NAME": "__Host-session" if config.is_production else "session",
        "SESSION_COOKIE_SECURE": config.is_production,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": timedelta(days=config.session_days),
        "WTF_CSRF_CHECK_DEFAULT": False,  # routes/access.py decides which requests need a token.
        "WTF_CSRF_TIME_LIMIT": None,  # As long as the session.
        "WTF_CSRF_SSL_STRICT": False,  # routes/access.py looks at Origin, which says more than Referer.
    }


def _build_house(app: Flask, config: Settings) -> House:
    with app.app_context():
        database = Database(db.engine)
    model = _model(config)
    terms = Terms(
        lease=timedelta(seconds=config.charge_lease_seconds),
        limits=Limits(
            rounds=config.answer_max_rounds,
            tool_calls=config.answer_max_tool_calls,
            tokens=config.answer_max_tokens,
            output_tokens=config.answer_max_output_tokens,
            seconds=config.answer_max_seconds,
            tool_seconds=config.tool_max_seconds,
            approve_above=config.approve_above_credits,
        ),
        message_max_chars=config.message_max_chars,
        history_max_tokens=config.history_max_tokens,
        approval_lasts=timedelta(minutes=config.approval_minutes),
        simulated=config.payment_mode == "simulated",
    )
    out = Outward(AllowList.parse(config.tools_allow_private), config.tools_dns_servers)
    vault = Vault(config.credential_keys())
    chat_ = Chat(database, model, REGISTRY, Reaching(database, vault, out), terms)
    return House(config, database, model, REGISTRY, chat_, _gateway(config), out, vault)


def _model(config: Settings) -> Model | None:
    """Return who answers; None where production has no key, so that chat says so."""
    if config.agent_mode == "none":
        return None
    if config.agent_mode == "offline" or config.anthropic_api_key is None:
        return OfflineModel()
    return ClaudeModel(
        api_key=config.anthropic_api_key.get_secret_value(),
        model=config.anthropic_model,
        base_url=config.anthropic_base_url,
        timeout_seconds=config.model_timeout_seconds,
    )


def _gateway(config: Settings) -> Gateway:
    if config.payment_mode == "simulated" or config.stripe_secret_key is None:
        return SimulatedPayments()
    secret = config.stripe_webhook_secret
    return StripeGateway(
        config.stripe_secret_key.get_secret_value(),
        webhook_secret=secret.get_secret_value() if secret else None,
        base=config.stripe_api_base,
    )


def main() -> int:
    """Prepare the database and serve until told to stop; return the exit status."""
    try:
        config = load_settings()
        init_subscription_system.prepare(config)
        app = create_app(config)
        server = serving.open_server(app, config)
    except SQLAlchemyError as error:
        return _give_up(f"the database refused: {first_line(error)}")
    except (ConfigError, PriceListError, schema.SchemaError, OSError) as error:
        return _give_up(str(error))
    except (ValueError, ImportError) as error:
        # None that is known to happen, so the kind of error may say more than its words.
        return _give_up(f"the server cannot start: {type(error).__name__}: {error}")
    _serve(app, config, server)
    return 0


def _give_up(reason: str) -> int:
    print(f"app.py: {reason}", file=sys.stderr)
    return 2


def _serve(app: Flask, config: Settings, server: Any) -> None:
    """Serve from this one process until SIGTERM or Ctrl-C; running answers are then ended and refunded."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for known in (signal.SIGTERM, signal.SIGINT):
            signal.signal(known, signal.SIG_DFL)  # Who asks twice is not kept waiting.
        app.extensions["house"].chat.shutdown()
        raise SystemExit

    for known in (signal.SIGTERM, signal.SIGINT):
        signal.signal(known, stop)
    print(f"DevOps Agent is at {config.public_url} (Ctrl-C stops it)", flush=True)
    server.run()


if __name__ == "__main__":
    sys.exit(main())
