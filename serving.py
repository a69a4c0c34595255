"""Open the server that `python app.py` runs, and answer in JSON what never reaches the app."""

import json
from typing import Any

from flask import Flask
from waitress import create_server
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask

from config import Settings
from routes import errors, headers

MEGABYTE = 1024 * 1024


class _Refusal(ErrorTask):
    """Answer a request that is not taken in, broken or too large, as the app would have answered it."""

    def execute(self) -> None:
        failure = self.request.error
        code, message = errors.words(failure.code)
        body = json.dumps({"error": code, "message": message}).encode()
        self.status = f"{failure.code} {failure.reason}"
        self.response_headers += [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        self.response_headers += headers.ALWAYS.items()
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    error_task_class = _Refusal


def open_server(app: Flask, config: Settings) -> Any:
    """Return the server, which listens already; its `run` serves."""
    sockets: dict[int, Any] = {}
    server = create_server(
        app,
        map=sockets,
        host=config.host,
        port=config.port,
        threads=config.web_threads,
        connection_limit=1000,
        asyncore_use_poll=True,
        max_request_body_size=32 * MEGABYTE,  # Beyond 1 MB the app itself answers, with its own words.
        clear_untrusted_proxy_headers=not config.trusted_proxies,
        ident=None,
    )
    # A name such as localhost may mean several addresses, with a listener each.
    for listener in sockets.values():
        if isinstance(listener, TcpWSGIServer):
            listener.channel_class = _Channel
    return server
