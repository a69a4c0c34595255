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
      const index = [...old.querySelectorAll("a, button, summary, [tabindex]")].indexOf(document.activeElement);
      old.replaceWith(document.importNode(fresh, true));
      const now = document.getElementById(fresh.id);
      now.querySelectorAll("details").forEach((element, number) => {
        element.open = Boolean(opened[number]);
      });
      if (index >= 0) now.querySelectorAll("a, button, summary, [tabindex]")[index]?.focus({ preventScroll: true });
    });
    poll();
  }

  /* A part that waits for something says how often to look again, in seconds. */
  let timer = 0;
  function poll() {
    clearTimeout(timer);
    const waiting = document.querySelector("[data-live-every]");
    if (waiting) timer = setTimeout(refresh, Number(waiting.dataset.liveEvery) * 1000);
  }

  document.addEventListener("credits:changed", refresh);
  document.addEventListener("live:refresh", refresh);
  poll();
})();
