/* The settings page's connections: add one after its test, delete one, and ask again before a tool runs. */
(() => {
  "use strict";

  const section = document.getElementById("connections");
  const opener = section.querySelector("[data-connection-add]");
  const refresh = () => document.dispatchEvent(new CustomEvent("live:refresh"));

  let form = null;
  const part = (name) => form.querySelector(`[data-connection-${name}]`);

  if (opener) opener.hidden = false;

  /* --- The form ---------------------------------------------------------------------------------------------------- */

  function open() {
    opener.before(section.querySelector("template[data-connection-form]").content.cloneNode(true));
    form = section.querySelector(".connection-form");
    opener.hidden = true;
    form.querySelector("input").focus();
    form.scrollIntoView({ block: "nearest" });
  }

  /* What was typed goes with the form: no secret stays in the page. */
  function close(focus) {
    form.remove();
    form = null;
    opener.hidden = false;
    if (focus) opener.querySelector("button").focus();
  }

  function choose(kind) {
    const called = form.querySelector('[data-key="name"]')?.value || "";
    const fields = section.querySelector(`template[data-connection-kind="${kind}"]`).content.cloneNode(true);
    part("fields").replaceChildren(fields);
    part("fields").hidden = part("save").hidden = false;
    form.querySelector('[data-key="name"]').value = called;
    forgive();
  }

  function given() {
    const settings = {};
    form.querySelectorAll("[data-key]").forEach((field) => {
      if (field.value.trim()) settings[field.dataset.key] = field.value.trim();
    });
    const { name = "", ...rest } = settings;
    return { kind: form.querySelector("input[name=connection-kind]:checked").value, name, settings: rest };
  }

  async function save() {
    const asked = form;
    forgive();
    busy(true);
    try {
      const { connection } = await window.Api.post("/api/connections", given());
      if (form === asked) close(true);
      window.Site.toast(`“${connection.name}” works and is saved.`);
      refresh();
    } catch (error) {
      if (form !== asked) return;
      busy(false);
      complain(error);
    }
  }

  function busy(is) {
    const button = part("save");
    button.setAttribute("aria-busy", String(is));
    button.textContent = is ? "Testing…" : "Test and save";
    part("status").textContent = is ? "The connection is being tried. This can take 15 seconds." : "";
  }

  /* --- What was wrong ---------------------------------------------------------------------------------------------- */

  function forgive() {
    form.querySelectorAll(".wrong").forEach((line) => line.remove());
    form.querySelectorAll("[aria-invalid]").forEach((field) => {
      field.removeAttribute("aria-invalid");
      describe(field, field.getAttribute("aria-describedby")?.replace(`${field.id}-wrong`, "").trim());
    });
    part("error").replaceChildren();
  }

  function describe(field, ids) {
    if (ids) field.setAttribute("aria-describedby", ids);
    else field.removeAttribute("aria-describedby");
  }

  function complain(error) {
    const fields = Object.entries(error.body?.fields || {});
    const placed = fields.filter(([key, words]) => blame(key, words));
    if (!placed.length || placed.length < fields.length) note(error.message);
    (form.querySelector("[aria-invalid]") || part("save")).focus();
  }

  function blame(key, words) {
    const field = [...form.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
    if (!field) return false;
    const line = document.createElement("p");
    line.className = "wrong";
    line.id = `${field.id}-wrong`;
    line.textContent = words;
    field.after(line);
    field.setAttribute("aria-invalid", "true");
    describe(field, `${field.getAttribute("aria-describedby") || ""} ${line.id}`.trim());
    return true;
  }

  function note(words) {
    const box = document.createElement("p");
    box.className = "note note-bad";
    box.setAttribute("role", "alert");
    box.textContent = words;
    part("error").replaceChildren(box);
  }

  /* --- Deleting, asking again, copying ----------------------------------------------------------------------------- */

  async function drop(button, path, done, next) {
    button.setAttribute("aria-busy", "true");
    try {
      await window.Api.remove(path);
      window.Site.toast(done);
    } catch (error) {
      window.Site.toast(error.message);
    }
    button.removeAttribute("aria-busy");
    next.focus(); // Before the button goes, so that the keyboard is not sent back to the top.
    refresh();
  }

  async function copy(button) {
    const text = button.closest(".manifest").querySelector("pre");
    try {
      await navigator.clipboard.writeText(text.textContent);
      window.Site.toast("Copied.");
    } catch {
      window.getSelection().selectAllChildren(text); // No clipboard without https: what is chosen can be copied.
      window.Site.announce("The text is selected.");
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.name === "connection-kind") choose(event.target.value);
  });

  document.addEventListener("submit", (event) => {
    if (event.target !== form) return;
    event.preventDefault();
    if (part("save").hidden || part("save").getAttribute("aria-busy") === "true") return;
    save();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button || button.getAttribute("aria-busy") === "true") return;
    const { connection, askAgain, copy: copied } = button.dataset;
    if (button.closest("[data-connection-add]")) open();
    if ("connectionCancel" in button.dataset) close(true);
    if (copied) copy(button);
    if (connection && (await window.Site.askFor(button))) {
      const title = document.getElementById("connections-title");
      drop(button, `/api/connections/${encodeURIComponent(connection)}`, "The connection is deleted.", title);
    }
    if (askAgain) {
      const title = document.getElementById("connections-title");
      drop(button, `/api/allowed-tools/${encodeURIComponent(askAgain)}`, "This tool asks again.", title);
    }
  });
})();
