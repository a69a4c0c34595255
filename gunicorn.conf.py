"""Serve from several processes: `gunicorn 'app:create_app()'` finds this file by itself.

Prepare the database before (`python init_subscription_system.py`); workers never migrate. With more than one process
set REDIS_URL too, or each process counts the rate limits for itself.
"""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from config import ConfigError, load_settings

try:
    _settings = load_settings()
except ConfigError as error:
    sys.exit(f"gunicorn.conf.py: {error}")

bind = f"{_settings.host}:{_settings.port}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
# A streamed answer holds a thread for as long as someone watches it.
threads = _settings.web_threads
# For a worker that no longer says that it lives. Answers may take longer: they run in threads of their own.
timeout = 60
graceful_timeout = 30
keepalive = 15
# Each worker opens its own database connections and threads; neither survives a fork.
preload_app = False
# Who may say that a request came by https; routes see the client's address through TRUSTED_PROXIES.
forwarded_allow_ips = "*" if _settings.trusted_proxies else "127.0.0.1,::1"
control_socket_disable = True
errorlog = "-"
accesslog = None  # The app logs each request itself.


def post_worker_init(worker: Any) -> None:
    """End and refund the running answers as soon as the worker is told to stop; those who watch them then let it go."""
    leave = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        # Not in the handler itself, which may have interrupted the very code that holds a lock.
        threading.Thread(target=_end_answers, args=(worker,)).start()
        if callable(leave):
            leave(number, frame)

    signal.signal(signal.SIGTERM, stop)


def worker_exit(_server: Any, worker: Any) -> None:
    """Wait until the answers have ended, for whatever reason the worker leaves."""
    _end_answers(worker)


def _end_answers(worker: Any) -> None:
    app = getattr(worker, "wsgi", None)  # Missing when the app could not be built.
    if app is not None:
        app.extensions["house"].chat.shutdown()
