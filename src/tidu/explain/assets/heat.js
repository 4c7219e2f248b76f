// Arrays as numbers and as heat maps, with zero white and one scale for value and gradient side by side.
"use strict";
T.heat = (() => {
  const { el, word } = T;
  const DIGITS = 8, CELLS = 128;

  // A diverging scale: blue below zero, white at zero, orange above. Signs are printed too.
  function colour(v, most) {
    if (Number.isNaN(v)) return "var(--nan)";
    const t = most > 0 ? Math.max(-1, Math.min(1, v / most)) : 0, k = Math.round(Math.abs(t) * 68);
    return `color-mix(in srgb, ${t < 0 ? "var(--cold)" : "var(--warm)"} ${k}%, var(--paper))`;
  }

  function matrixOf(array) {
    const shape = array.shape;
    if (shape.length === 0) return { rows: 1, columns: 1, at: () => 0, index: () => [] };
    if (shape.length === 1) return { rows: 1, columns: shape[0], at: (i, j) => j, index: (i, j) => [j] };
    const columns = shape[shape.length - 1], rows = array.data.length / columns;
    return { rows, columns, at: (i, j) => i * columns + j, index: (i, j) => T.formula.unravel(i * columns + j, shape) };
  }

  // One array; `onCell(index)` is told of the element pointed at; `role` names it for highlights.
  function table(entry, { role = "", onCell = null, column = false, most = null } = {}) {
    const array = T.model.array(entry);
    if (!array) return summary(entry);
    const m = matrixOf(array), scale = most ?? largest(array);
    if (m.rows > CELLS || m.columns > CELLS) return summary(entry);
    const small = m.rows <= DIGITS && m.columns <= DIGITS, columns = column ? m.rows : m.columns;
    const grid = el("div", { class: small ? (columns > 4 ? "matrix tight" : "matrix") : "matrix dense", style: `--columns:${column ? m.rows : m.columns};--cell:${Math.max(3, Math.min(15, Math.floor(320 / m.columns), Math.floor(240 / m.rows)))}px`, role: "table",
      "aria-label": array.shape.join(" × "), "data-role": role });
    const cell = (i, j) => {
      const k = m.at(i, j), v = array.data[k], index = m.index(i, j), text = T.formula.numberText(entry.data[k], columns > 6 ? 2 : columns > 4 ? 3 : 4);
      return el("span", { class: "cell", role: "cell", tabindex: onCell && small ? 0 : null, style: `background:${colour(v, scale)}`,
        "data-index": index.join(","), "data-value": T.raw(entry.data[k]), title: `[${index.join(",")}] ${entry.data[k]}`,
        onpointerenter: onCell && (() => onCell(index)), onfocus: onCell && (() => onCell(index)) }, small ? text : "");
    };
    const outer = column ? m.columns : m.rows, inner = column ? m.rows : m.columns;
    for (let a = 0; a < outer; a++) for (let b = 0; b < inner; b++) grid.append(column ? cell(b, a) : cell(a, b));
    if (array.shape.length > 2) return el("div", {}, el("p", { class: "dim" }, `${array.shape.slice(0, -1).join("×")} × ${m.columns}`), grid);
    return grid;
  }
  const largest = (array) => array.data.reduce((a, v) => (Number.isFinite(v) ? Math.max(a, Math.abs(v)) : a), 0);

  function summary(entry) {
    if (!entry) return el("p", { class: "dim" }, word("unknown"));
    const s = entry.summary;
    if (!s) return el("p", { class: "dim" }, entry.shape.join("×"));
    const rows = ["min", "max", "mean", "norm", "zeros", "nan"].filter((k) => s[k] !== undefined && (k !== "nan" || s[k]))
      .map((k) => el("tr", {}, el("th", {}, word(k)), el("td", {}, typeof s[k] === "number" ? T.formula.numberText(s[k], 5) : s[k])));
    const bars = s.histogram ? histogram(s.histogram) : null;
    return el("div", { class: "summary" }, el("p", { class: "dim" }, `${entry.shape.join("×")} ${entry.dtype}. ${word("summaryOnly")}`), el("table", {}, rows), bars);
  }
  function histogram(counts) {
    const most = Math.max(...counts);
    return el("svg", { class: "histogram", viewBox: "0 0 100 30", role: "img", "aria-label": counts.join(" ") },
      counts.map((n, k) => el("rect", { x: k * 10 + 0.5, width: 9, y: 30 - 28 * n / most, height: 28 * n / most })));
  }

  // Value and gradient beside each other; pointing at an element of the gradient tells where it comes from.
  function pair(value, gradient, onCell) {
    const one = (title, entry, kind, options) => el("figure", { class: kind }, el("figcaption", {}, title), table(entry, options));
    return el("div", { class: "pair" }, value && one(word("value"), value, "forward", { role: "value" }),
      gradient && one(word("gradient"), gradient, "backward", { role: "gradient", onCell }));
  }

  // Mark the elements that an expression mentions.
  function light(root, found, names) {
    for (const cell of root.querySelectorAll(".cell.lit")) cell.classList.remove("lit");
    const walk = (tree) => {
      if (!Array.isArray(tree)) return;
      if (tree[0] === "at") {
        const role = names[tree[1]];
        const cell = role && root.querySelector(`[data-role="${role}"] [data-index="${tree[2].join(",")}"]`);
        if (cell) cell.classList.add("lit");
      } else tree.slice(2).forEach(walk);
    };
    walk(found);
  }
  return { table, pair, summary, light, colour, largest };
})();
