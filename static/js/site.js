/* Menus, toasts and the question before a form that cannot be undone: what every page needs. */
(() => {
  "use strict";

  const menus = () => [...document.querySelectorAll("[data-menu][open]")];

  function closeMenus(except) {
    menus().forEach((menu) => {
      if (menu !== except) menu.open = false;
    });
  }

  document.addEventListener("click", (event) => closeMenus(event.target.closest("[data-menu]")));
  document.addEventListener("focusin", (event) => closeMenus(event.target.closest("[data-menu]")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menus().forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  /* Show a short line at the bottom that goes by itself; screen readers hear it through `announce`. */
  function toast(text) {
    const line = document.createElement("p");
    line.className = "toast";
    line.textContent = text;
    document.querySelector("[data-toasts]").append(line);
    announce(text);
    setTimeout(() => line.remove(), 4000);
  }

  function announce(text) {
    const place = document.querySelector("[data-announce]");
    if (place) place.textContent = text;
  }

  /* Ask before something that costs or cannot be undone; resolves to true only on a clear yes. A `|` starts a new paragraph. */
  function ask({ title, text, button, danger = false }) {
    const dialog = document.getElementById("confirm");
    const yes = dialog.querySelector("[data-confirm-yes]");
    dialog.querySelector("h2").textContent = title;
    dialog.querySelector(".dialog-body").replaceChildren(
      ...text.split("|").map((part) => {
        const paragraph = document.createElement("p");
        paragraph.textContent = part;
        return paragraph;
      }),
    );
    yes.textContent = button;
    yes.classList.toggle("button-primary", !danger);
    yes.classList.toggle("button-danger", danger);
    dialog.returnValue = "no";
    dialog.showModal();
    dialog.querySelector("[data-confirm-no]").focus();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  /* Read the question from the data attributes of the element that asks it. */
  function askFor(element) {
    const { askTitle, askText, askButton } = element.dataset;
    return ask({ title: askTitle, text: askText, button: askButton, danger: "askDanger" in element.dataset });
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.askTitle || form.dataset.asked) return;
    event.preventDefault();
    if (await ask({ title: form.dataset.askTitle, text: form.dataset.askText, button: form.dataset.askButton, danger: true })) {
      form.dataset.asked = "yes";
      form.requestSubmit();
    }
  });

  /* A form is sent once, however often its button is clicked; a page that comes back from the cache is fresh again. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });

  window.Site = { toast, announce, ask, askFor };
})();
