/* Copy an answer or a piece of its code; the drawing of the server has no buttons for code, since they need JavaScript. */
(() => {
  "use strict";

  /* Give every code block its button. */
  function dress(root) {
    root.querySelectorAll(".prose pre").forEach((pre) => {
      const box = document.createElement("div");
      box.className = "code-box";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button copy-code";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "Copy this code");
      pre.replaceWith(box);
      box.append(pre, button);
    });
  }

  async function copy(text, button) {
    const word = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyByHand(text); // No clipboard without https.
    }
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = word;
    }, 1600);
  }

  function copyByHand(text) {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches(".copy-code")) copy(button.parentElement.querySelector("pre").textContent, button);
    if (button?.matches("[data-copy-message]")) {
      copy(button.closest(".message").querySelector("[data-raw]").content.textContent, button);
    }
  });

  window.Copying = { dress };
})();
