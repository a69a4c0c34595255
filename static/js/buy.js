/* Buy packs and change plans: ask first, send once, go to the payment page or show what has changed. */
(() => {
  "use strict";

  let busy = false;

  /* Who comes back from the payment page by the browser's back button can act again. */
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) busy = false;
  });

  /* Who left a conversation to pay is led back to it, and to what was written there. */
  const placeLeft = `left-${document.body.dataset.user}`;

  function leave(address) {
    try {
      sessionStorage.setItem(placeLeft, location.pathname);
    } catch {
      // Without storage the way back leads to a new conversation.
    }
    location.assign(address);
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest("a[data-to-chat]") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    let left = "";
    try {
      left = sessionStorage.getItem(placeLeft) || "";
    } catch {
      return;
    }
    if (!/^\/chat\/[\w-]+$/.test(left)) return;
    event.preventDefault();
    location.assign(left);
  });

  /* Ask, then post with a fresh key. Resolves to the answer, or null when the person said no or it went wrong. */
  async function act(path, body, question) {
    if (busy || (question && !(await window.Site.ask(question)))) return null;
    busy = true;
    let leaving = false;
    try {
      const answer = await window.Api.post(path, body, window.Api.newKey());
      const away = answer.checkout_url || answer.portal_url;
      if (away) {
        leaving = true;
        leave(away);
        return answer;
      }
      if (Number.isInteger(answer.credits_remaining)) window.Credits.update(answer.credits_remaining);
      tell("done", answer.message || "");
      return answer;
    } catch (error) {
      tell("error", error.message);
      return null;
    } finally {
      busy = leaving;
    }
  }

  function tell(kind, message) {
    document.dispatchEvent(new CustomEvent("billing:told", { detail: { kind, message } }));
    if (message && !document.querySelector("[data-billing-done]")) window.Site.toast(message);
  }

  window.Buy = {
    act,
    pack: (size, question) => act("/api/credits/purchase", { pack_size: size }, question),
    plan: (name, question) => act("/api/subscription/upgrade", { tier_name: name }, question),
  };
})();
