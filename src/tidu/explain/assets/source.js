// The program: each line with a chip for the value and the gradient of what it computed.
"use strict";
T.parts.source = function (model, host) {
  const { el, word } = T;
  let rows = new Map(), shownFile = -1, byLine = new Map();

  function gather(pass) {
    byLine = new Map();
    for (const id of pass.members) {
      const place = model.place(model.nodes[id]);
      if (!place) continue;
      const key = place.file + ":" + place.line;
      if (!byLine.has(key)) byLine.set(key, []);
      byLine.get(key).push(id);
    }
  }

  // The tensor a line is about: the one with a name, made last.
  function telling(ids) {
    const named = ids.filter((id) => model.nodes[id].names.length);
    const list = named.length ? named : ids.filter((id) => model.nodes[id].kind !== "constant");
    return list.length ? list[list.length - 1] : ids[ids.length - 1];
  }

  function files(pass) {
    const used = new Set();
    for (const id of pass.members) { const place = model.place(model.nodes[id]); if (place) used.add(place.file); }
    const call = pass.call.place === null ? null : model.doc.places[pass.call.place];
    if (call) used.add(call.file);
    return [...used].filter((f) => model.doc.files[f]?.lines.length);
  }

  function render() {
    const pass = model.pass(T.state.call), list = files(pass);
    gather(pass);
    const wanted = T.state.node !== null ? model.place(model.nodes[T.state.node])?.file : undefined;
    shownFile = list.includes(wanted) ? wanted : list.includes(shownFile) ? shownFile : list[0] ?? -1;
    if (shownFile < 0) { T.fill(host, el("p", { class: "dim" }, word("noCode"))); return; }
    const file = model.doc.files[shownFile], at = T.progress(pass);
    rows = new Map();
    const name = list.length > 1
      ? el("select", { "aria-label": word("source"), onchange: (e) => { shownFile = Number(e.target.value); T.state.node = null; render(); } },
        list.map((f) => el("option", { value: f, selected: f === shownFile }, model.doc.files[f].name)))
      : el("span", { class: "dim" }, file.name);
    const step = pass.steps[T.state.step], now = step && stepLine(step, pass);
    const body = el("div", { class: "code", role: "list" });
    file.lines.forEach((text, k) => {
      const line = k + 1, ids = byLine.get(shownFile + ":" + line) || [];
      const row = el("div", { class: "row" + (ids.length ? " live" : "") + (now === line ? " now" : ""), role: "listitem", "data-line": line },
        chips(ids, pass, at), el("span", { class: "line" }, String(line)), el("code", {}, text || " "));
      if (ids.length) {
        row.addEventListener("pointerenter", () => T.hover(telling(ids)));
        row.addEventListener("pointerleave", () => T.hover(null));
        row.addEventListener("click", () => { const id = telling(ids); T.set({ node: id }); T.graph.bring(id); });
      }
      rows.set(line, row);
      body.append(row);
    });
    const top = host.querySelector(".code")?.scrollTop ?? 0;
    T.fill(host, name, body);
    body.scrollTop = top;
    if (now && rows.get(now)) reveal(body, rows.get(now));
  }
  function reveal(body, row) {
    const top = row.offsetTop - body.offsetTop;
    if (top < body.scrollTop || top > body.scrollTop + body.clientHeight - 30) body.scrollTop = top - body.clientHeight / 2;
  }
  function stepLine(step, pass) {
    const place = step.phase === "seed" || step.phase === "arrive"
      ? pass.call.place === null ? null : model.doc.places[pass.call.place] : model.place(model.nodes[step.node]);
    return place && place.file === shownFile ? place.line : null;
  }
  // The value and the gradient that a line's chips tell, as far as the step has come.
  function known(ids, pass, at) {
    const id = telling(ids), value = model.value(id, pass);
    return { value: value && at.computed(id) ? value : null, gradient: at.gradient(id) ? model.gradientOf(id, pass) : null };
  }
  function chips(ids, pass, at) {
    const box = el("span", { class: "chips" });
    if (!ids.length) return box;
    const { value, gradient } = known(ids, pass, at);
    if (value) box.append(el("span", { class: "chip forward", title: `${word("value")}: ${T.valueText(value)}` }, T.chipText(value)));
    if (gradient) box.append(el("span", { class: "chip backward", title: `${word("gradient")}: ${T.valueText(gradient)}` }, "∇ " + T.chipText(gradient)));
    return box;
  }
  // [line, value, gradient] of the file shown, for a page that shows the program itself.
  function told() {
    const pass = model.pass(T.state.call), at = T.progress(pass), text = (value, sign) => (value ? sign + T.chipText(value) : "");
    return [...byLine].filter(([key]) => key.startsWith(shownFile + ":")).map(([key, ids]) => {
      const { value, gradient } = known(ids, pass, at);
      return [Number(key.split(":")[1]), text(value, ""), text(gradient, "∇ ")];
    });
  }
  function point(line, choose) {
    const ids = byLine.get(shownFile + ":" + line), id = ids ? telling(ids) : null;
    if (choose && id !== null) { T.set({ node: id, tab: "graph" }); T.graph.bring(id); } else T.hover(id);
  }
  const lineOf = (id) => { const place = id === null ? null : model.place(model.nodes[id]); return place?.file === shownFile ? place.line : null; };
  function hover(id) {
    const place = id === null ? null : model.place(model.nodes[id]);
    for (const [line, row] of rows) row.classList.toggle("hover", Boolean(place && place.file === shownFile && place.line === line));
  }
  return { render, hover, told, point, lineOf };
};
