/* Talk to the JSON API: one place for keys, errors and the way in again after a session has ended. */
(() => {
  "use strict";

  class ApiError extends Error {
    constructor(status, body) {
      super(body.message || "Something went wrong. Please try again.");
      this.status = status;
      this.code = body.error || "unknown";
      this.body = body;
    }
  }

  /* A key for one click, so that a request that is sent twice counts once. randomUUID exists on https and localhost only. */
  function newKey() {
    if (crypto.randomUUID) return crypto.randomUUID();
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async function send(path, options) {
    try {
      return await fetch(path, { credentials: "same-origin", ...options });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, { error: "offline", message: "The server could not be reached. Check your connection and try again." });
    }
  }

  /* The log-in says why it comes, and leads back here. */
  function sessionEnded() {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}&ended=1`);
  }

  /* Turn an answer that says no into an ApiError; tell the credits and the log-in when it is theirs. */
  async function refuse(response) {
    const body = await response.json().catch(() => ({}));
    if (response.status === 401) sessionEnded();
    if (body.error === "insufficient_credits" && window.Credits) window.Credits.outOfCredits(body);
    return new ApiError(response.status, body);
  }

  async function request(method, path, body, headers = {}) {
    const options = { method, headers: { Accept: "application/json", ...headers } };
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    const response = await send(path, options);
    if (!response.ok) throw await refuse(response);
    return response.status === 204 ? {} : response.json();
  }

  /* Fetch a piece of a page that the server has drawn. */
  async function html(path) {
    const response = await send(path, { headers: { Accept: "text/html" } });
    if (response.redirected && new URL(response.url).pathname === "/login") sessionEnded();
    if (!response.ok) throw new ApiError(response.status, {});
    return response.text();
  }

  window.Api = {
    ApiError,
    newKey,
    send,
    refuse,
    html,
    get: (path) => request("GET", path),
    post: (path, body = {}, key) => request("POST", path, body, key ? { "Idempotency-Key": key } : {}),
    patch: (path, body) => request("PATCH", path, body),
    remove: (path) => request("DELETE", path),
  };
})();
