/*
 * Where in the conversation its reader is, and what moves them.
 *
 * window.Reading.nearEnd()            whether the end is in sight
 * window.Reading.scrollDown()         go there
 * window.Reading.land(fresh, unread)  show an answer that is complete: `unread` if its text came just now
 * window.Reading.atEnd                whether the reader stays at the end, whatever changes its size
 */
(() => {
  "use strict";

  const { Approvals } = window;
  const scroller = document.querySelector("[data-scroll]");
  const toEnd = document.querySelector("[data-to-end]");

  let atEnd = !document.querySelector("[data-start]"); // An empty conversation is read from its top.

  const nearEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 90;

  function scrollDown() {
    atEnd = true;
    scroller.scrollTop = scroller.scrollHeight;
  }

  /* An answer that came at once and does not fit is read from its top; any other was read along to its end. */
  function land(fresh, unread) {
    if (!fresh || !unread || fresh.offsetHeight < scroller.clientHeight) return scrollDown();
    atEnd = false;
    fresh.scrollIntoView({ block: "start" });
  }

  function isInView(element) {
    const [view, box] = [scroller.getBoundingClientRect(), element.getBoundingClientRect()];
    return box.bottom > view.top && box.top < view.bottom;
  }

  scroller.addEventListener("scroll", () => {
    atEnd = nearEnd();
    toEnd.hidden = atEnd || Approvals.waiting().some(isInView); // It would lie on the card's buttons.
  });
  toEnd.addEventListener("click", scrollDown);

  /* A keyboard that opens on a phone, or a note above the input, takes room: who read the end still reads it. */
  new ResizeObserver(() => atEnd && stay()).observe(scroller);

  /* A card that waits and fits is seen whole; who writes a reason in it reads on at the end. */
  function stay() {
    const card = Approvals.waiting().at(-1);
    const whole = card && card.offsetHeight < scroller.clientHeight && !card.querySelector(":focus");
    if (whole) Approvals.show(card);
    else scrollDown();
  }

  /* What the last receipt unfolds would lie below the edge. */
  function showReceipt({ target }) {
    if (target.open && target.matches(".receipt-detail")) target.closest(".receipt").scrollIntoView({ block: "nearest" });
  }

  scroller.addEventListener("toggle", showReceipt, true); // The event does not bubble.

  window.Reading = {
    nearEnd,
    scrollDown,
    land,
    get atEnd() {
      return atEnd;
    },
  };
})();
