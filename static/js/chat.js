/* Send messages, follow answers as they arrive, stop and retry them. An answer belongs to the server: it can be left and joined again. */
(() => {
  "use strict";

  const { Api, Answer, Composer, Credits, Site, Sse, Talks } = window;
  const thread = document.querySelector("[data-thread]");
  const scroller = document.querySelector("[data-scroll]");
  const messages = document.querySelector("[data-messages]");
  const toEnd = document.querySelector("[data-to-end]");
  const WAITS = [500, 1000, 2000, 4000, 8000];

  let answer = null;
  let messageId = "";
  let stopWanted = false;
  let unsure = null; // A message of which no answer came back, with its key: sent again it counts once.

  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const conversation = () => thread.dataset.conversation;

  /* --- Sending --------------------------------------------------------------------------------------------------- */

  async function send(text) {
    const bubble = window.userMessage(text);
    document.querySelector("[data-start]")?.remove();
    messages.append(bubble);
    begin();
    Composer.clear();
    const same = unsure && unsure.text === text && unsure.conversation === conversation();
    const key = same ? unsure.key : Api.newKey();
    unsure = { text, key, conversation: conversation() };
    const body = conversation() ? { message: text, conversation_id: conversation() } : { message: text };
    try {
      const response = await post("/api/chat?render=html", body, key);
      unsure = null;
      await follow(response);
    } catch (error) {
      if (error.status !== 0) unsure = null;
      refused(error, () => {
        bubble.remove();
        if (!Composer.text) Composer.set(text);
      });
    }
  }

  async function retry(failed) {
    begin();
    failed.querySelector("[data-retry]")?.remove();
    try {
      await follow(await post(`/api/conversations/${conversation()}/retry?render=html`, {}, Api.newKey()));
    } catch (error) {
      refused(error, () => redraw(failed));
    }
  }

  async function post(path, body, key) {
    const headers = { "Content-Type": "application/json", Accept: "text/event-stream", "Idempotency-Key": key };
    const response = await Api.send(path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw await Api.refuse(response);
    return response;
  }

  /* Show that an answer is on its way. */
  function begin(element) {
    answer = new Answer(element);
    messageId = element?.dataset.message || "";
    stopWanted = false;
    if (!element) messages.append(answer.element);
    Composer.fail("");
    Composer.setBusy(true);
    Credits.hold();
    Site.announce("The agent is working.");
    scrollDown();
  }

  /* Nothing was started: take back what was drawn, keep the words that were written. */
  function refused(error, undo) {
    answer.element.remove();
    undo();
    end();
    if (error.status !== 402) Composer.fail(error.message);
    if (error.code === "answer_running" && conversation()) location.reload();
    if (error.status === 0) Credits.refresh();
    Composer.focus();
  }

  /* --- Following ------------------------------------------------------------------------------------------------- */

  /* Read a stream to its end; whenever it breaks, join again until the server says how the answer ended. */
  async function follow(response) {
    let current = response;
    for (let lost = 0; ; lost += 1) {
      if (current?.status === 204) return finish({ name: "gone", data: { message_id: messageId } });
      const ended = current && (await readAll(current));
      if (ended) return finish(ended);
      answer.say("Connection lost, joining again");
      await wait(WAITS[Math.min(lost, WAITS.length - 1)]);
      current = await join();
    }
  }

  async function readAll(response) {
    try {
      for await (const { name, data } of Sse.read(response)) {
        if (name === "done" || name === "error") return { name, data };
        const stick = nearEnd();
        take(name, data);
        if (stick) scrollDown();
      }
    } catch {
      // The connection broke; the answer goes on without us.
    }
    return null;
  }

  async function join() {
    try {
      const response = await Api.send(`/api/conversations/${conversation()}/stream?render=html`, {});
      return response.ok ? response : null;
    } catch {
      return null;
    }
  }

  function take(name, data) {
    if (name === "start") started(data);
    if (name === "delta") answer.delta(data);
    if (name === "tool_start") answer.toolStart(data);
    if (name === "tool_result") answer.toolResult(data);
  }

  function started(data) {
    answer.restart();
    messageId = data.message_id;
    if (Number.isInteger(data.credits_remaining)) Credits.update(data.credits_remaining);
    if (data.conversation_title) Talks.title(data.conversation_title);
    if (conversation() !== data.conversation_id) {
      Composer.move(() => {
        thread.dataset.conversation = data.conversation_id;
      });
      history.pushState({}, "", `/chat/${data.conversation_id}`);
    }
    Talks.refresh();
    if (stopWanted) stop();
  }

  /* The answer has ended: let the server draw it, once and for all. */
  async function finish({ name, data }) {
    const id = data.message_id || messageId;
    if (Number.isInteger(data.credits_remaining)) Credits.update(data.credits_remaining);
    else Credits.refresh();
    const stick = nearEnd();
    try {
      const fresh = answer.replace(await Api.html(`/chat/messages/${id}`));
      dress(fresh);
      Site.announce(spoken(name, data, fresh));
    } catch {
      answer.working.remove();
      Composer.fail(data.message || "The answer has ended, but could not be shown. Reload the page to see it.");
    }
    end();
    if (stick) scrollDown();
    Talks.refresh();
  }

  function end() {
    answer = null;
    Composer.setBusy(false);
    Credits.release();
  }

  function spoken(name, data, element) {
    if (name === "error") return `The answer failed. ${data.message || ""}`;
    const text = [...element.querySelectorAll(".prose")].map((part) => part.textContent).join(" ");
    return `The agent answered: ${text.slice(0, 1500)}`;
  }

  async function redraw(element) {
    try {
      const drawn = Object.create(Answer.prototype);
      drawn.element = element;
      dress(drawn.replace(await Api.html(`/chat/messages/${element.dataset.message}`)));
    } catch {
      // It stays as it is; a reload shows the button again.
    }
  }

  async function stop() {
    stopWanted = true;
    if (!conversation() || !messageId) return; // Sent as soon as the answer has a name.
    try {
      await Api.post(`/api/conversations/${conversation()}/stop`);
    } catch (error) {
      Site.toast(error.message);
      if (answer) Composer.setBusy(true);
    }
  }

  /* --- Reading --------------------------------------------------------------------------------------------------- */

  const nearEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 90;

  function scrollDown() {
    scroller.scrollTop = scroller.scrollHeight;
  }

  let atEnd = true;
  scroller.addEventListener("scroll", () => {
    atEnd = nearEnd();
    toEnd.hidden = atEnd;
  });
  /* A keyboard that opens on a phone, or a note above the input, takes room: who read the end still reads it. */
  new ResizeObserver(() => atEnd && scrollDown()).observe(scroller);
  toEnd.addEventListener("click", scrollDown);

  /* Give every code block its button; the drawing of the server has none, since it needs JavaScript. */
  function dress(root) {
    root.querySelectorAll(".prose pre").forEach((pre) => {
      const box = document.createElement("div");
      box.className = "code-box";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button copy-code";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "Copy this code");
      pre.replaceWith(box);
      box.append(pre, button);
    });
  }

  async function copy(text, button) {
    const word = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyByHand(text); // No clipboard without https.
    }
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = word;
    }, 1600);
  }

  function copyByHand(text) {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const message = button.closest(".message");
    if (button.matches(".copy-code")) copy(button.parentElement.querySelector("pre").textContent, button);
    if (button.matches("[data-copy-message]")) copy(message.querySelector("[data-raw]").content.textContent, button);
    if (button.matches("[data-retry]") && !answer) retry(message);
    if (button.matches("[data-example]")) {
      Composer.set(button.dataset.example);
      Composer.focus();
    }
  });

  Composer.onSend((text) => answer || send(text));
  Composer.onStop(stop);
  window.addEventListener("popstate", () => location.reload());

  /* --- Where a reload finds us ----------------------------------------------------------------------------------- */

  dress(messages);
  scrollDown();
  if (thread.dataset.running) {
    begin(document.getElementById(`m-${thread.dataset.running}`));
    join().then((response) => follow(response));
  } else if (matchMedia("(hover: hover)").matches && !document.querySelector("dialog[open]")) {
    Composer.focus();
  }
})();
