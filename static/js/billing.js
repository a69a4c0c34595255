/* The billing page's buttons; other tabs learn of a change through a channel. */
(() => {
  "use strict";

  const done = document.querySelector("[data-billing-done]");
  const wrong = document.querySelector("[data-billing-error]");
  const channel = "BroadcastChannel" in window ? new BroadcastChannel(`billing-${document.body.dataset.user}`) : null;

  const redraw = () => document.dispatchEvent(new CustomEvent("live:refresh"));

  function note(place, kind, text) {
    place.replaceChildren();
    if (!text) return;
    const box = document.createElement("p");
    box.className = `note note-${kind}`;
    box.textContent = text;
    place.append(box);
    place.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("billing:told", ({ detail }) => {
    note(done, "good", detail.kind === "done" ? detail.message : "");
    note(wrong, "bad", detail.kind === "error" ? detail.message : "");
    redraw();
    if (channel) channel.postMessage("changed");
  });
  if (channel) channel.addEventListener("message", redraw);

  const questionOf = ({ askTitle, askText, askButton, askDanger }) => ({
    title: askTitle,
    text: askText,
    button: askButton,
    danger: askDanger !== undefined,
  });

  const acts = {
    buy: (data) => window.Buy.pack(Number(data.buy), questionOf(data)),
    upgrade: (data) => window.Buy.plan(data.upgrade, questionOf(data)),
    cancel: (data) => window.Buy.act("/api/subscription/cancel", {}, questionOf(data)),
    resume: () => window.Buy.act("/api/subscription/resume", {}),
    portal: () => window.Buy.act("/api/subscription/portal", {}),
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    const name = button && Object.keys(acts).find((key) => key in button.dataset);
    if (!name || button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    await acts[name](button.dataset);
    button.removeAttribute("aria-busy");
  });
})();
