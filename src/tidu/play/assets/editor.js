// The editor: a text field over its own coloured copy, with line numbers, chips and marks beside it.
"use strict";
T.editor = function (host, { changed, pointed, chosen }) {
  const { el } = T;
  const numbers = el("div", { class: "numbers", "aria-hidden": "true" }), copy = el("div", { class: "copy", "aria-hidden": "true" });
  const field = el("textarea", { id: "code", spellcheck: "false", autocapitalize: "off", autocomplete: "off", autocorrect: "off", wrap: "off", rows: 1, "aria-describedby": "editor-keys status" });
  const keys = el("p", { id: "editor-keys", class: "dim" });
  let chips = new Map(), wrong = null, lit = null, leaving = false, waiting = false;
  host.append(el("div", { class: "scroll" }, numbers, el("div", { class: "sheet" }, copy, field)), keys);

  // --- what is drawn beside and under the text -----------------------------------------------------------

  const TOKEN = /(#[^\n]*)|("""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|\b(and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield|None|True|False)\b|\b(\d[\w.]*)/g;
  const KINDS = ["comment", "string", "word", "number"];

  // The text in lines, each a list of [kind, text]; a string may go over several lines.
  function tokens(text) {
    const lines = [[]], put = (kind, part) => part.split("\n").forEach((piece, k) => {
      if (k) lines.push([]);
      if (piece) lines[lines.length - 1].push([kind, piece]);
    });
    let at = 0;
    for (const match of text.matchAll(TOKEN)) {
      put("", text.slice(at, match.index));
      put(KINDS[match.slice(1).findIndex((group) => group !== undefined)], match[0]);
      at = match.index + match[0].length;
    }
    put("", text.slice(at));
    return lines;
  }

  // Only what changed is drawn again: a long program has thousands of elements.
  function draw() {
    const lines = tokens(field.value);
    renew(copy, lines.map((parts, k) => [k + 1 === wrong?.line, parts]), painted);
    renew(numbers, lines.map((_, k) => [k + 1, chips.get(k + 1), k + 1 === wrong?.line && wrong.message]), ([line]) => side(line));
    field.setAttribute("aria-invalid", String(wrong !== null));
  }
  function renew(box, wanted, make) {
    const keys = wanted.map((one) => JSON.stringify(one)), old = box.keys ?? [], least = Math.min(keys.length, old.length);
    let head = 0, tail = 0;
    while (head < least && keys[head] === old[head]) head++;
    while (tail < least - head && keys[keys.length - 1 - tail] === old[old.length - 1 - tail]) tail++;
    for (let k = old.length - tail; k > head; k--) box.children[k - 1].remove();
    const after = box.children[head] ?? null;
    for (const one of wanted.slice(head, wanted.length - tail)) box.insertBefore(make(one), after);
    box.keys = keys;
  }
  const painted = ([bad, parts]) => el("div", { class: bad ? "wrong" : null },
    parts.map(([kind, text]) => (kind ? el("span", { class: kind }, text) : text)), parts.length ? null : " ");
  function side(line) {
    const told = chips.get(line), here = line === wrong?.line;
    const row = el("div", { "data-line": line, class: [told ? "live" : "", here ? "wrong" : ""].join(" "), title: here ? wrong.message : null },
      el("span", { class: "chips" }, told?.forward ? el("span", { class: "chip forward" }, told.forward) : null, told?.backward ? el("span", { class: "chip backward" }, told.backward) : null),
      el("span", { class: "sign" }, here ? "✗" : ""), el("span", { class: "line" }, String(line)));
    if (told) {
      row.addEventListener("pointerenter", () => pointed(line));
      row.addEventListener("pointerleave", () => pointed(null));
      row.addEventListener("click", () => chosen(line));
    }
    return row;
  }

  // --- keys ----------------------------------------------------------------------------------------------

  // As typed by hand, so that Ctrl+Z takes it back.
  function insert(text) {
    if (!document.execCommand("insertText", false, text)) field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    edited();
  }
  function indent(back) {
    const { value, selectionStart: from, selectionEnd: to } = field;
    if (from === to && !back) { insert(" ".repeat(4 - (from - value.lastIndexOf("\n", from - 1) - 1) % 4)); return; }
    const start = value.lastIndexOf("\n", from - 1) + 1, end = to > from && value[to - 1] === "\n" ? to - 1 : to;
    const stop = value.indexOf("\n", end) < 0 ? value.length : value.indexOf("\n", end);
    const lines = value.slice(start, stop).split("\n");
    const moved = lines.map((line) => (back ? line.replace(/^ {1,4}|^\t/, "") : line && "    " + line));
    if (moved.join("\n") === lines.join("\n")) return;
    field.setSelectionRange(start, stop);
    insert(moved.join("\n"));
    const first = moved[0].length - lines[0].length, all = moved.join("\n").length - lines.join("\n").length;
    field.setSelectionRange(Math.max(start, from + first), from === to ? Math.max(start, from + first) : to + all);
  }
  function newLine() {
    const { value, selectionStart: from } = field, line = value.slice(value.lastIndexOf("\n", from - 1) + 1, from);
    insert("\n" + /^[ \t]*/.exec(line)[0] + (/:\s*(#.*)?$/.test(line) ? "    " : ""));
  }
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Tab" && !leaving) { event.preventDefault(); indent(event.shiftKey); }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); newLine(); }
    // Without this a keyboard could not get out of the editor. Shift alone is no other key.
    if (event.key !== "Shift") leaving = event.key === "Escape";
  });
  field.addEventListener("blur", () => { leaving = false; });
  field.addEventListener("input", () => edited());

  // Once for each frame: the browser says of every line of a longer text that it was put in.
  function edited() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; wrong = null; chips = new Map(); draw(); changed(field.value); });
  }

  // --- for the page --------------------------------------------------------------------------------------

  function show(text, undoable) {
    const held = document.activeElement;
    if (undoable) { field.focus(); field.select(); insert(text); held?.focus(); } else field.value = text;
    field.setSelectionRange(0, 0);
    host.querySelector(".scroll").scrollTo(0, 0);
    wrong = null;
    chips = new Map();
    draw();
  }
  function mark(line, message) {
    wrong = line === null ? null : { line, message };
    draw();
    if (wrong) numbers.children[line - 1]?.scrollIntoView({ block: "nearest" });
  }
  function go(line) {
    const lines = field.value.split("\n"), start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    field.focus();
    field.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
    numbers.children[line - 1]?.scrollIntoView({ block: "nearest" });
  }
  function tell(lines) { chips = lines; if (lines.size) host.classList.add("told"); draw(); }
  function light(line) {
    numbers.children[lit - 1]?.classList.remove("lit");
    numbers.children[line - 1]?.classList.add("lit");
    lit = line;
  }
  function label() {
    field.setAttribute("aria-label", T.word("editor"));
    keys.textContent = T.word("editorKeys");
  }
  return { text: () => field.value, show, mark, go, tell, light, label };
};
