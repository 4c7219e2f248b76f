// The card of the selected node: formula, numbers, result; what arrives as a sum; what .grad held call by call.
"use strict";
T.parts.card = function (model, host) {
  const { el, word } = T;

  function render() {
    const id = T.state.node;
    if (id === null) { T.fill(host, el("p", { class: "dim" }, word("hoverHint"))); return; }
    const pass = model.pass(T.state.call), node = model.nodes[id];
    const parts = [head(id, node), forward(id, node, pass), backward(id, node, pass), sends(id, node, pass), history(id, node, pass),
      extras(node), whyNone(id, node, pass)];
    T.fill(host, ...parts.filter(Boolean));
  }

  const section = (title, ...children) => el("section", {}, el("h3", {}, title), ...children);
  const link = (id) => el("button", { class: "link", onclick: () => { T.set({ node: id }); T.graph.bring(id); } }, model.label(id));

  function head(id, node) {
    const kind = { leaf: "leaf", constant: "constant", op: "computed", part: "partOf" }[node.kind], badges = [el("span", { class: "badge " + node.kind }, word(kind))];
    if (node.kind === "leaf") badges.push(el("span", { class: "badge" }, word("requires")));
    if (node.kind === "constant") badges.push(el("span", { class: "badge" }, word("notRequires")));
    if (node.retains_grad) badges.push(el("span", { class: "badge" }, word("retains")));
    const place = model.place(node), facts = [];
    if (node.torch && node.kind === "op") facts.push(`${word("madeBy")} ${node.op} (${node.torch})`);
    if (node.value) facts.push(`${node.value.shape.length ? node.value.shape.join("×") : "scalar"} ${node.value.dtype}`);
    if (place) facts.push(T.lineText(place.line));
    if (node.version) facts.push(`${word("versionIs")} ${node.version}`);
    if (node.microseconds) facts.push(`${T.formula.numberText(node.microseconds, 3)} µs`);
    if (node.module) facts.push(`${word("inModule")} ${node.module}`);
    for (const [line, turn] of node.loops || []) facts.push(`${word("inLoop")} ${line}, ${word("turn")} ${turn}`);
    const others = node.names.slice(1, 4);
    return el("header", {}, el("h2", {}, model.label(id), others.length ? el("small", {}, " = " + others.join(" = ")) : null), el("p", { class: "badges" }, badges),
      el("p", { class: "dim" }, facts.join(" · ")),
      el("button", { class: "small", onclick: () => T.set({ focus: T.state.focus === id ? null : id, fit: true }) }, word(T.state.focus === id ? "all" : "only")));
  }

  // --- forward ------------------------------------------------------------------------------------------

  function forward(id, node, pass) {
    const entry = model.value(id, pass), formula = model.formulas[node.formula], lines = [], defined = defining(id, node, pass);
    if (formula) {
      lines.push(T.math(`${T.formula.texName(model.label(id))} = ${T.formula.tex(formula.forward, T.namer(id))}`, true));
      const outputs = formula.outputs && (T.state.moved?.outputs.get(id) || node.outputs);
      if (outputs) outputs.forEach((out, k) => lines.push(...made(id, pass, out, formula.outputs[k], formula.elements[k], model.labelOfPart(id, k), defined)));
      else lines.push(...made(id, pass, entry, formula.forward, formula.element, model.label(id), defined));
    } else if (entry?.shape.length && node.kind !== "leaf") lines.push(T.heat.table(entry, { role: "value" }));
    if (!entry || (!entry.shape.length && !formula)) {
      lines.push(el("p", { class: "number", "data-value": entry ? T.raw(entry.data?.[0]) : null }, `${word("value")}: ${entry ? T.valueText(entry) : word("unknown")}`));
    }
    if (defined) lines.push(defined.host);
    return lines.length ? section(word("forwardTitle"), ...lines) : null;
  }
  // What defines a result that an algorithm found, with the numbers of one element; a part has the equations of its whole.
  function defining(id, node, pass) {
    const whole = node.kind === "part" ? node.inputs[0] : id, equations = T.defining(whole, pass);
    if (!equations.length) return null;
    const box = el("div", { class: "defining", "aria-live": "polite" });
    const draw = (index) => T.fill(box, ...equations.map(({ shape }, k) => {
      const at = shape.map((n, a) => Math.min(index.length === shape.length ? index[a] : 0, n - 1)), e = T.defining(whole, pass, at)[k];
      const rule = e.rule && T.formula.broken("", e.rule[0], "=", e.rule[1]), numbers = e.numbers && T.formula.broken("", e.numbers[0], e.sign, e.numbers[1]);
      return el("div", { class: "equation" }, T.math(e.whole, true),
        rule && el("div", { class: "dim rule" }, `${word("elementRule")}: `, ...rule.map((row) => T.math(row, true))),
        numbers && el("div", { class: "worked" }, at.length ? `[${at.join(",")}]: ` : "", ...numbers.map((row) => T.math(row, true))));
    }));
    draw([]);
    return { draw, host: el("div", {}, el("h4", {}, word("definedBy")), box) };
  }
  // A result: the rule of its elements, all of them, and how the one that is pointed at was computed.
  function made(id, pass, entry, tree, rule, label, defined) {
    const array = entry && model.array(entry), values = T.env(id, pass, null), name = T.formula.texName(label);
    if (!array?.data.length) return entry?.shape.length ? [T.heat.table(entry, { role: "value" })] : [];
    const worked = (index) => {
      const found = T.formula.element(tree, index, T.shapes(values), 6), result = T.formula.texNumber(T.shownNumber(entry.data[T.formula.ravel(index, array.shape)]));
      let numbers = null;
      try { numbers = found === null ? null : T.formula.numbersOf(found, values); } catch (error) { numbers = null; }
      return [numbers, T.sign(found, values), result];
    };
    if (!array.shape.length) {
      const [numbers, sign, result] = worked([]);
      return [T.math((numbers ? `${numbers} ${sign} ` : "= ") + result, true)];
    }
    const box = el("div", { class: "element made", "aria-live": "polite" });
    const show = (index) => T.fill(box, ...T.formula.broken(`${name}[${index.join(",")}]`, ...worked(index)).map((row) => T.math(row, true)));
    const point = (index) => { show(index); defined?.draw(index); };
    point(T.telling(array));
    return [rule && ruleOf(`${name}[${T.formula.letters(tree, array.shape, T.labelsIn(id))}]`, T.ruleText(id, rule)),
      T.heat.table(entry, { role: "value", onCell: point }), box];
  }
  // A tensor may be used thousands of times.
  const MOST = 8;
  const firstOnes = (list) => list.slice(0, MOST);
  const rest = (list) => (list.length > MOST ? el("li", {}, `… ${list.length - MOST} ${word("moreMessages")}`) : null);

  // --- what arrives ---------------------------------------------------------------------------------------

  function backward(id, node, pass) {
    const incoming = model.incoming(id, pass), entry = model.gradientOf(id, pass);
    if (!entry) return node.kind === "constant" ? null : section(word("arrivesTitle"), el("p", {}, word("noneArrives")));
    const list = firstOnes(incoming).map((m) => el("li", {}, m.from === null ? word("seedText") + " " : [`${word("from")} `, link(m.from), ": "],
      el("b", { class: "grad", "data-message": T.raw(m.value?.data?.[0]) }, T.valueText(m.value))));
    const lines = [];
    if (entry.parts) lines.push(...entry.parts.filter(Boolean).map((p) => T.heat.table(p)));
    else if (incoming.length > 1) {
      lines.push(el("p", {}, `${word("sumOf")} ${incoming.length} ${word("messages")}:`), el("ul", {}, list, rest(incoming)));
      if (!entry.shape.length) {
        const terms = firstOnes(incoming).map((m) => T.formula.texNumber(T.shownNumber(m.value.data[0])));
        if (incoming.length > MOST) terms.push("\\dots");
        lines.push(T.math(`${T.formula.added(terms)} = ${T.formula.texNumber(T.shownNumber(entry.data[0]))}`, true));
      }
    } else lines.push(el("ul", {}, list));
    if (!entry.parts && !entry.shape.length) {
      lines.push(el("p", { class: "number grad", "data-gradient": T.raw(entry.data?.[0]) }, `${word("gradient")}: ${T.valueText(entry)}`));
    }
    if ((pass.arrival.get(id) ?? pass.call.steps.find((s) => s.node === id))?.changed_by_hook) lines.push(el("p", { class: "kink" }, "⚑ " + word("hooked")));
    if (node.kind === "leaf") lines.push(...leafWork(id, node, pass, entry, incoming));
    else if (!entry.parts && entry.shape.length) lines.push(T.heat.table(entry, { role: "gradient" }));
    return section(word("arrivesTitle"), ...lines);
  }

  // For a leaf: `x.grad += 2·x·g = 2·3·1 = 6` for each message, and where each element comes from.
  function leafWork(id, node, pass, entry, incoming) {
    const lines = [], box = el("div", { class: "element", "aria-live": "polite" });
    const arrival = pass.arrival.get(id), name = T.formula.texName(model.label(id));
    const target = () => (arrival?.stored || pass.call.call === "explain" ? `${model.label(id)}.grad` : T.math(`\\frac{\\partial L}{\\partial ${name}}`));
    for (const m of firstOnes(incoming)) {
      if (m.from === null) {
        if (!entry.shape.length) lines.push(T.work(target(), T.formula.texNumber(T.shownNumber(m.value.data[0]))));
        continue;
      }
      if (incoming.length > 1) lines.push(sender(m.from));
      lines.push(workLine(target(), m.from, m, pass, id));
      lines.push(...notes(m.from, m));
    }
    if (entry.shape.length) {
      const onCell = (index) => showElement(box, id, index, pass, incoming);
      lines.push(T.heat.pair(model.value(id, pass), entry, onCell), layoutChoice(entry, name), box);
      const array = model.array(entry);
      if (array?.data.length) showElement(box, id, T.telling(array), pass, incoming);
    }
    const check = arrival?.check;
    if (check && !T.state.moved) {
      lines.push(el("p", { class: "check " + (check.ok ? "ok" : "bad") }, `${check.ok ? "✓" : "✗"} ${word(check.ok ? "checkOk" : "checkBad")}` +
        `${check.how === "direction" ? ` (${word("checkDirection")})` : ""}: ${word("relative")} ${T.formula.numberText(check.error, 2)}`));
    }
    return lines;
  }

  // Which user of a tensor a message comes from, and its text in the program.
  function sender(id) {
    const place = model.place(model.nodes[id]);
    return el("p", { class: "dim sender" }, `${word("from")} `, link(id), place ? [` · ${T.lineText(place.line)}: `, el("code", {}, place.text)] : null);
  }

  function workLine(target, from, message, pass, to) {
    const gradient = model.gradientOf(from, pass), w = T.worked(from, message, gradient, pass);
    if (!w.general) return el("p", {}, `${word(model.nodes[from].op === "function" ? "ownBackward" : "noFormula")}: `, T.valueText(message.value));
    const scalar = !message.value.shape.length;
    const tail = scalar && w.numbers ? ` = ${w.numbers} ${w.sign} ${w.result}` : scalar && w.result ? ` = ${w.result}` : "";
    return T.work(target, w.general + tail);
  }

  function notes(from, message) {
    const node = model.nodes[from], rule = node.formula === undefined ? null : model.formulas[node.formula].inputs[message.input], out = [];
    if (Array.isArray(rule?.message) && rule.message[0] === "view" && rule.message[2] === "g") out.push(el("p", { class: "dim" }, word("reshaped")));
    if (rule?.summed?.length) out.push(el("p", { class: "dim" }, `${word("summedNote")} ${rule.summed.join(", ")}.`));
    if (rule && !rule.element && message.value.shape.length) out.push(el("p", { class: "dim told" }, word(T.byTable[node.op] || "byTable")));
    const strip = rule && shapeStrip(rule.message, from);
    if (strip) out.push(strip);
    return out;
  }
  // (2×5)ᵀ · (2×3) → 5×3
  function shapeStrip(tree, from) {
    if (!Array.isArray(tree) || tree[0] !== "mm") return null;
    const pass = model.pass(T.state.call), values = T.env(from, pass, model.gradientOf(from, pass)), shapes = T.shapes(values);
    const node = model.nodes[from];
    node.inputs.forEach((input, i) => { if (typeof input === "number" && model.nodes[input].value) shapes["x" + i] = model.nodes[input].value.shape; });
    shapes.out = shapes.g = node.value?.shape;
    const one = (t) => (Array.isArray(t) && t[0] === "permute" ? [T.formula.shapeOf(t[2], shapes), "ᵀ"] : [T.formula.shapeOf(t, shapes), ""]);
    const [a, b] = [one(tree[2]), one(tree[3])], out = T.formula.shapeOf(tree, shapes);
    if (!a[0] || !b[0] || !out) return null;
    return el("p", { class: "strip" }, el("span", {}, a[0].join("×"), a[1]), " · ", el("span", {}, b[0].join("×"), b[1]), " → ", el("span", {}, out.join("×")));
  }

  // `dL/dW[i,j] = Σ_b x[b,i]·g[b,j] = 1·0.3 + ...` for the element pointed at.
  function showElement(box, id, index, pass, incoming) {
    const name = T.formula.texName(model.label(id)), lines = [], plus = incoming.length > 1 ? " \\mathrel{+}" : "";
    for (const m of firstOnes(incoming)) {
      if (m.from === null) continue;
      const gradient = model.gradientOf(m.from, pass), w = T.worked(m.from, m, gradient, pass, index);
      if (w.result === null) continue;
      const left = `\\frac{\\partial L}{\\partial ${name}[${index.join(",")}]}${plus}`;
      if (plus) lines.push(sender(m.from));
      if (w.element) lines.push(elementRule(m, name, plus, w.element));
      lines.push(...T.formula.broken(left, w.numbers, w.sign, w.result).map((row) => T.math(row, true)));
      const rule = model.formulas[model.nodes[m.from].formula].inputs[m.input], values = T.env(m.from, pass, gradient);
      const found = T.formula.element(rule.message, index, T.shapes(values));
      if (found !== null) {
        lines.push(operands(m.from, pass, gradient, found));
      }
    }
    T.fill(box, ...lines);
    for (const block of box.querySelectorAll(".operands")) T.heat.light(block, block.found, block.names);
  }
  function elementRule(message, name, plus, rule) {
    const formula = model.formulas[model.nodes[message.from].formula];
    return ruleOf(`\\frac{\\partial L}{\\partial ${name}[${T.formula.letters(formula.inputs[message.input].message, message.value.shape, T.labelsIn(message.from))}]}${plus}`, rule);
  }
  // "each element: left = rule", in two rows where it is long.
  function ruleOf(left, rule) {
    const short = `${left}${rule}`.replace(/\\[a-z]+|[{}]/g, "").length < 46;
    return el("div", { class: "dim rule" }, `${word("elementRule")}: `, ...(short ? [T.math(`${left} = ${rule}`)] : [T.math(left), T.math(`= ${rule}`, true)]));
  }
  // The arrays the element is made from, with the rows and columns that feed it marked.
  function operands(from, pass, gradient, found) {
    const used = new Set(), walk = (t) => { if (Array.isArray(t)) { if (t[0] === "at") { if (typeof t[1] === "string") used.add(t[1]); } else t.slice(2).forEach(walk); } };
    walk(found);
    const node = model.nodes[from], block = el("div", { class: "operands" });
    block.found = found;
    block.names = {};
    for (const name of [...used].sort()) {
      const input = name[0] === "x" ? node.inputs[Number(name.slice(1))] : null;
      const entry = name === "g" ? gradient : name === "out" ? model.value(from, pass) : typeof input === "number" ? model.value(input, pass) : null;
      if (!entry || !entry.shape.length) continue;
      block.names[name] = name;
      const title = name === "g" ? `${word("gradient")} g (${model.label(from)})` : name === "out" ? model.label(from) : model.label(input);
      block.append(el("figure", {}, el("figcaption", {}, title), T.heat.table(entry, { role: name })));
    }
    return block;
  }

  function layoutChoice(entry, name) {
    if (entry.shape.length !== 1 || !entry.data || entry.data.length > 8) return null;
    const box = el("div", { class: "layout" });
    const draw = (row) => T.fill(box, el("span", { class: "dim" }, word("layout") + ": "),
      el("button", { class: "small", "aria-pressed": String(!row), onclick: () => draw(false) }, word("asShape")),
      el("button", { class: "small", "aria-pressed": String(row), onclick: () => draw(true) }, word("asRow")),
      T.math((row ? `\\frac{\\partial L}{\\partial ${name}} = ` : `${name}\\texttt{.grad} = `) + "\\begin{bmatrix}" +
        entry.data.map((v) => T.formula.texNumber(T.formula.numberText(v, 4))).join(row ? " & " : " \\\\ ") + "\\end{bmatrix}", true));
    draw(true);
    return box;
  }

  // --- what it sends on -------------------------------------------------------------------------------------

  function sends(id, node, pass) {
    const messages = model.messages(id, pass);
    if (!messages.length) return null;
    const gradient = model.gradientOf(id, pass);
    const items = messages.map((m) => {
      const name = T.formula.texName(model.labelIn(id, m.to)), w = T.worked(id, m, gradient, pass), lines = [];
      const rule = node.formula === undefined ? null : model.formulas[node.formula].inputs[m.input];
      if (rule?.local !== undefined) {
        const value = T.localNumber(id, m.input, pass);
        const text = T.formula.tex(rule.local, T.namer(id));
        lines.push(el("div", {}, el("span", { class: "dim" }, word("localDerivative") + ": "),
          T.math(`\\frac{\\partial ${T.formula.texName(model.label(id))}}{\\partial ${name}} = ${text}${value !== null && T.formula.texNumber(value) !== text ? " = " + T.formula.texNumber(value) : ""}`)));
      }
      const stored = pass.arrival.get(m.to)?.stored || (pass.call.call === "explain" && pass.arrival.has(m.to));
      const target = stored ? `${model.label(m.to)}.grad` : T.math(`\\frac{\\partial L}{\\partial ${name}}`);
      lines.push(workLine(target, id, m, pass, m.to));
      if (m.value.shape.length && w.numbers && w.index) {
        const left = `\\frac{\\partial L}{\\partial ${name}[${w.index.join(",")}]} \\mathrel{+}`;
        lines.push(el("div", { class: "dim" }, T.formula.broken(left, w.numbers, w.sign, w.result).map((row) => T.math(row, true))));
      }
      lines.push(...notes(id, m));
      return el("li", {}, `${word("to")} `, link(m.to), el("b", { class: "grad" }, " " + T.valueText(m.value)), ...lines);
    });
    return section(word("sendsTitle"), el("ul", { class: "sends" }, items));
  }

  // --- .grad call by call -------------------------------------------------------------------------------------

  function history(id, node, pass) {
    if (node.kind !== "leaf" || T.state.moved) return null;
    const rows = [];
    model.passes.forEach((call, k) => {
      const a = call.arrivals.find((x) => x.leaf === id);
      if (!a) return;
      const place = call.place === null ? null : model.doc.places[call.place];
      const where = call.call === "explain" ? "" : `${k + 1}${place ? ` (${T.lineText(place.line)})` : ""}`;
      const stored = a.stored || call.call === "explain";
      rows.push(el("tr", { class: k === T.state.call ? "now" : "" },
        el("td", {}, el("button", { class: "link", onclick: () => T.set({ call: k }) }, where || "·")),
        el("td", { "data-before": JSON.stringify(a.before?.data ?? null) }, a.before ? T.valueText(a.before) : word("none")),
        el("td", { class: "grad" }, T.formula.added(["", T.valueText(a.gradient)]).trim()),
        el("td", { "data-after": JSON.stringify(a.after?.data ?? null) }, stored ? T.valueText(a.after) : "—")));
    });
    if (!rows.length) return null;
    const few = rows.length > 60 ? [...rows.slice(0, 50), el("tr", {}, el("td", { colspan: 4 }, "…")), ...rows.slice(-9)] : rows;
    return section(word("historyTitle"), el("table", { class: "history" },
      el("tr", {}, ["call", "before", "added", "after"].map((k) => el("th", {}, k === "call" ? "#" : word(k)))), few));
  }

  function extras(node) {
    const parts = [];
    for (const k of node.kinks || []) {
      parts.push(el("p", { class: "kink" }, `⚑ ${word("kinkTitle")}: ${k.count} ${word("elements")}. ${k[T.state.lang]}. ${word("chosen")} ${k.chosen} ${word("outOf")} ${k.allowed}.`));
    }
    if (node.saved?.length) {
      const bytes = node.saved.reduce((s, x) => s + x[2], 0);
      parts.push(el("p", { class: "dim" }, `${word("savedTitle")}: ${node.saved.map(([what, held]) => (held === node.id ? model.label(node.id) : model.label(held))).join(", ")} (${bytes} ${word("bytes")})`));
    }
    return parts.length ? el("section", {}, parts) : null;
  }

  function whyNone(id, node, pass) {
    const arrival = pass.arrival.get(id);
    let reason = null;
    if (node.kind === "constant") reason = "whyConstant";
    else if (node.kind !== "leaf" && !node.retains_grad) reason = "whyComputed";
    else if (node.kind === "leaf" && !arrival) reason = "whyLeaf";
    else if (arrival && !arrival.stored && pass.call.call === "grad") reason = "whyGrad";
    return reason && el("details", {}, el("summary", {}, word("whyNone")), el("p", {}, word(reason)));
  }

  return { render };
};
