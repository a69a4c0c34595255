/* Read server-sent events from a fetch response. EventSource can neither post nor see a status. */
(() => {
  "use strict";

  /* Cut text that arrives in any pieces into events: `push(text)` returns those that are complete. */
  function parser() {
    let rest = "";
    let name = "";
    let data = [];

    function line(text, events) {
      if (text === "") {
        if (data.length) events.push({ name: name || "message", data: data.join("\n") });
        name = "";
        data = [];
        return;
      }
      if (text.startsWith(":")) return; // A comment keeps the line open.
      const colon = text.indexOf(":");
      const field = colon < 0 ? text : text.slice(0, colon);
      const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
      if (field === "event") name = value;
      if (field === "data") data.push(value);
    }

    return {
      push(text) {
        const events = [];
        rest += text;
        for (;;) {
          const end = rest.search(/[\r\n]/);
          // A \r at the very end may be half of \r\n: wait for the next piece.
          if (end < 0 || (rest[end] === "\r" && end === rest.length - 1)) return events;
          line(rest.slice(0, end), events);
          rest = rest.slice(end + (rest[end] === "\r" && rest[end + 1] === "\n" ? 2 : 1));
        }
      },
    };
  }

  /* Yield `{name, data}` with data parsed from JSON, until the response ends. Throws when the connection breaks. */
  async function* read(response) {
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const events = parser();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        const text = done ? decoder.decode() : decoder.decode(value, { stream: true });
        for (const event of events.push(text)) yield { name: event.name, data: JSON.parse(event.data) };
        if (done) return;
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  window.Sse = { parser, read };
})();
