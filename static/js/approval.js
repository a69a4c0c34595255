/*
 * The cards of actions that wait for the user's word: their buttons, the reason of a refusal, and their time.
 *
 * window.Approvals.onDecide(f)   f(card, {decision, reason?, always?}) is called once for each word of the user
 * window.Approvals.dress(root)   start the clocks of the cards in there, and say whether one waits
 * window.Approvals.hold(yes)     no card can be decided meanwhile
 * window.Approvals.waiting()     the cards that wait
 */
(() => {
  "use strict";

  const { Credits, Site } = window;
  const composer = document.querySelector("[data-composer] textarea");
  const hint = document.querySelector("[data-approval-hint]");
  const thread = document.querySelector("[data-thread]");
  const TICK_MS = 5000;
  const UNITS = [
    [1440, "day", 2],
    [60, "hour", 2],
    [1, "minute", 1],
  ];

  const ends = new WeakMap(); // When each card expires, by this machine's clock: the server says how long that is.
  let onDecide = () => {};
  let onExpired = () => {};

  const waiting = () => [...thread.querySelectorAll('.approval[data-state="waiting"]')];

  /* --- What the user says ---------------------------------------------------------------------------------------- */

  thread.addEventListener("click", (event) => {
    const button = event.target.closest(".approval button");
    const card = button?.closest(".approval");
    if (!card) return;
    if (button.matches("[data-approve]")) {
      const always = card.querySelector("[data-approval-always]")?.checked;
      decide(card, button, always ? { decision: "approve", always: true } : { decision: "approve" });
    }
    if (button.matches("[data-refuse-open]")) openReason(card, true);
    if (button.matches("[data-refuse-close]")) openReason(card, false);
    if (button.matches("[data-approval-buy]")) {
      const price = Number(card.dataset.price);
      Credits.outOfCredits({ message: `This action costs ${price} credits and you have ${Credits.count}.` });
    }
  });

  thread.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-refuse-form]");
    if (!form) return;
    event.preventDefault();
    const reason = form.elements.reason.value.trim();
    const button = form.querySelector("button[type=submit]");
    decide(form.closest(".approval"), button, reason ? { decision: "refuse", reason } : { decision: "refuse" });
  });

  thread.addEventListener("keydown", (event) => {
    const form = event.target.closest("[data-refuse-form]");
    if (!form || event.isComposing) return;
    if (event.key === "Escape") openReason(form.closest(".approval"), false);
    if (event.key === "Enter" && !event.shiftKey && event.target.matches("textarea")) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  function openReason(card, open) {
    const opener = card.querySelector("[data-refuse-open]");
    const form = card.querySelector("[data-refuse-form]");
    form.hidden = !open;
    opener.closest(".approval-buttons").hidden = open;
    opener.setAttribute("aria-expanded", String(open));
    (open ? form.elements.reason : opener).focus();
    if (open) form.scrollIntoView({ block: "nearest" }); // Its buttons, too.
  }

  function decide(card, button, word) {
    if (card.getAttribute("aria-busy") === "true" || card.dataset.state !== "waiting") return;
    fail(card, "");
    if (onDecide(card, word) === false) return;
    busy(card, true);
    button.dataset.word = button.textContent;
    button.textContent = word.decision === "approve" ? "Approving" : "Refusing";
  }

  /* Its buttons stay where they are, so that the focus is not lost, but do nothing. */
  function busy(card, yes) {
    card.setAttribute("aria-busy", String(yes));
    card.querySelectorAll("[data-approval-choice] button").forEach((button) => {
      button.setAttribute("aria-disabled", String(yes));
      if (!yes && button.dataset.word) button.textContent = button.dataset.word;
    });
  }

  function fail(card, message) {
    const place = card.querySelector("[data-approval-error]");
    if (!place) return;
    place.textContent = message;
    place.hidden = !message;
  }

  /* --- Its price and its time ------------------------------------------------------------------------------------ */

  function drawPrice(card) {
    const price = Number(card.dataset.price);
    const enough = card.querySelector("[data-approval-enough]");
    if (!enough) return;
    const short = Credits.count < price;
    enough.hidden = short;
    card.querySelector("[data-approval-short]").hidden = !short;
    card.querySelector("[data-credits-after]").textContent = Math.max(0, Credits.count - price).toLocaleString("en");
    card.querySelector("[data-approve]").classList.toggle("button-primary", !short);
  }

  function inWords(ms) {
    const minutes = Math.floor(ms / 60_000);
    for (const [size, name, from] of UNITS) {
      if (minutes >= size * from) {
        const count = Math.floor(minutes / size);
        return `in ${count} ${name}${count > 1 ? "s" : ""}`;
      }
    }
    return "in less than a minute";
  }

  /* Count down without a word to who listens, but for the last minute; a card whose time is over asks no more. */
  function tick() {
    waiting().forEach((card) => {
      const left = ends.get(card) - Date.now();
      const place = card.querySelector("[data-seconds-left]");
      if (!place || card.getAttribute("aria-busy") === "true") return;
      if (left <= 0) expire(card);
      else if (place.textContent !== inWords(left)) {
        place.textContent = inWords(left);
        if (left < 60_000) Site.announce("The action that waits for your word expires in less than a minute.");
      }
    });
  }

  function expire(card) {
    if (card.contains(document.activeElement)) card.focus();
    busy(card, true);
    card.querySelector("[data-approval-choice]").hidden = true;
    Site.announce("The action that waited for your word has expired. Nothing was run or charged.");
    onExpired(card);
  }

  /* --- When one comes -------------------------------------------------------------------------------------------- */

  function dress(root) {
    root.querySelectorAll(".approval").forEach((card) => {
      const place = card.querySelector("[data-seconds-left]");
      if (place) ends.set(card, Date.now() + Number(place.dataset.secondsLeft) * 1000 + 999);
      drawPrice(card);
    });
    drawHint();
  }

  function drawHint() {
    hint.hidden = waiting().length === 0;
  }

  /* Lead to a new card who waits for it; who is writing, or is elsewhere on the page, is only told. */
  function arrived(card) {
    const idle = !composer.value.trim();
    const here = document.activeElement === document.body || document.activeElement?.closest("[data-composer], .approval");
    if (idle && here && !document.querySelector("dialog[open]")) card.focus({ preventScroll: true });
    show(card);
  }

  /* What does not fit with its margins is shown from its top, so that it is read before it is decided. */
  function show(card) {
    const fits = card.offsetHeight + 32 <= card.closest("[data-scroll]").clientHeight;
    card.scrollIntoView({ block: fits ? "nearest" : "start" });
  }

  function spoken(card) {
    const title = card.querySelector("h3").textContent;
    const target = card.querySelector(".approval-target")?.textContent || "";
    return `Needs your word: ${title}. ${target}. ${card.querySelector("[data-approve]").textContent}, or refuse.`;
  }

  function hold(yes) {
    waiting().forEach((card) => busy(card, yes));
  }

  document.addEventListener("credits:changed", () => waiting().forEach(drawPrice));
  document.addEventListener("visibilitychange", tick);
  setInterval(tick, TICK_MS);

  window.Approvals = {
    waiting,
    dress,
    hold,
    fail,
    arrived,
    show,
    spoken,
    onDecide: (callback) => {
      onDecide = callback;
    },
    onExpired: (callback) => {
      onExpired = callback;
    },
  };
})();
