/* Buy packs and change plans: ask first, send once, go to the payment page or show what has changed. */
(() => {
  "use strict";

  let busy = false;

  /* Ask, then post with a fresh key. Resolves to the answer, or null when the person said no or it went wrong. */
  async function act(path, body, question) {
    if (busy || (question && !(await window.Site.ask(question)))) return null;
    busy = true;
    try {
      const answer = await window.Api.post(path, body, window.Api.newKey());
      if (answer.checkout_url) {
        location.assign(answer.checkout_url);
        return answer;
      }
      if (Number.isInteger(answer.credits_remaining)) window.Credits.update(answer.credits_remaining);
      tell("done", answer.message || "");
      return answer;
    } catch (error) {
      tell("error", error.message);
      return null;
    } finally {
      busy = false;
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
