/* Send messages, follow answers as they arrive, stop and retry them. An answer belongs to the server: it can be left and joined again. */
(() => {
  "use strict";

  const { Api, Answer, Approvals, Bubbles, Composer, Copying, Credits, Reading, Site, Sse, Talks } = window;
  const thread = document.querySelector("[data-thread]");
  const messages = document.querySelector("[data-messages]");
  const WAITS = [500, 1000, 2000, 4000, 8000];

  let answer = null;
  let messageId = "";
  let stopWanted = false;
  let unsure = null; // A message of which no answer came back, with its key: sent again it counts once.
  let withdrawn = []; // The cards that the message on its way ends.

  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const conversation = () => thread.dataset.conversation;

  /* --- Sending --------------------------------------------------------------------------------------------------- */

  async function send(text) {
    const bubble = window.userMessage(text);
    document.querySelector("[data-start]")?.remove();
    Bubbles.dress(bubble);
    messages.append(bubble);
    withdrawn = Approvals.waiting();
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

  /* --- The user's word on what waits ------------------------------------------------------------------------------ */

  const keys = new Map(); // Of words of which no answer came back: said again they count once.

  async function decide(card, word) {
    const path = `/api/approvals/${card.dataset.approval}`;
    const said = path + JSON.stringify(word);
    const asked = card.closest(".message");
    begin();
    answer.element.classList.add("message-goes-on");
    keys.set(said, keys.get(said) || Api.newKey());
    try {
      const response = await post(`${path}?render=html`, word, keys.get(said));
      keys.delete(said);
      redraw(asked);
      await follow(response);
    } catch (error) {
      if (error.status !== 0) keys.delete(said);
      refused(error, () => undecided(card, asked, error));
    }
  }

  /* The word did not count: the card says why, or how it stands now. */
  async function undecided(card, asked, error) {
    Composer.fail("");
    if (error.status !== 409 && error.status !== 404) {
      Approvals.hold(false);
      if (error.status !== 402) Approvals.fail(card, error.message);
      card.focus();
      return;
    }
    const fresh = await redraw(asked);
    Site.announce(error.message);
    const now = fresh?.querySelector(".approval");
    if (["approved", "refused", "voided"].includes(now?.dataset.state)) location.reload(); // It went on elsewhere.
    else now?.focus();
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
    Approvals.hold(true);
    Credits.hold();
    Site.announce("The agent is working.");
    Reading.scrollDown();
  }

  /* Nothing was started: take back what was drawn. */
  function refused(error, undo) {
    answer.element.remove();
    withdrawn = [];
    end();
    Approvals.hold(false);
    if (error.status !== 402) Composer.fail(error.message);
    if (error.code === "answer_running" && conversation()) location.reload();
    if (error.status === 0) Credits.refresh();
    Composer.focus();
    undo();
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
        const stick = Reading.nearEnd();
        take(name, data);
        if (stick) Reading.scrollDown();
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
    withdrawn.forEach((card) => redraw(card.closest(".message")));
    withdrawn = [];
    Talks.refresh();
    if (stopWanted) stop();
  }

  /* The answer has ended: let the server draw it, once and for all. */
  async function finish({ name, data }) {
    const id = data.message_id || messageId;
    if (Number.isInteger(data.credits_remaining)) Credits.update(data.credits_remaining);
    else Credits.refresh();
    const stick = Reading.nearEnd();
    const unread = answer.isNew;
    let fresh = null;
    try {
      fresh = dress(answer.replace(await Api.html(`/chat/messages/${id}`)));
      Site.announce(spoken(name, data, fresh));
    } catch {
      answer.working.remove();
      Composer.fail(data.message || "The answer has ended, but could not be shown. Reload the page to see it.");
    }
    end();
    if (stick) Reading.land(fresh, unread);
    Approvals.waiting().forEach(Approvals.arrived);
    Talks.refresh();
  }

  function end() {
    answer = null;
    Composer.setBusy(false);
    Credits.release();
  }

  function spoken(name, data, element) {
    if (name === "error") return `The answer failed. ${data.message || ""}`;
    const [card] = Approvals.waiting();
    if (card && element.contains(card)) return Approvals.spoken(card);
    const text = [...element.querySelectorAll(".prose")].map((part) => part.textContent).join(" ");
    return `The agent answered: ${text.slice(0, 1500)}`;
  }

  /* Let the server draw a message anew; returns it, or null when that could not be had and it stays as it is. */
  async function redraw(element) {
    try {
      const held = element.contains(document.activeElement) && element.querySelector(".approval");
      const drawn = Object.create(Answer.prototype);
      drawn.element = element;
      const fresh = dress(drawn.replace(await Api.html(`/chat/messages/${element.dataset.message}`)));
      if (held) fresh.querySelector(".approval")?.focus({ preventScroll: true });
      return fresh;
    } catch {
      return null; // A reload shows it.
    }
  }

  function dress(root) {
    Bubbles.dress(root);
    Copying.dress(root);
    Approvals.dress(root);
    return root;
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

  /* --- What is clicked ------------------------------------------------------------------------------------------- */

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches("[data-retry]") && !answer) retry(button.closest(".message"));
    if (button.matches("[data-example]")) {
      Composer.set(button.dataset.example);
      Composer.focus();
    }
  });

  Approvals.onDecide((card, word) => !answer && decide(card, word));
  Approvals.onExpired((card) => redraw(card.closest(".message")));
  Composer.onSend((text) => answer || send(text));
  Composer.onStop(stop);
  window.addEventListener("popstate", () => location.reload());

  /* --- Where a reload finds us ----------------------------------------------------------------------------------- */

  dress(messages);
  if (Reading.atEnd) Reading.scrollDown();
  Approvals.waiting().forEach(Approvals.show);
  if (thread.dataset.running) {
    begin(document.getElementById(`m-${thread.dataset.running}`));
    join().then((response) => follow(response));
  } else if (matchMedia("(hover: hover)").matches && !document.querySelector("dialog[open]")) {
    Composer.focus();
  }
})();
