/* Keep the parts of a page that are marked `data-live` true: they are drawn anew by the server and swapped in. */
(() => {
  "use strict";

  let running = null;
  let again = false;

  async function refresh() {
    if (running) {
      again = true;
      return running;
    }
    running = swap().finally(() => {
      running = null;
      if (again) {
        again = false;
        refresh();
      }
    });
    return running;
  }

  async function swap() {
    let page;
    try {
      page = new DOMParser().parseFromString(await window.Api.html(location.pathname + location.search), "text/html");
    } catch {
      return; // What is shown stays; the next change tries again.
    }
    document.querySelectorAll("[data-live]").forEach((old) => {
      const fresh = page.getElementById(old.id);
      if (!fresh || fresh.isEqualNode(old)) return;
      const opened = [...old.querySelectorAll("details")].map((element) => element.open);
      const waited = "liveEvery" in old.dataset;
      const index = [...old.querySelectorAll("a, button, summary, [tabindex]")].indexOf(document.activeElement);
      old.replaceWith(document.importNode(fresh, true));
      const now = document.getElementById(fresh.id);
      now.querySelectorAll("details").forEach((element, number) => {
        element.open = Boolean(opened[number]);
      });
      if (index >= 0) now.querySelectorAll("a, button, summary, [tabindex]")[index]?.focus({ preventScroll: true });
      if (waited) arrived(now);
    });
    poll();
  }

  /* What was waited for has come: say so to who cannot see it, and bring the count in the header up to date. */
  function arrived(part) {
    looks = 0;
    window.Site.announce(part.querySelector("h1, .note strong")?.textContent || "");
    window.Credits?.refresh();
  }

  /* A part that waits for something says how soon to look again, in seconds; the longer it lasts, the seldomer. */
  let timer = 0;
  let looks = 0;
  function poll() {
    clearTimeout(timer);
    const waiting = document.querySelector("[data-live-every]");
    if (!waiting) return;
    const seconds = Math.min(60, Number(waiting.dataset.liveEvery) * 1.2 ** looks);
    timer = setTimeout(() => {
      looks += 1;
      refresh();
    }, seconds * 1000);
  }

  document.addEventListener("credits:changed", refresh);
  document.addEventListener("live:refresh", refresh);
  // Invoices are paid in another tab, the card is changed on another page: who comes back sees how it stands now.
  window.addEventListener("focus", refresh);
  window.addEventListener("pageshow", (event) => event.persisted && refresh());
  poll();
})();
