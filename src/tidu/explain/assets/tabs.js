// The other tabs: the pass in words, its table of steps, the warnings, the paths.
"use strict";
T.parts.tabs = function (model) {
  const { el, word } = T;
  const link = (id) => el("button", { class: "link", onclick: () => { T.set({ node: id, tab: "graph" }); T.graph.bring(id); } }, model.label(id));

  function story(host) {
    const told = model.doc.stories[T.state.lang] || [], current = T.state.call;
    T.fill(host, el("h2", {}, word("tabStory")), ...told.map((sentences, k) => el("section", { class: "story" + (k === current ? " now" : "") },
      el("h3", {}, el("button", { class: "link", onclick: () => T.set({ call: k, tab: "graph" }) }, T.callName(k))),
      el("ol", {}, sentences.map((s) => el("li", {}, s))))), told.length ? null : el("p", {}, word("noPass")),
      el("section", { class: "known" }, el("h3", {}, word("knownTitle")), el("ul", {}, KNOWN.map((key) => el("li", {}, word(key))))));
  }
  // What the tutorials get wrong, or leave out.
  const KNOWN = ["knownAscent", "knownLeaf", "knownNodes", "knownAdds", "knownSaved", "knownModes", "knownSweeps", "knownMean", "knownData",
    "knownBias", "knownShapes", "knownScalar", "knownNumpy"];

  function table(host) {
    const pass = model.pass(T.state.call), heads = ["thStep", "thNode", "thCode", "thForward", "thLocal", "thIncoming", "thMessage"];
    const rows = [];
    pass.steps.forEach((step, k) => {
      if (rows.length > 2000) return;
      const node = model.nodes[step.node], place = model.place(node), gradient = model.gradientOf(step.node, pass);
      const arrival = step.phase === "arrive" ? pass.arrival.get(step.node) : null;
      const messages = step.phase === "backward" ? model.messages(step.node, pass) : [];
      const locals = messages.map((m) => {
        const rule = node.formula === undefined ? null : model.formulas[node.formula].inputs[m.input];
        const tree = rule && (rule.local ?? rule.message);
        return tree === undefined || tree === null ? el("span", {}, node.op) : el("div", {}, T.math(T.formula.tex(tree, T.namer(step.node))));
      });
      rows.push(el("tr", { class: (k === T.state.step ? "now " : "") + step.phase, onclick: () => T.stepper.go(k) },
        el("td", {}, el("button", { class: "link", onclick: () => T.stepper.go(k) }, String(k + 1))), el("td", {}, `${model.label(step.node)} `, el("span", { class: "dim" }, phase(step))),
        el("td", {}, place ? `${place.line}: ${place.text}`.slice(0, 60) : ""), el("td", {}, T.valueText(model.value(step.node, pass))),
        el("td", {}, locals), el("td", { class: "grad" }, step.phase === "forward" ? "" : T.valueText(gradient)),
        el("td", { class: "grad" }, arrival ? `${arrival.before ? T.valueText(arrival.before) : word("none")} → ${T.valueText(arrival.after)}`
          : messages.map((m) => el("div", {}, `${model.label(m.to)} ← ${T.valueText(m.value)}`)))));
    });
    T.fill(host, el("h2", {}, word("tabTable")), el("p", { class: "dim" }, word("tableHint")),
      el("table", { class: "steps" }, el("thead", {}, el("tr", {}, heads.map((h) => el("th", { scope: "col" }, word(h))))), el("tbody", {}, rows)));
  }
  const phase = (step) => word({ forward: "forwardPass", seed: "seedStep", backward: "backwardPass", arrive: "arriveStep" }[step.phase]);

  function findings(host) {
    const list = model.doc.findings, error = model.doc.error;
    const signs = { error: "✖", warning: "▲", note: "●" };
    T.fill(host, el("h2", {}, word("tabFindings")),
      error ? el("div", { class: "finding error" }, el("b", {}, `✖ ${word("programError")}: `), el("pre", {}, `${error.type}: ${error.message}`)) : null,
      ...list.map((f) => el("div", { class: "finding " + f.level, "data-kind": f.kind }, el("b", {}, `${signs[f.level]} ${word(f.level === "error" ? "error_" : f.level)} `), el("span", {}, f[T.state.lang]),
        el("span", { class: "links" }, f.nodes.slice(0, 4).map((id) => [" ", link(id)])))),
      list.length || error ? null : el("p", {}, word("noFindings")));
  }

  // --- all ways from a tensor to the output ---------------------------------------------------------------

  let from = null;
  function paths(host) {
    const pass = model.pass(T.state.call), leaves = pass.members.filter((id) => pass.gradient.has(id) && model.nodes[id].kind === "leaf");
    if (!leaves.includes(from)) from = leaves.includes(T.state.node) ? T.state.node : leaves[0] ?? null;
    const choice = el("select", { "aria-label": word("choose"), onchange: (e) => { from = Number(e.target.value); paths(host); } },
      leaves.map((id) => el("option", { value: id, selected: id === from }, model.label(id))));
    const body = [];
    if (from !== null) {
      const count = countPaths(pass, from);
      if (count > 500) body.push(el("p", {}, `${word("tooManyPaths")} ${count > 1e15 ? count.toExponential(2) : count}`));
      else body.push(pathTable(pass, listPaths(pass, from)));
    }
    T.fill(host, el("h2", {}, word("tabPaths")), el("p", { class: "dim" }, word("pathsHint")), el("p", {}, word("choose") + " ", choice), ...body);
  }
  function edgesFrom(pass) {
    const up = new Map();
    for (const [id, sent] of pass.sent) for (const m of sent) {
      if (!up.has(m.to)) up.set(m.to, []);
      up.get(m.to).push([id, m.input]);
    }
    return up;
  }
  function countPaths(pass, start) {
    const up = edgesFrom(pass), ends = new Set(pass.call.seeds.map(([id]) => id)), found = new Map();
    for (const id of [...pass.members].reverse()) {
      let n = ends.has(id) ? 1 : 0;
      for (const [next] of up.get(id) || []) n += found.get(next) || 0;
      found.set(id, n);
    }
    return found.get(start) || 0;
  }
  function listPaths(pass, start) {
    const up = edgesFrom(pass), ends = new Set(pass.call.seeds.map(([id]) => id)), list = [];
    const stack = [[start, []]];
    while (stack.length && list.length < 500) {
      const [id, way] = stack.pop();
      if (ends.has(id)) list.push({ way, end: id });
      for (const [next, input] of [...(up.get(id) || [])].reverse()) stack.push([next, [...way, [next, input]]]);
    }
    return list;
  }
  function pathTable(pass, list) {
    let total = 0, known = true;
    const rows = list.map(({ way, end }, k) => {
      const seed = model.array(pass.call.seeds.find(([id]) => id === end)[1]);
      let product = seed && !seed.shape.length ? seed.data[0] : NaN;
      const factors = way.map(([id, input]) => {
        const text = T.localNumber(id, input, pass);
        product *= text === null ? NaN : localValue(id, input, pass);
        return text;
      });
      if (Number.isNaN(product)) known = false; else total += product;
      const names = [model.label(from), ...way.map(([id]) => model.label(id))];
      return el("tr", {}, el("td", {}, String(k + 1)), el("td", {}, names.join(" → ")),
        el("td", {}, factors.every((f) => f !== null) ? T.math((factors.map((f) => (f.startsWith("-") ? `\\left(${T.formula.texNumber(f)}\\right)` : T.formula.texNumber(f))).join(" \\cdot ") || "1") + ` ${exact(factors, product) ? "=" : "\\approx"} ${T.formula.texNumber(T.formula.numberText(product))}`) : "—"));
    });
    const gradient = model.gradientOf(from, pass);
    return el("div", {}, el("table", { class: "paths" }, el("tr", {}, el("th", {}, "#"), el("th", {}, `${list.length} ${word(list.length === 1 ? "path" : "paths")}`), el("th", {}, word("product"))), rows),
      known ? el("p", { class: "number", "data-total": total }, `${word("sum")} = ${T.formula.numberText(total)} = ${word("gradient")} ${T.valueText(gradient)}`) : el("p", { class: "dim" }, word("pathsScalar")));
  }
  // Whether the factors as they are shown, not rounded, give the product.
  const exact = (factors, product) => factors.reduce((a, f) => a * Number(f), 1) === product;
  function localValue(id, input, pass) {
    const rule = model.formulas[model.nodes[id].formula].inputs[input], values = T.env(id, pass, null);
    const found = T.formula.element(rule.local, [], T.shapes(values));
    return typeof rule.local === "number" ? rule.local : T.formula.evaluate(found, values);
  }

  return { story, table, findings, paths };
};
