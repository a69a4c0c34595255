/* The input of the chat: it grows, counts, keeps its draft, and sends on Enter. */
(() => {
  "use strict";

  const form = document.querySelector("[data-composer]");
  const field = form.querySelector("textarea");
  const sendButton = form.querySelector("[data-send]");
  const stopButton = form.querySelector("[data-stop]");
  const counter = form.querySelector("[data-composer-count]");
  const price = form.querySelector("[data-composer-price]");
  const errorNote = document.querySelector("[data-composer-error]");
  const outNote = document.querySelector("[data-composer-out]");
  const thread = document.querySelector("[data-thread]");
  const max = Number(thread.dataset.max);
  const growsItself = CSS.supports("field-sizing", "content");

  let busy = false;
  let onSend = () => {};
  let onStop = () => {};

  const draftKey = () => `draft-${document.body.dataset.user}-${thread.dataset.conversation || "new"}`;

  /* Characters as the server counts them: an emoji is one. */
  const lengthOf = (text) => (text.length > max * 0.5 ? [...text].length : text.length);

  function grow() {
    if (growsItself) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }

  function check() {
    const length = lengthOf(field.value);
    const over = length > max;
    counter.hidden = length < max * 0.8;
    counter.textContent = `${length.toLocaleString("en")} of ${max.toLocaleString("en")}${over ? ", too long" : ""}`;
    counter.classList.toggle("wrong", over);
    price.hidden = !counter.hidden;
    // Without credits the button still answers: it opens the modal that says why.
    const out = window.Credits.count === 0;
    sendButton.setAttribute("aria-disabled", String(!out && (busy || over || !field.value.trim())));
    sendButton.classList.toggle("button-primary", !out);
    grow();
  }

  function keep() {
    try {
      if (field.value) sessionStorage.setItem(draftKey(), field.value);
      else sessionStorage.removeItem(draftKey());
    } catch {
      // Without storage the draft lives as long as the page.
    }
  }

  function set(text) {
    field.value = text;
    keep();
    check();
  }

  /* The conversation has got its name: the draft goes along. */
  function move(change) {
    try {
      sessionStorage.removeItem(draftKey());
    } catch {
      // No storage, no draft.
    }
    change();
    keep();
  }

  function fail(message) {
    errorNote.hidden = !message;
    errorNote.textContent = message || "";
  }

  function setBusy(value) {
    busy = value;
    sendButton.hidden = value;
    stopButton.hidden = !value;
    stopButton.disabled = false;
    stopButton.textContent = "Stop";
    check();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value;
    if (busy) return;
    if (window.Credits.count === 0) {
      window.Credits.outOfCredits();
      return;
    }
    if (!text.trim() || lengthOf(text) > max) {
      field.focus();
      return;
    }
    onSend(text);
  });

  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  field.addEventListener("input", () => {
    keep();
    check();
  });
  stopButton.addEventListener("click", () => {
    stopButton.disabled = true;
    stopButton.textContent = "Stopping";
    onStop();
  });
  document.addEventListener("credits:changed", () => {
    outNote.hidden = window.Credits.count !== 0;
    check();
  });

  /* What was written here before goes over what a link has put here. */
  try {
    const draft = sessionStorage.getItem(draftKey());
    if (draft && "prefilled" in field.dataset && draft !== field.value) {
      window.Site.toast("What you had written is still here, so the example was left out.");
    }
    field.value = draft || field.value;
  } catch {
    // No storage, no draft.
  }
  if ("prefilled" in field.dataset) history.replaceState({}, "", location.pathname);
  check();

  window.Composer = {
    set,
    fail,
    setBusy,
    move,
    clear: () => set(""),
    focus: () => field.focus(),
    get text() {
      return field.value;
    },
    onSend: (callback) => {
      onSend = callback;
    },
    onStop: (callback) => {
      onStop = callback;
    },
  };
})();
