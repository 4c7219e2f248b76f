// The playground: choose or write a program, run it, read what it printed, see how its gradients came about.
"use strict";
(function () {
  const { el, word } = T, $ = (id) => document.getElementById(id), kept = window.sessionStorage;
  const readable = (text) => (/^zh/i.test(text) ? "zh" : "en");
  T.state = { lang: kept.getItem("lang") || readable(navigator.language) };

  // The token comes behind # and is kept for this window alone, so that the page can be loaded again.
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) { kept.setItem("token", given); history.replaceState(null, "", "/"); }
  window.addEventListener("hashchange", () => location.reload());

  let programs = [], chosen = "", run = null, frame = null, note = "", trouble = "", pieces = null;

  async function ask(path, body) {
    const request = { method: "POST", cache: "no-store", redirect: "error", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-Tidu-Token": kept.getItem("token") ?? "" } };
    const answer = await fetch(path, request).catch(() => { throw new Error("lost"); });
    if (!answer.ok) throw new Error({ 403: "noToken", 413: "tooLong" }[answer.status] ?? await answer.text());
    return answer.json();
  }

  // --- a run ---------------------------------------------------------------------------------------------

  async function start() {
    if (run?.state === "starting") return;
    const code = editor.text(), mine = (run = { name: null, code, state: "starting", began: performance.now() });
    trouble = "";
    kept.setItem("code", code);
    editor.mark(null);
    clear();
    show();
    await attempt(async () => {
      const { run: name } = await ask("/run", { code });
      if (run !== mine) return;
      kept.setItem("run", name);
      kept.setItem("ran", code);
      await follow(Object.assign(mine, { name, state: "running" }));
    });
  }
  async function follow(mine) {
    let from = 0;
    while (run === mine && mine.state !== "done") {
      const news = await ask("/state", { run: mine.name, from, state: mine.state });
      if (run !== mine) return;
      if (news.state === "gone") { run = null; trouble = mine.again ? "" : "gone"; break; }
      from = news.until;
      Object.assign(mine, news);
      for (const [stream, text] of news.pieces) print(stream, text, mine.folder);
      show();
      if (mine.state !== "done") await new Promise((go) => setTimeout(go, 60));
    }
    if (run === mine) ended(mine);
    show();
  }
  function ended(mine) {
    if (mine.skipped) pieces.append(el("p", { class: "skipped" }, `… ${mine.skipped} ${word("skipped")} …`));
    for (const [stream, text] of mine.last) print(stream, text, mine.folder);
    if (mine.code === editor.text() && mine.line) editor.mark(mine.line, mine.message);
    note = mine.page ? "" : frame ? "noPageNow" : "noPageYet";
    if (mine.page) open(mine);
  }
  async function stop() {
    if (run && run.name && run.state !== "done") await attempt(() => ask("/stop", { run: run.name }));
  }
  async function attempt(action) {
    try { await action(); } catch (error) {
      trouble = error.message;
      run = run?.state === "done" ? run : null;
      show();
    }
  }

  // --- what was printed ----------------------------------------------------------------------------------

  function clear() { pieces = $("printed"); T.fill(pieces, el("p", { class: "dim" }, word("nothing"))); }
  function print(stream, text, folder) {
    pieces.querySelector(":scope > .dim")?.remove();
    const low = pieces.scrollHeight - pieces.scrollTop - pieces.clientHeight < 30;
    let last = pieces.lastElementChild;
    if (last?.dataset.stream !== stream) {
      last = el("div", { class: "piece", "data-stream": stream }, stream === "stderr" ? el("b", { class: "errors" }, word("errors")) : null, el("pre", {}));
      pieces.append(last);
    }
    last.querySelector("pre").append(text.replaceAll(folder + "/", ""));
    if (low) pieces.scrollTop = pieces.scrollHeight;
  }

  // --- the page that explains ----------------------------------------------------------------------------

  // Where the reader was in the page before: kept, if they went anywhere.
  function address(mine) {
    const kind = /^(call|step|node|only|tab)=/, old = frame?.moved ? frame.address.slice(1).split("&").filter((part) => kind.test(part)) : [];
    const place = old.filter((part) => !(frame.failed && part.startsWith("tab=")));
    // An interrupt is no error of the program that a reader should be shown first.
    if (mine.how !== "error" && mine.exit && !place.some((part) => part.startsWith("tab="))) place.push("tab=graph");
    return "#" + [...place, `lang=${T.state.lang}`].join("&");
  }
  function open(mine) {
    const url = `/explained?key=${encodeURIComponent(mine.page)}`;
    const view = el("iframe", { class: "coming", sandbox: "allow-scripts", title: word("explained"), src: url + address(mine) });
    const next = { view, url: location.origin + url, code: mine.code, moved: frame?.moved ?? false, failed: mine.exit !== 0, program: chosen, address: "", lines: new Map() };
    view.addEventListener("load", () => { if (frame === next) arrived(); });
    $("shown").append(view);
    frame = next;
  }
  function arrived() {
    for (const other of $("shown").querySelectorAll("iframe, #hint")) if (other !== frame.view) other.remove();
    frame.view.classList.remove("coming");
  }
  // What a frame says is data of a program: numbers and short texts are taken from it, nothing else.
  window.addEventListener("message", (event) => {
    if (!frame || event.source !== frame.view.contentWindow || typeof event.data !== "object" || event.data === null) return;
    const { address: place, lines, line, run: again } = event.data;
    // Only by a key that the reader pressed, not by the page itself.
    if (again === true && navigator.userActivation?.isActive !== false) start();
    if (line === null || Number.isInteger(line)) editor.light(line);
    if (typeof place === "string" && /^#[\w=&-]*$/.test(place)) told(place);
    if (Array.isArray(lines)) {
      const text = (value) => (typeof value === "string" ? value.slice(0, 40) : "");
      frame.lines = new Map(lines.slice(0, 5000).filter(Array.isArray).map(([n, forward, backward]) => [n, { forward: text(forward), backward: text(backward) }]));
      if (frame.code === editor.text()) editor.tell(frame.lines);
    }
  });
  function told(place) {
    const lang = (text) => /lang=(en|zh)/.exec(text)?.[1], before = frame.address;
    frame.address = place;
    if (!before) return;
    if (lang(before) !== lang(place)) { if (lang(place) && lang(place) !== T.state.lang) speak(lang(place)); } else if (before !== place) frame.moved = true;
  }
  const say = (message) => frame?.view.contentWindow.postMessage(message, "*");

  // --- head, status, words -------------------------------------------------------------------------------

  function head() {
    const select = el("select", { id: "programs", "aria-label": word("programs"), onchange: (event) => choose(Number(event.target.value)) },
      programs.map((program, k) => el("option", { value: k, selected: program.name === chosen }, program[T.state.lang])));
    T.fill($("head"), el("h1", {}, word("playTitle")), select,
      el("button", { id: "run", "aria-keyshortcuts": "Control+Enter", title: word("runKeys"), onclick: start }, "▶ " + word("run"), el("kbd", {}, word("runKeys"))),
      el("button", { id: "stop", "aria-keyshortcuts": "Control+.", title: word("stopKeys"), onclick: stop }, el("span", {}, "")),
      el("div", { class: "spacer" }),
      el("button", { id: "wide", "aria-pressed": String($("play").classList.contains("wide")), title: word("wideHint"), onclick: wide }, word("wide")),
      el("button", { id: "language", onclick: () => speak(T.state.lang === "en" ? "zh" : "en", true) }, word("language")));
    document.documentElement.lang = T.state.lang;
    document.title = word("playTitle");
    $("printed-title").textContent = word("printed");
    if ($("hint")) $("hint").textContent = word("hint");
    if (frame) frame.view.title = word("explained");
    editor.label();
  }
  function wide() { $("play").classList.toggle("wide"); head(); show(); }
  function speak(lang, tellFrame) {
    T.state.lang = lang;
    kept.setItem("lang", lang);
    head();
    if (!pieces.querySelector(".piece")) clear();
    for (const label of pieces.querySelectorAll(".errors")) label.textContent = word("errors");
    show();
    // A new address of the same page: it changes its language and keeps its place.
    if (tellFrame && frame?.address) frame.view.contentWindow.location.replace(frame.url + frame.address.replace(/lang=\w+/, `lang=${lang}`));
  }
  function choose(k) {
    chosen = programs[k].name;
    kept.setItem("chosen", chosen);
    if (frame) frame.moved = false;
    editor.show(programs[k].code, true);
  }

  const SIGNS = { finished: "✓", error: "✗", time: "✗", processor: "✗", killed: "✗" };
  function show() {
    const active = run !== null && run.state !== "done", how = active ? run.state : run?.how, parts = [];
    if (trouble) parts.push(el("b", {}, "✗ "), word(trouble));
    else if (run) {
      parts.push(el("b", {}, `${SIGNS[how] ?? (active ? "…" : "■")} ${word(how === "error" ? "failed" : how)}`));
      if (!active && run.line) parts.push(` ${word("atLine")} ${T.lineText(run.line).replace(/^line /, "")}: `, el("code", {}, run.message), " ", run.moved ? null : el("button", { class: "link", onclick: () => editor.go(run.line) }, word("goTo")));
      else if (run.how === "error") parts.push(` (${word("exitCode")} ${run.exit})`);
      else if (run.how === "killed") parts.push(` (${run.exit})`);
      parts.push(el("span", { class: "dim clock", "aria-hidden": "true" }, active ? "" : ` ${run.seconds.toFixed(1)} ${word("seconds")}`));
      if (!active && note) parts.push(el("br"), word(note));
    }
    T.fill($("status"), ...parts);
    $("status").className = how ?? "";
    $("stop").disabled = !active;
    $("stop").firstChild.textContent = "■ " + word(run?.state === "stopping" ? "stopNow" : "stop");
    const older = frame && frame.code !== editor.text() && !active;
    frame?.view.classList.toggle("older", Boolean(older));
    $("older").hidden = !older;
    $("older").textContent = word("older");
    if (!active && run && !pieces.querySelector(".piece")) T.fill(pieces, el("p", { class: "dim" }, word("printedNothing")));
    document.documentElement.dataset.state = trouble ? "trouble" : run?.state ?? "idle";
  }
  setInterval(() => {
    const clock = document.querySelector("#status .clock");
    if (clock && run && run.state !== "done") clock.textContent = ` ${((performance.now() - run.began) / 1000).toFixed(1)} ${word("seconds")}`;
  }, 100);

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    const action = { Enter: start, ".": stop }[event.key];
    if (action) { event.preventDefault(); action(); }
  });

  const editor = T.editor($("editor"), {
    changed: (text) => { kept.setItem("code", text); if (run && text !== run.code) run.moved = true; show(); },
    pointed: (line) => say({ point: line }), chosen: (line) => say({ choose: line }),
  });
  (async function begin() {
    clear();
    head();
    await attempt(async () => { programs = await ask("/programs", {}); });
    chosen = programs.some((p) => p.name === kept.getItem("chosen")) ? kept.getItem("chosen") : programs[0]?.name ?? "";
    editor.show(kept.getItem("code") ?? programs.find((p) => p.name === chosen)?.code ?? "", false);
    head();
    show();
    document.documentElement.dataset.ready = "yes";
    if (!trouble && kept.getItem("run")) {
      run = { name: kept.getItem("run"), code: kept.getItem("ran"), state: "", again: true, began: performance.now() };
      await attempt(() => follow(run));
    }
  })();
})();
