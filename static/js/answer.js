/* Draw an answer while it arrives. When it has ended, the server's own drawing takes its place. */
(() => {
  "use strict";

  const TAIL_MS = 300;
  const NEW_MS = 1500;

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  const creditsWord = (n) => (n ? `${n} ${n === 1 ? "credit" : "credits"}` : "free");

  function pretty(value) {
    let shown = value;
    if (typeof value === "string") {
      try {
        shown = JSON.parse(value);
      } catch {
        return value;
      }
    }
    return JSON.stringify(shown, null, 2);
  }

  function seconds(ms) {
    if (ms < 50) return "<0.1 s";
    if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
    const all = Math.round(ms / 1000);
    return all < 60 ? `${all} s` : `${Math.floor(all / 60)} min ${all % 60} s`;
  }

  function userMessage(text) {
    const article = make("article", "message message-user");
    article.setAttribute("aria-label", "You");
    article.append(make("div", "bubble", text));
    return article;
  }

  class Answer {
    /* An answer that has just begun, or the half of one that a reload has found. */
    constructor(element) {
      this.element = element || make("article", "message message-agent");
      this.element.setAttribute("aria-label", "DevOps Agent");
      this.restart();
    }

    /* Begin anew: a stream that is joined tells everything from its start. */
    restart() {
      this.blocks = make("div", "blocks");
      this.working = make("p", "working");
      const dots = make("span", "working-dots");
      dots.setAttribute("aria-hidden", "true");
      dots.append(make("i"), make("i"), make("i"));
      this.word = make("span", "", "Working");
      this.working.append(dots, this.word);
      this.blocks.append(this.working);
      this.element.replaceChildren(this.blocks);
      this.tools = new Map();
      this.open = null;
      this.began = null;
    }

    /* Whether its text has come so lately that nobody can have read along. */
    get isNew() {
      return this.began === null || performance.now() - this.began < NEW_MS;
    }

    say(word) {
      this.word.textContent = word;
    }

    /* Text comes in small pieces, the drawn whole only now and then; what came since hangs on as plain text. */
    delta({ text, html }) {
      this.say("Writing");
      this.began ??= performance.now();
      if (!this.open) {
        this.open = make("div", "prose");
        this.tail = "";
        this.working.before(this.open);
      }
      clearTimeout(this.timer);
      if (html !== undefined) {
        this.open.innerHTML = html; // Made safe by the server.
        this.tail = "";
        return;
      }
      this.tail += text;
      const block = this.open;
      const tail = this.tail;
      this.timer = setTimeout(() => this.hang(block, tail), TAIL_MS);
    }

    hang(block, tail) {
      block.querySelector("[data-tail]")?.remove();
      const span = make("span", "", tail);
      span.dataset.tail = "";
      (block.querySelector(":scope > p:last-child") || block).append(span);
    }

    toolStart({ id, name, title, target, input, credits }) {
      this.closeText();
      this.say("Working");
      const row = make("details", "tool");
      row.dataset.status = "running";
      row.dataset.tool = id;
      const summary = make("summary");
      const dot = make("span", "tool-dot");
      dot.setAttribute("aria-hidden", "true");
      const end = make("span", "tool-end", `running · ${creditsWord(credits)}`);
      summary.append(dot, make("code", "tool-name", name), make("span", "tool-target", target || title || ""), end);
      const chevron = document.querySelector("[data-chevron]");
      if (chevron) summary.append(chevron.content.cloneNode(true));
      const body = make("div", "tool-body");
      body.append(make("h3", "", "Input"), make("pre", "", pretty(input)));
      row.append(summary, body);
      this.tools.set(id, { row, end, body, price: credits });
      this.working.before(row);
    }

    toolResult({ id, success, unknown, not_run: notRun, credits_used: credits, duration_ms: ms, summary, output }) {
      const tool = this.tools.get(id);
      if (!tool) return;
      tool.row.dataset.status = success ? "ok" : unknown ? "unknown" : "failed";
      const state = success ? "" : unknown ? "outcome unknown" : "failed";
      const price = credits < tool.price ? "refunded" : creditsWord(credits);
      const parts = [state, Number.isInteger(ms) ? seconds(ms) : "", price];
      tool.end.textContent = parts.filter(Boolean).join(" · ");
      if (notRun) {
        tool.row.dataset.status = "not-run";
        tool.end.textContent = "not run";
      }
      if (summary) tool.body.prepend(make("p", "tool-summary", summary));
      tool.body.append(make("h3", "", "Output"), make("pre", "", pretty(output)));
      const others = [...this.tools.values()].some(({ row }) => row.dataset.status === "running");
      this.say(others ? "Working" : "Thinking");
    }

    closeText() {
      if (this.open && this.tail) {
        clearTimeout(this.timer);
        this.hang(this.open, this.tail);
      }
      this.open = null;
    }

    /* Put the server's drawing in place; returns the new element. Rows that were opened stay open. */
    replace(html) {
      clearTimeout(this.timer);
      const opened = new Set([...this.element.querySelectorAll(".tool[open]")].map((row) => row.dataset.tool));
      const holder = document.createElement("template");
      holder.innerHTML = html;
      const fresh = holder.content.querySelector(".message");
      fresh.querySelectorAll(".tool").forEach((row) => {
        row.open = opened.has(row.dataset.tool);
      });
      this.element.replaceWith(fresh);
      this.element = fresh;
      return fresh;
    }
  }

  window.Answer = Answer;
  window.userMessage = userMessage;
})();
