// Start: read the document, build the parts, connect them.
"use strict";
(async function () {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const doc = document.getElementById("packed") ? await unpacked("packed") : read("document"), { el, word } = T;
  T.formula = T.parts.formula(read("notation"));
  const model = (T.model = T.parts.model(doc));
  const wanted = document.documentElement.dataset.language || (/^zh/i.test(navigator.language) ? "zh" : "en");
  T.readAddress(wanted);

  const $ = (id) => document.getElementById(id);
  const groups = T.parts.groups(model);
  const graph = (T.graph = T.parts.graph(model, groups, $("canvas")));
  const source = T.parts.source(model, $("source")), card = T.parts.card(model, $("card"));
  const stepper = (T.stepper = T.parts.stepper(model, $("stepper")));
  const framed = T.parts.framed(model, source), tabs = T.parts.tabs(model), methods = T.parts.methods(model), training = T.parts.training(model);
  const TABS = ["graph", "story", "methods", "paths", "findings", "table", ...(doc.training ? ["training"] : [])];
  const NAMES = { graph: "tabGraph", story: "tabStory", methods: "tabMethods", paths: "tabPaths", findings: "tabFindings", table: "tabTable", training: "tabTraining" };
  if (!TABS.includes(T.state.tab)) T.state.tab = "graph";
  if (doc.error && !/[#&]tab=/.test(location.hash)) T.state.tab = "findings";

  T.callName = function (k) {
    const call = model.passes[k], place = call.place === null ? null : doc.places[call.place];
    if (call.call === "none") return word("forwardPass");
    if (call.call === "explain") return word("explainCall");
    const name = call.call === "grad" ? `${word("gradCall")} ${k + 1}` : T.state.lang === "zh" ? `${word("call")} ${k + 1} 次` : `${word("call")} ${k + 1}`;
    return `${name}${place ? `${T.state.lang === "zh" ? "," : ", "}${T.lineText(place.line)}` : ""}`;
  };

  // A large document comes packed: a browser reads text that is not markup slowly.
  async function unpacked(id) {
    const text = atob(document.getElementById(id).textContent), bytes = new Uint8Array(text.length);
    for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  }

  // --- the head: title, calls, tabs, search, language ----------------------------------------------------

  function head() {
    const count = model.passes.length, errors = doc.findings.filter((f) => f.level !== "note").length + (doc.error ? 1 : 0), told = doc.findings.length + (doc.error ? 1 : 0);
    const calls = el("select", { id: "calls", "aria-label": word("call"), onchange: (e) => T.set({ call: Number(e.target.value), node: null }) },
      model.passes.slice(0, 2000).map((_, k) => el("option", { value: k, selected: k === T.state.call }, T.callName(k))));
    T.fill($("head"), 
      el("h1", {}, doc.title || word("title")),
      el("div", { class: "calls" }, el("button", { "aria-label": word("previous"), disabled: T.state.call === 0, onclick: () => T.set({ call: T.state.call - 1, node: null }) }, "‹"), calls,
        el("button", { "aria-label": word("next"), disabled: T.state.call >= count - 1, onclick: () => T.set({ call: T.state.call + 1, node: null }) }, "›"), el("span", { class: "dim" }, `${T.state.call + 1}/${count}`)),
      el("div", { class: "spacer" }), search(), el("button", { id: "language", onclick: () => T.set({ lang: T.state.lang === "en" ? "zh" : "en" }) }, word("language")));
    T.fill($("tabs"), ...TABS.map((tab) => el("button", { role: "tab", id: "tab-" + tab, "aria-selected": String(T.state.tab === tab), onclick: () => T.set({ tab }) },
      word(NAMES[tab]), tab === "findings" && told ? el("span", { class: errors ? "count bad" : "count" }, String(told)) : null)));
    document.documentElement.lang = T.state.lang;
    document.title = (doc.title ? doc.title + " — " : "") + word("title");
    $("source-title").textContent = word("source");
    $("card-title").textContent = word("card");
    $("keys").textContent = word("keys");
  }

  function search() {
    const list = el("div", { class: "found", role: "listbox" });
    const input = el("input", { id: "search", type: "search", placeholder: word("search"), "aria-label": word("search"), autocomplete: "off" });
    const look = () => {
      const text = input.value.trim().toLowerCase(), pass = model.pass(T.state.call);
      if (!text) { T.fill(list); T.set({ found: null }); return; }
      const hit = (id) => {
        const n = model.nodes[id], p = model.place(n);
        return [...n.names, model.label(id), n.op, n.torch || "", n.module || "", p ? p.text : "", p ? `${p.line}` : ""].some((s) => s.toLowerCase().includes(text));
      };
      const ids = pass.members.filter(hit);
      T.fill(list, ...ids.slice(0, 12).map((id) => el("button", { role: "option", onclick: () => { choose(id); } }, model.label(id), el("span", { class: "dim" }, " " + T.shownOp(model.nodes[id])))));
      T.set({ found: ids });
    };
    const choose = (id) => { T.fill(list); input.value = ""; input.blur(); T.set({ node: id, found: null, tab: "graph" }); graph.bring(id); };
    input.addEventListener("input", look);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { input.value = ""; look(); input.blur(); }
      if (event.key === "Enter" && T.state.found?.length) choose(T.state.found[0]);
    });
    return el("div", { class: "search" }, input, list);
  }

  // --- the graph's own bar, and sliders -----------------------------------------------------------------

  function bar() {
    const views = ["tensors", "operations", "both"].map((view) => el("button", { "aria-pressed": String(T.state.view === view), "data-view": view, onclick: () => T.set({ view, fit: true }) },
      word({ tensors: "viewTensors", operations: "viewOperations", both: "viewBoth" }[view])));
    T.fill($("bar"), el("div", { class: "segmented" }, views),
      el("button", { id: "collapse", onclick: () => graph.collapseAll() }, word("collapseAll")), el("button", { onclick: () => graph.fit() }, word("fit")),
      el("button", { "aria-label": word("zoomIn"), onclick: () => graph.zoom(1 / 1.25) }, "+"), el("button", { "aria-label": word("zoomOut"), onclick: () => graph.zoom(1.25) }, "−"),
      T.state.focus !== null ? el("button", { class: "focus", onclick: () => T.set({ focus: null, fit: true }) }, `${word("only")} ${model.label(T.state.focus)} ✕`) : null,
      el("span", { id: "crumbs" }),
      doc.left_out ? el("span", { class: "dim" }, word("left")) : null,
      model.pass(T.state.call).call.call === "none" ? el("p", { class: "dim" }, word(model.pass(T.state.call).members.length ? "noPass" : "empty")) : null);
  }

  function sliders() {
    const pass = model.pass(T.state.call), host = $("sliders");
    const leaves = pass.members.filter((id) => ["leaf"].includes(model.nodes[id].kind) && model.nodes[id].value?.data && !model.nodes[id].value.shape.length && /^(float|complex)/.test(model.nodes[id].value.dtype)).slice(0, 8);
    if (!leaves.length || pass.call.call === "none") { T.fill(host); return; }
    const warn = el("p", { class: "dim" });
    const move = () => {
      try { T.set({ moved: T.state.given.size ? T.replay.entries(model, pass, T.state.given) : null }); warn.textContent = ""; } catch (error) {
        if (!(error instanceof T.replay.Missing)) throw error;
        warn.textContent = `${word("cannotReplay")}: ${error.message}`;
      }
    };
    const now = (id) => T.state.given.get(id)?.data[0] ?? model.array(pass.values.get(id) || model.nodes[id].value).data[0];
    // A complex number has two sliders, one for each part.
    const rows = (id) => (now(id) instanceof T.Complex ? [row(id, "re"), row(id, "im")] : [row(id, null)]);
    const row = (id, part) => {
      const read = (v) => (part ? v[part] : v), start = read(model.array(pass.values.get(id) || model.nodes[id].value).data[0]), reach = Math.max(1, Math.abs(start)) * 1.5;
      const shown = el("output", {}, T.formula.numberText(read(now(id)), 4)), { dtype } = model.nodes[id].value;
      const name = part ? `${{ re: "Re", im: "Im" }[part]} ${model.label(id)}` : model.label(id);
      return el("label", {}, name, el("input", { type: "range", "data-leaf": id, "data-part": part, min: start - reach, max: start + reach, step: reach / 60, value: read(now(id)),
        oninput: (e) => {
          const v = ["float32", "complex64"].includes(dtype) ? Math.fround(Number(e.target.value)) : Number(e.target.value), old = now(id);
          const data = part ? [new T.Complex(part === "re" ? v : old.re, part === "im" ? v : old.im)] : Float64Array.of(v);
          T.state.given.set(id, { shape: [], data, dtype });
          shown.textContent = T.formula.numberText(v, 4);
          move();
        } }), shown);
    };
    T.fill(host, el("details", { open: T.state.given.size > 0 || leaves.length <= 3 }, el("summary", {}, word("sliders")), el("p", { class: "dim" }, word("slidersHint")), ...leaves.flatMap(rows),
      el("button", { id: "reset", onclick: () => { T.state.given = new Map(); T.set({ moved: null }); sliders(); } }, word("reset")), warn));
  }

  // --- drawing what changed -------------------------------------------------------------------------------

  function panel() {
    const tab = T.state.tab, host = $("panel");
    $("canvas-box").hidden = tab !== "graph";
    host.hidden = tab === "graph";
    if (tab === "graph") return;
    ({ story: tabs.story, table: tabs.table, findings: tabs.findings, paths: tabs.paths, methods: methods.render, training: training.render })[tab](host);
  }
  function update(now, before = {}) {
    const changed = (...keys) => keys.some((key) => now[key] !== before[key]);
    if (changed("lang", "call", "tab")) head();
    if (changed("lang", "view", "focus", "call")) bar();
    if (changed("lang", "call")) sliders();
    if (changed("tab", "lang", "call", "moved") || (now.tab === "table" && changed("step"))) panel();
    if (now.tab === "graph") {
      graph.render();
      T.fill($("crumbs"), graph.crumbs());
    }
    source.render();
    card.render();
    stepper.render();
    framed.tell();
  }
  T.listeners.push(update);
  T.hoverListeners.push((id) => { source.hover(id); framed.hover(id); if (T.state.tab === "graph") graph.render(); });
  window.addEventListener("hashchange", () => { const before = { ...T.state }; T.readAddress(T.state.lang); T.state.moved = null; update(T.state, before); });
  const chosen = T.state.node;
  if (chosen === null) {
    const pass = model.pass(T.state.call);
    T.state.node = pass.steps[T.state.step]?.node ?? pass.call.seeds[0]?.[0] ?? null;
  }
  T.writeAddress();
  update(T.state);
  if (chosen !== null) graph.bring(chosen);
  document.documentElement.dataset.ready = "yes";
})();
