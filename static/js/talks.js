/* The list of conversations: search, more, rename, delete, and the drawer on a phone. */
(() => {
  "use strict";

  const list = document.getElementById("talks");
  const thread = document.querySelector("[data-thread]");
  const search = document.querySelector("[data-talk-search]");
  const dialog = document.getElementById("talk-edit");
  const wrong = dialog.querySelector("[data-talk-error]");
  const nameField = dialog.querySelector("#talk-name");
  let asked = 0;
  let editing = null;

  function address(cursor) {
    const query = new URLSearchParams();
    if (search.elements.q.value.trim()) query.set("q", search.elements.q.value.trim());
    if (cursor) query.set("cursor", cursor);
    if (thread.dataset.conversation) query.set("current", thread.dataset.conversation);
    return `/chat/conversations?${query}`;
  }

  /* Draw the list anew; only the latest question counts. */
  async function refresh() {
    const mine = ++asked;
    try {
      const html = await window.Api.html(address());
      if (mine === asked) list.innerHTML = html;
    } catch {
      // The list that is shown stays.
    }
  }

  async function more(button) {
    button.disabled = true;
    try {
      const html = await window.Api.html(address(button.dataset.talksNext));
      button.insertAdjacentHTML("afterend", html);
      const first = button.nextElementSibling;
      button.remove();
      first?.querySelector("a")?.focus();
    } catch (error) {
      button.disabled = false;
      window.Site.toast(error.message);
    }
  }

  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 200);
  });
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    refresh();
  });

  list.addEventListener("click", (event) => {
    const next = event.target.closest("[data-talks-next]");
    const edit = event.target.closest("[data-talk-edit]");
    if (next) more(next);
    if (!edit) return;
    editing = { id: edit.dataset.talkEdit, title: edit.dataset.title };
    nameField.value = editing.title;
    wrong.hidden = true;
    closeDrawer();
    dialog.showModal();
    nameField.select();
  });

  function say(error) {
    wrong.textContent = error.message;
    wrong.hidden = false;
  }

  dialog.querySelector("[data-talk-form]").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const { conversation } = await window.Api.patch(`/api/conversations/${editing.id}`, { title: nameField.value });
      if (editing.id === thread.dataset.conversation) title(conversation.title);
      dialog.close();
      refresh();
    } catch (error) {
      say(error);
    }
  });

  dialog.querySelector("[data-talk-delete]").addEventListener("click", async () => {
    const { id, title: name } = editing;
    dialog.close();
    const sure = await window.Site.ask({
      title: "Delete this conversation?",
      text: `“${name}” and its messages are gone for good. What it cost stays in your history.`,
      button: "Delete conversation",
      danger: true,
    });
    if (!sure) return;
    try {
      await window.Api.remove(`/api/conversations/${id}`);
      if (id === thread.dataset.conversation) location.assign("/chat");
      else refresh();
    } catch (error) {
      window.Site.toast(error.message);
    }
  });

  function title(text) {
    document.querySelector("[data-thread-title]").textContent = text;
    document.title = `${text} · DevOps Agent`;
  }

  /* --- The drawer ------------------------------------------------------------------------------------------------ */

  const drawer = document.getElementById("drawer");
  const opener = document.querySelector("[data-drawer-open]");
  const shade = document.querySelector(".drawer-shade");
  const rest = [thread, document.querySelector(".site-header")];

  function openDrawer() {
    drawer.classList.add("open");
    shade.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    rest.forEach((element) => {
      element.inert = true;
    });
    drawer.querySelector("[data-drawer-close]").focus();
  }

  function closeDrawer() {
    if (!drawer.classList.contains("open")) return;
    drawer.classList.remove("open");
    shade.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    rest.forEach((element) => {
      element.inert = false;
    });
    opener.focus();
  }

  opener.addEventListener("click", openDrawer);
  document.querySelectorAll("[data-drawer-close]").forEach((button) => button.addEventListener("click", closeDrawer));
  document.addEventListener("keydown", (event) => event.key === "Escape" && closeDrawer());
  matchMedia("(min-width: 761px)").addEventListener("change", closeDrawer);

  window.Talks = { refresh, title };
})();
