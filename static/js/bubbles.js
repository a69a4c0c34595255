/* The user's own messages: what was pasted stands in the face of machines, and a long one is scrolled by keyboard, too. */
(() => {
  "use strict";

  const LEAST_LINES = 3;
  const FENCE = /^```/;
  // Keys, lists, braces, instructions, indented lines, and what begins with a time: lines that nobody writes in prose.
  const MACHINE =
    /^(\s+\S|[\w."'/-]+\s*[:=](\s|$)|[-#{}[\]<$|@]|\d{1,4}[-:./]\d|[A-Z][a-z]{2} +\d|[A-Z]{2,}\s)|[{};\\]$/;

  /* Return the first and the last line of what was pasted, or null when all of it is prose. */
  function pasted(lines) {
    const first = lines.findIndex((line) => FENCE.test(line));
    if (first >= 0) return [first, Math.max(first, lines.findLastIndex((line) => FENCE.test(line)))];
    const full = lines.flatMap((line, index) => (line.trim() ? [index] : []));
    const machine = full.filter((index) => MACHINE.test(lines[index]));
    const [from, to] = [machine[0], machine.at(-1)];
    const within = full.filter((index) => index >= from && index <= to);
    return machine.length >= LEAST_LINES && machine.length * 2 > within.length ? [from, to] : null;
  }

  function dress(bubble) {
    const lines = bubble.textContent.split("\n");
    const found = pasted(lines);
    if (!found) return;
    const [from, to] = found;
    const code = document.createElement("code");
    code.textContent = lines.slice(from, to + 1).join("\n");
    const before = lines.slice(0, from).map((line) => `${line}\n`).join("");
    const after = lines.slice(to + 1).map((line) => `\n${line}`).join("");
    bubble.replaceChildren(before, code, after);
  }

  function reach(bubble) {
    if (bubble.scrollHeight > bubble.clientHeight) bubble.tabIndex = 0;
    else bubble.removeAttribute("tabindex");
  }

  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => reach(target)));

  window.Bubbles = {
    dress: (root) =>
      root.querySelectorAll(".bubble").forEach((bubble) => {
        dress(bubble);
        sizes.observe(bubble);
      }),
  };
})();
