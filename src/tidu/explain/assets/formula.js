// Formulas: trees as LaTeX, one element followed through products and sums, numbers put in.
// The table of signs comes with the page; the steps are those of the Python side, and a test compares the two.
"use strict";
T.parts.formula = function (notation) {
  const ATOM = 5;
  const isNumber = (t) => typeof t === "number";

  // --- numbers as text: as Python's %.6g --------------------------------------------------------

  function numberText(value, digits = 6) {
    if (typeof value === "string") return value;
    if (value instanceof T.Complex) return numberText([value.re, value.im], digits);
    if (Array.isArray(value)) {  // a complex number
      const [real, imaginary] = value.map((v) => numberText(v, digits));
      return `${real}${imaginary.startsWith("-") ? "" : "+"}${imaginary}i`;
    }
    if (typeof value === "boolean") return value ? "True" : "False";
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    if (value === 0) return Object.is(value, -0) ? "-0" : "0";
    const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
    if (exponent < -4 || exponent >= digits) {
      let [mantissa, power] = value.toExponential(digits - 1).split("e");
      if (mantissa.includes(".")) mantissa = mantissa.replace(/\.?0+$/, "");
      const sign = power[0] === "-" ? "-" : "+", size = power.slice(1);
      return mantissa + "e" + (sign === "-" ? "-" : "") + (size.length < 2 ? size : size);
    }
    const fixed = value.toFixed(Math.max(0, digits - 1 - exponent));
    return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
  }

  const REAL = "(?:[\\d.]+(?:e[+-]?\\d+)?|inf|nan)", COMPLEX = new RegExp(`^(-?${REAL})([+-])(${REAL})i$`);
  function texNumber(text) {
    const bare = text.replace(/^-/, "");
    if (bare === "inf" || bare === "nan") return (text[0] === "-" ? "-" : "") + (bare === "inf" ? "\\infty" : "\\mathrm{nan}");
    if (text === "True" || text === "False") return `\\mathrm{${text}}`;
    const whole = COMPLEX.exec(text);
    if (whole) return `${texNumber(whole[1])}${whole[2]}${texNumber(whole[3])}${whole[3] === "inf" ? " " : ""}i`;
    const [mantissa, exponent] = text.split("e");
    return exponent === undefined ? text : `${mantissa} \\times 10^{${exponent.replace(/^\+/, "")}}`;
  }

  function number(value) {
    const text = texNumber(numberText(value));
    return [text, text.endsWith("i") ? (text.startsWith("-") ? 0.9 : 1) : text.startsWith("-") ? 1.5 : text.includes("times") ? 2 : ATOM];
  }

  const GREEK = new Set(notation.greek);
  const escaped = (name) => name.replace(/[\\_#$%&{}^~]/g, (c) => ("_#$%&{}".includes(c) ? "\\" + c : " "));
  function texName(name) {
    if (GREEK.has(name)) return "\\" + name;
    if (name.length === 1 && name.charCodeAt(0) < 128 && name !== "\\") return name;
    const match = /^([A-Za-z])_?(\d+)$/.exec(name);
    return match ? `${match[1]}_{${match[2]}}` : `\\mathrm{${escaped(name)}}`;
  }

  // --- LaTeX ------------------------------------------------------------------------------------

  const inside = ([text, level], least) => (level >= least ? text : `\\left(${text}\\right)`);

  // 1 + -2 is written 1 - 2; brackets are of the height of a letter where nothing inside is higher.
  function finished(text) {
    const plain = text.replaceAll(" + -", " - ");
    return plain.includes("\\frac") ? plain : plain.replace(/\\(?:left|right)(?=[()[\]|])/g, "");
  }
  const tex = (tree, name) => finished(write(tree, name)[0]), texInside = (tree, name) => finished(inside(write(tree, name), ATOM));
  const added = (texts) => texts.join(" + ").replaceAll(" + -", " - ");  // texts of numbers as a sum

  function write(tree, name) {
    if (isNumber(tree) || typeof tree === "boolean") return number(tree);
    if (typeof tree === "string" || tree[0] === "at") return name(tree);
    const [op, params, ...parts] = tree;
    if (op === "terms") return terms(params, parts, name);
    if (op === "sigma") return [`\\sum_{${params}} ${inside(write(parts[0], name), 2)}`, 2];
    // A factor behind a product or a largest is no part of it: in a product they stand in brackets.
    if (op === "pi") return [`\\prod_{${indexTex([params])}} ${inside(write(parts[0], name), 2)}`, 1];
    if (op === "greatest" || op === "least") return [`\\${op === "least" ? "min" : "max"}_{${params}} ${inside(write(parts[0], name), 2)}`, 1];
    if (op === "says") return [indexTex([params.text]), 0.5];
    if (op === "part") return [`${inside(write(parts[0], name), ATOM)}[${params.index}]`, ATOM];
    if (op === "linear") return call(params.op, parts.filter((t) => !(typeof t === "string" && /^c\d*$/.test(t))), params, name);
    return call(op === "permute" && !turnsMatrices(params) ? "permute_axes" : op, parts, params, name);
  }
  // Whether a permutation exchanges the last two axes alone, as a transpose does.
  function turnsMatrices(params) {
    const axes = params?.axes, last = axes?.length - 1;
    return !axes || (last > 0 && axes.every((a, i) => a === (i === last ? last - 1 : i === last - 1 ? last : i)));
  }

  function call(op, parts, params, name) {
    if (op === "add" && parts.length > 2) return terms(parts.length, parts, name);
    const entry = notation.operations[op], written = parts.map((part) => write(part, name)), count = entry?.plus ?? parts.length;
    if (parts.length > count) return filled("add", [filled(op, written.slice(0, count), params), written[count]]);  // a bias that some calls have
    return filled(op, written, params);
  }
  function filled(op, written, params) {
    const [template, level, levels] = notation.operations[op]?.tex ?? [`\\mathrm{${escaped(op)}}\\left(#*\\right)`, ATOM, [0]];
    if (level === null) return written[0];
    const texts = written.map((w, i) => inside(w, levels[Math.min(i, levels.length - 1)]));
    if (!template.includes("#")) return [texts.join(template), written[0][1] === 1.5 ? 1.5 : level];
    return [template.replace(/#(\*|\d|\{\w+\})/g, (_, word) => (word === "*" ? texts.join(", ")
      : word[0] === "{" ? slot(word.slice(1, -1), params || {}) : texts[word - 1] ?? "?")), level];
  }
  // What stands at #{word}: axes and an index if the operation has them, else a parameter.
  function slot(word, params) {
    if (word === "dim") {
      const axes = params.axes ?? params.axis;
      if (axes === undefined || axes === null || params.shape?.every((n) => n === 1)) return "";
      return `_{\\mathrm{dim}\\ ${[].concat(axes).join(", ")}}`;
    }
    if (word === "at" || word === "into") {
      const index = (params.index ?? []).slice(), end = (v) => (v === null ? "" : v < 0 ? `{${v}}` : v);
      if (index[index.length - 1] === "...") index.pop();
      const shown = index.map((part) => (typeof part === "object" && part ? `${end(part.slice[0])}{:}${end(part.slice[1])}${part.slice[2] ? "{:}" + part.slice[2] : ""}`
        : part === "..." ? "\\dots" : part === null ? "None" : String(end(part)))).join(", ");
      return word === "at" ? shown || "\\cdot" : shown && `_{[${shown}]}`;
    }
    const value = params[word] ?? word;
    return Array.isArray(value) ? `[${value.join(", ")}]` : value;
  }

  // An index with letters: [2i+1,j].
  const SIGN = new RegExp(Object.keys(notation.index).join("|"), "g");
  const indexTex = (index) => index.join(",").replace(SIGN, (sign) => notation.index[sign]);

  // The letters for the axes of a result: without i beside the imaginary unit; none is the name of a tensor.
  const AXES = "ijklmn", SPARE = "acfhyz";
  function ofAxes(labels) {
    const free = [...SPARE].filter((c) => !labels.includes(c)), names = {};
    [...AXES].filter((c) => labels.includes(c)).forEach((c, k) => { if (free[k]) names[c] = free[k]; });
    return names;
  }
  function letters(tree, shape, labels) {
    const free = AXES.slice(/"(?:cis|complex)"/.test(JSON.stringify(tree)) ? 1 : 0), names = ofAxes(labels);
    return shape.map((n, a) => (n === 1 ? 0 : names[free[a]] ?? free[a])).join(",");
  }

  // The same rule with other letters where a tensor of the program is called b, or i, too.
  const OVER = ["sigma", "pi", "greatest", "least"], ALONE = /(?<![a-z])[a-z](?![a-z])/g;
  const mentioned = (t) => (typeof t === "string" ? t.match(ALONE) || [] : t && typeof t === "object" ? Object.values(t).flatMap(mentioned) : []);
  function unclashed(tree, labels) {
    const counting = (t) => (!Array.isArray(t) || t[0] === "at" ? [] : [...(OVER.includes(t[0]) ? t[1].match(ALONE) || [] : []), ...t.slice(2).flatMap(counting)]);
    const clash = [...new Set(counting(tree))].filter((c) => labels.includes(c)).sort(), names = ofAxes(labels);
    const taken = new Set([...labels, ...Object.values(names), ...mentioned(tree)]), free = [..."bkpqrstuvw", ...SPARE].filter((c) => !taken.has(c));
    clash.forEach((c, k) => { if (free[k]) names[c] = free[k]; });
    const put = (text) => (typeof text === "string" ? text.replace(ALONE, (c) => names[c] ?? c) : text);
    const renamed = (t) => {
      if (!Array.isArray(t)) return t;
      const [kind, what, ...rest] = t;
      if (kind === "at") return [kind, Array.isArray(what) ? renamed(what) : what, rest[0].map(put)];
      return kind === "says" ? [kind, { text: put(what.text) }] : [kind, OVER.includes(kind) ? put(what) : what, ...rest.map(renamed)];
    };
    return renamed(tree);
  }

  function terms(count, parts, name) {
    const texts = parts.map((part, i) => inside(write(part, name), i ? 1.5 : 1));
    if (count > parts.length) texts.splice(texts.length - 1, 0, "\\dots");
    return texts.length ? [texts.join(" + "), texts.length > 1 ? 1 : 2] : ["0", ATOM];
  }

  // --- shapes and elements ------------------------------------------------------------------------

  function broadcast(shapes) {
    const rank = Math.max(0, ...shapes.map((s) => s.length)), out = [];
    for (let i = 0; i < rank; i++) {
      let n = 1;
      for (const s of shapes) {
        const m = s[s.length - rank + i] ?? 1;
        if (m !== 1) { if (n !== 1 && n !== m) return null; n = m; }
      }
      out.push(n);
    }
    return out;
  }
  function shapeOf(tree, shapes) {
    if (isNumber(tree) || typeof tree === "boolean") return [];
    if (typeof tree === "string") return shapes[tree] ?? null;
    const [, params, ...parts] = tree;
    if (params?.shape) return params.shape;
    const inner = parts.map((part) => shapeOf(part, shapes));
    return inner.includes(null) ? null : broadcast(inner);
  }
  const aligned = (index, shape) => shape.map((n, i) => (n === 1 ? 0 : index[index.length - shape.length + i]));
  function unravel(flat, shape) {
    const out = [];
    for (let i = shape.length - 1; i >= 0; i--) { out.unshift(flat % shape[i]); flat = Math.floor(flat / shape[i]); }
    return out;
  }
  const ravel = (index, shape) => index.reduce((flat, i, k) => flat * shape[k] + i, 0);
  const size = (shape) => shape.reduce((a, b) => a * b, 1);

  // --- one element, by the rules that a tree carries: rules.py says what they mean --------------------

  class Outside extends Error {}  // the index lies outside its array: the term is left out
  class Unknown extends Error {}

  function element(tree, index, shapes, most) {
    if (isNumber(tree) || typeof tree === "boolean") return tree;
    const shape = shapeOf(tree, shapes);
    if (shape === null) throw new Unknown();
    if (!shape.every((n, a) => index[a] >= 0 && index[a] < n)) throw new Outside();
    if (typeof tree === "string") return ["at", tree, index];
    const [op, params, ...parts] = tree;
    if (!params?.shape) return [op, params, ...parts.map((part) => each(part, index, shapes, most))];
    if (op === "linear") return tabled(params, parts, index, shapes, most);
    if (params.rule === undefined) return ["at", tree, index];
    const operands = op === "part" ? [...parts[0].slice(2), ...parts.slice(1)] : parts, letters = {};  // a part's rule is of the operands of its whole
    index.forEach((i, a) => { letters["o" + a] = i; });
    try { return applied(params.rule, letters, operands, shapes, most); } catch (error) {
      if (error instanceof Outside) return 0;
      throw error;
    }
  }
  function each(part, index, shapes, most) {
    const shape = shapeOf(part, shapes);
    if (shape === null) throw new Unknown();
    return element(part, aligned(index, shape), shapes, most);
  }
  function applied(rule, letters, parts, shapes, most) {
    if (!Array.isArray(rule)) return rule;
    const [kind, what, ...rest] = rule;
    if (kind === "of") {
      const operand = isNumber(what) ? parts[what] : [what[0], what[1], ...what.slice(2).map((k) => parts[k])];
      return element(operand, rest[0].map((i) => spot(i, letters)), shapes, most);
    }
    if (kind === "sigma") return terms_(what, rest[0], letters, parts, shapes, most);
    if (kind === "pi") {
      const factors = places(what, letters).filter((at) => rest[0].every((c) => holds(c, at))).map((at) => applied(rest[1], at, parts, shapes, most));
      return factors.length > 1 ? ["mul", null, ...factors] : factors[0] ?? 1;
    }
    if (kind === "greatest" || kind === "least") {
      const found = places(what, letters).map((at) => inside_(() => applied(rest[0], at, parts, shapes, most))).filter((t) => t !== null);
      return found.length > 1 ? [kind === "least" ? "minimum" : "maximum", null, ...found] : found[0] ?? null;
    }
    if (kind === "when") {
      if (!what.every((condition) => holds(condition, letters))) throw new Outside();
      return applied(rest[0], letters, parts, shapes, most);
    }
    if (kind === "index") return spot(what, letters);
    const inner = [];
    for (const part of rest) {
      try { inner.push(applied(part, letters, parts, shapes, most)); } catch (error) {
        if (kind !== "add" || !(error instanceof Outside)) throw error;
      }
    }
    return inner.length > 1 || kind !== "add" ? [kind, what, ...inner] : inner[0] ?? 0;
  }
  // What a rule gives; null where its index lies outside.
  function inside_(follow) {
    try { return follow(); } catch (error) {
      if (error instanceof Outside) return null;
      throw error;
    }
  }
  function places(letters, known) {
    const shape = letters.map(([, n]) => n), list = [];
    for (let k = 0; k < size(shape); k++) {
      const at = unravel(k, shape), all = { ...known };
      letters.forEach(([name], a) => { all[name] = at[a]; });
      list.push(all);
    }
    return list;
  }
  // The terms of a sum that are there; of more than `most`, the first ones and the last.
  function terms_(letters, rule, known, parts, shapes, most) {
    const shape = letters.map(([, n]) => n), count = size(shape);
    const term = (k) => {
      const at = unravel(k, shape), all = { ...known };
      letters.forEach(([name], a) => { all[name] = at[a]; });
      return inside_(() => applied(rule, all, parts, shapes, most));
    };
    const list = [];
    for (let k = 0; k < count && !(most && list.length > most); k++) { const found = term(k); if (found !== null) list.push(found); }
    if (!most || list.length <= most) return ["terms", list.length, ...list];
    let last = null;
    for (let k = count - 1; last === null; k--) last = term(k);
    return ["terms", most + 1, ...list.slice(0, most - 1), last];
  }
  function spot(index, letters) {
    if (isNumber(index)) return index;
    if (typeof index === "string") return letters[index];
    const [kind, ...rest] = index;
    if (kind === "ravel") return ravel(rest.slice(1).map((i) => spot(i, letters)), rest[0]);
    if (kind === "digit") return Math.floor(spot(rest[2], letters) / size(rest[0].slice(rest[1] + 1))) % rest[0][rest[1]];
    const values = rest.map((i) => spot(i, letters));
    if (kind === "+") return values.reduce((a, b) => a + b, 0);
    if (kind === "mod") return ((values[0] % values[1]) + values[1]) % values[1];
    if (kind === "/") {
      if (values[0] % values[1]) throw new Outside();
      return values[0] / values[1];
    }
    return values.reduce((a, b) => a * b, 1);
  }
  function holds([kind, ...rest], letters) {
    const [i, j, end] = rest.map((part) => spot(part, letters));
    return kind === "within" ? j <= i && i < end : kind === "differ" ? i !== j : kind === "same" ? i === j : i <= j;
  }
  // An operation that is given as a table: which elements each element sums up.
  function tabled(params, parts, index, shapes, most) {
    const flat = ravel(index, params.shape), source = params.from[flat], sources = (Array.isArray(source) ? source : [source]).filter((k) => k >= 0);
    const weights = params.by ? params.by[flat] : null;
    const term = (term_) => {
      let place = sources[term_];
      for (const [k, which] of params.of.entries()) {
        const shape = params.shapes[k];
        if (place < size(shape)) {
          const part = element(parts[which], unravel(place, shape), shapes, most);
          return !weights || weights[term_] === 1 ? part : ["mul", null, weights[term_], part];
        }
        place -= size(shape);
      }
      throw new Unknown();
    };
    if (sources.length < 2) return sources.length ? term(0) : 0;
    const picked = !most || sources.length <= most ? [...sources.keys()] : [...Array(most - 1).keys(), sources.length - 1];
    return ["terms", sources.length, ...picked.map(term)];
  }

  function elementOf(tree, index, shapes, most) {
    const inner = shapeOf(tree, shapes);
    if (inner === null || inner.length > index.length) return null;
    try { return element(tree, aligned(index, inner), shapes, most); } catch (error) {
      if (error instanceof Unknown) return null;
      throw error;
    }
  }

  // --- with numbers -------------------------------------------------------------------------------

  // What a leaf is an element of: an array, or what an operation without a rule gives.
  // Computed once for the same arrays, as every term of a sum asks for it.
  const wholes = new WeakMap();
  function held(what, values) {
    if (!Array.isArray(what)) return values[what];
    if (!wholes.has(values)) wholes.set(values, new Map());
    const known = wholes.get(values), key = JSON.stringify(what);
    if (!known.has(key)) known.set(key, T.replay.run(what, values, false));
    return known.get(key);
  }
  const look = (leaf, values) => {
    const a = held(leaf[1], values);
    return a.data[ravel(leaf[2], a.shape)];
  };
  function settle(tree, values) {
    if (!Array.isArray(tree) || tree[0] === "at") return tree;
    const [op, params, ...parts] = tree;
    if (op === "bracket") return evaluate(parts[0], values) ? 1 : 0;
    if (op === "where") return settle(evaluate(parts[0], values) ? parts[1] : parts[2], values);
    return [op, params, ...parts.map((part) => settle(part, values))];
  }
  function evaluate(tree, values) {
    if (!Array.isArray(tree)) return tree;
    if (tree[0] === "at") return look(tree, values);
    const [op, params, ...parts] = tree;
    const inner = parts.map((part) => evaluate(part, values));
    if (op === "terms") return inner.reduce(T.complex.plus, 0);
    const found = T.complex.compute(op, params, inner);
    if (found === undefined) throw new T.replay.Missing(op);
    return found;
  }
  // Shown as the document has it: 0.1 of float32 is 0.1.
  const shown = (leaf, values) => { const a = held(leaf[1], values); return (a.raw ?? a.data)[ravel(leaf[2], a.shape)]; };
  const numbersOf = (found, values) => (Array.isArray(found) && found[0] === "at" && Array.isArray(found[1]) ? null
    : tex(settle(found, values), (leaf) => number(shown(leaf, values))));

  // `left = a + b + c = result`, in as many rows as it takes; without a left side the first sum is one.
  function broken(left, numbers, sign, result) {
    const head = left && `${left} = `, whole = numbers && (numbers !== result || !left) ? `${head}${numbers} ${sign} ${result}` : `${head}${result}`;
    const seen = (text) => text.replace(/\\[a-z]+|[{}]/g, "").length;
    if (!numbers || seen(whole) < 46) return [whole];
    const terms = [""];
    let depth = 0;
    for (const word of numbers.split(/( [+-] |[{}()])/)) {
      if (word === "{" || word === "(") depth++;
      if (word === "}" || word === ")") depth--;
      if ((word === " + " || word === " - ") && depth === 0) terms.push(word); else terms[terms.length - 1] += word;
    }
    const rows = [];
    for (const term of terms) {
      const last = rows.length - 1;
      if (last >= 0 && seen(rows[last]) + seen(term) < 30) rows[last] += term;
      else rows.push((rows.length ? "\\quad" : left && "= ") + term);
    }
    return [...(left ? [left] : []), ...rows, `${sign} ${result}`];
  }

  return { added, broken, texInside, indexTex, number, numberText, texNumber, texName, tex, shapeOf, broadcast, element: elementOf, numbersOf, evaluate,
    unravel, ravel, size, aligned, letters, unclashed };
};
