// Formulas: trees as LaTeX, one element followed through products and sums, numbers put in.
// The same table (notation.json) and the same steps as the Python side; a test compares the two.
"use strict";
T.parts.formula = function (notation) {
  const ELEMENTWISE = new Set(("add sub mul div neg pow reciprocal maximum minimum relu abs sqrt rsqrt exp exp2 expm1 log " +
    "log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh atan2 hypot sigmoid erf erfc erfinv " +
    "lgamma digamma sign where clamp gelu silu softplus leaky_relu elu hardtanh bracket eq ne lt le gt ge and or not " +
    "floor ceil trunc round remainder fmod square bitwise_and bitwise_or logical_not logical_and logical_or to_copy conj real imag").split(" "));
  const ATOM = 5;
  const isNumber = (t) => typeof t === "number";

  // --- numbers as text: as Python's %.6g --------------------------------------------------------

  function numberText(value, digits = 6) {
    if (typeof value === "string") return value;
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

  function texNumber(text) {
    const bare = text.replace(/^-/, "");
    if (bare === "inf" || bare === "nan") return (text[0] === "-" ? "-" : "") + (bare === "inf" ? "\\infty" : "\\mathrm{nan}");
    const [mantissa, exponent] = text.split("e");
    return exponent === undefined ? text : `${mantissa} \\times 10^{${exponent.replace(/^\+/, "")}}`;
  }

  function number(value) {
    const text = texNumber(numberText(value));
    return [text, text.startsWith("-") ? 1 : text.includes("times") ? 2 : ATOM];
  }

  const GREEK = new Set("alpha beta gamma delta epsilon zeta eta theta lambda mu nu xi rho sigma tau phi chi psi omega".split(" "));
  const escaped = (name) => name.replace(/[\\_#$%&{}^~]/g, (c) => ("_#$%&{}".includes(c) ? "\\" + c : " "));
  function texName(name) {
    if (GREEK.has(name)) return "\\" + name;
    if (name.length === 1 && name.charCodeAt(0) < 128 && name !== "\\") return name;
    const match = /^([A-Za-z])_?(\d+)$/.exec(name);
    return match ? `${match[1]}_{${match[2]}}` : `\\mathrm{${escaped(name)}}`;
  }

  // --- LaTeX ------------------------------------------------------------------------------------

  const inside = ([text, level], least) => (level >= least ? text : `\\left(${text}\\right)`);

  // Brackets of the height of a letter where nothing inside is higher.
  function tex(tree, name) {
    const text = write(tree, name)[0];
    return text.includes("\\frac") ? text : text.replace(/\\(?:left|right)(?=[()[\]|])/g, "");
  }

  function write(tree, name) {
    if (isNumber(tree) || typeof tree === "boolean") return number(tree);
    if (typeof tree === "string" || tree[0] === "at") return name(tree);
    const [op, params, ...parts] = tree;
    if (op === "terms") return terms(params, parts, name);
    if (op === "sigma") return [`\\sum_{${params}} ${inside(write(parts[0], name), 2)}`, 2];
    if (op === "says") return [indexTex([params.text]), 0.5];
    if (op === "part") return [`${inside(write(parts[0], name), ATOM)}[${params.index}]`, ATOM];
    if (op === "linear") return call(params.op, parts.filter((t) => !(typeof t === "string" && /^c\d*$/.test(t))), params, name);
    return call(op, parts, params, name);
  }

  function call(op, parts, params, name) {
    const entry = notation[op];
    if (op === "mul") {
      const [sign, level, [least]] = entry.tex;
      const texts = parts.map((part, i) => {
        const written = write(part, name);
        return inside(written, i === 0 && written[1] === 1 && isNumber(part) ? 1 : least);
      });
      return [texts.join(sign), level];
    }
    const count = entry?.plus ?? parts.length;
    if (parts.length > count) {  // a bias that some calls have
      return [`${inside(call(op, parts.slice(0, count), params, name), 1)} + ${inside(write(parts[count], name), 2)}`, 1];
    }
    const written = parts.map((part) => write(part, name));
    if (!entry) return [`\\mathrm{${escaped(op)}}\\left(${written.map((w) => w[0]).join(", ")}\\right)`, ATOM];
    if (entry.through) return written[0];
    const [template, level, levels] = entry.tex;
    const texts = written.map((w, i) => inside(w, levels[Math.min(i, levels.length - 1)]));
    return [template.replace(/#(\d)/g, (_, d) => (d <= texts.length ? texts[d - 1] : "?")), level];
  }

  // An index with letters: [2i+1,j].
  const SIGNS = { "⌊": "\\lfloor ", "⌋": "\\rfloor ", " mod ": " \\bmod ", "≤": "\\leq" };
  const indexTex = (index) => index.join(",").replace(/⌊|⌋| mod |≤/g, (sign) => SIGNS[sign]);

  function terms(count, parts, name) {
    const texts = parts.map((part, i) => inside(write(part, name), i ? 2 : 1));
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
  const reduced = (p, s) => (p.keepdims ? s.map((n, i) => (p.axes.includes(i) ? 1 : n)) : s.filter((_, i) => !p.axes.includes(i)));
  const SHAPES = {
    mm: (p, x, y) => { const lead = x.length > 1 && y.length > 1 ? broadcast([x.slice(0, -2), y.slice(0, -2)]) : null; return lead && [...lead, x[x.length - 2], y[y.length - 1]]; },
    mv: (p, x) => (x.length === 2 ? [x[0]] : null), dot: () => [],
    addmm: (p, x, w) => (x.length ? [...x.slice(0, -1), w[0]] : null), linear: (p) => p.shape,
    permute: (p, x) => p.axes.map((a) => x[a]),
    view: (p) => p.shape, expand: (p) => p.shape, slice_backward: (p) => p.shape,
    slice: (p, x) => { const axes = axesOf(p.index, x); return axes && axes.filter((a) => a[2] !== null).map((a) => a[2]); },
    sum: reduced, mean: reduced, other_products: (p, x) => x,
    convolution: (p, x, w) => [x[0], w[0], ...p.size], transposed_convolution: (p, x, w) => [x[0], w[1] * p.groups, ...p.size],
    convolution_weight: (p, x, g) => [g[1], x[1] / p.groups, ...p.size],
  };
  function shapeOf(tree, shapes) {
    if (isNumber(tree) || typeof tree === "boolean") return [];
    if (typeof tree === "string") return shapes[tree] ?? null;
    const [op, params, ...parts] = tree;
    const inner = parts.map((part) => shapeOf(part, shapes));
    if (inner.includes(null)) return null;
    if (ELEMENTWISE.has(op)) return broadcast(inner);
    return SHAPES[op] ? SHAPES[op](params, ...inner) : null;
  }
  const aligned = (index, shape) => shape.map((n, i) => (n === 1 ? 0 : index[index.length - shape.length + i]));

  function axesOf(index, shape) {
    const whole = { slice: [null, null, null] };
    let items = [...index];
    const dots = items.indexOf("...");
    if (dots >= 0) items.splice(dots, 1, ...Array(shape.length - (items.length - 1)).fill(whole));
    while (items.length < shape.length) items.push(whole);
    const found = [];
    for (let k = 0; k < items.length; k++) {
      const item = items[k], n = shape[k];
      if (isNumber(item)) found.push([((item % n) + n) % n, 1, null]);
      else if (item && item.slice) {
        const step = item.slice[2] ?? 1;
        const fix = (v, d) => (v === null ? d : Math.max(0, Math.min(n, v < 0 ? v + n : v)));
        if (step < 0) return null;
        const start = fix(item.slice[0], 0), stop = fix(item.slice[1], n);
        found.push([start, step, Math.max(0, Math.ceil((stop - start) / step))]);
      } else return null;
    }
    return found;
  }

  function element(tree, index, shapes, most) {
    if (isNumber(tree) || typeof tree === "boolean") return tree;
    if (typeof tree === "string") return shapes[tree] ? ["at", tree, aligned(index, shapes[tree])] : null;
    const [op, params, ...parts] = tree;
    if (ELEMENTWISE.has(op)) {
      const inner = parts.map((part) => {
        const shape = shapeOf(part, shapes);
        return shape && element(part, aligned(index, shape), shapes, most);
      });
      return inner.some((i) => i === null) ? null : [op, params, ...inner];
    }
    return ELEMENTS[op] ? ELEMENTS[op](params, parts, index, shapes, most) : null;
  }

  function sumOf(make, total, most) {
    const picked = !most || total <= most ? [...Array(total).keys()] : [...Array(most - 1).keys(), total - 1];
    const list = picked.map(make);
    return list.some((t) => t === null) ? null : ["terms", total, ...list];
  }
  // Σ_k left(k)·right(k)
  function product(left, right, total, most) {
    return sumOf((k) => {
      const a = left(k), b = right(k);
      return a === null || b === null ? null : ["mul", null, a, b];
    }, total, most);
  }
  function unravel(flat, shape) {
    const out = [];
    for (let i = shape.length - 1; i >= 0; i--) { out.unshift(flat % shape[i]); flat = Math.floor(flat / shape[i]); }
    return out;
  }
  const ravel = (index, shape) => index.reduce((flat, i, k) => flat * shape[k] + i, 0);
  const size = (shape) => shape.reduce((a, b) => a * b, 1);

  const steps = (shape) => [...Array(size(shape)).keys()].map((k) => unravel(k, shape));
  // Where weight k of window p lies in x; null outside.
  function meets(params, k, p, n) {
    const spot = p.map((v, a) => v * params.stride[a] + k[a] * params.dilation[a] - params.padding[a]);
    return spot.every((v, a) => v >= 0 && v < n[a]) ? spot : null;
  }
  const pairs = (x, y, places, shapes, most) =>
    product((k) => element(x, places[k][0], shapes, most), (k) => element(y, places[k][1], shapes, most), places.length, most);
  const biased = (whole, bias, channel, shapes) =>
    (whole === null || bias === undefined ? whole : ["add", null, whole, element(bias, [channel], shapes)]);

  const ELEMENTS = {
    mm(params, [x, y], index, shapes, most) {
      const a = shapeOf(x, shapes), b = shapeOf(y, shapes), lead = index.slice(0, -2), [row, column] = index.slice(-2);
      const left = aligned(lead, a.slice(0, -2)), right = aligned(lead, b.slice(0, -2));
      return product((k) => element(x, [...left, row, k], shapes, most), (k) => element(y, [...right, k, column], shapes, most), a[a.length - 1], most);
    },
    mv: (params, [x, y], index, shapes, most) =>
      product((k) => element(x, [...index, k], shapes, most), (k) => element(y, [k], shapes, most), shapeOf(y, shapes)[0], most),
    dot: (params, parts, index, shapes, most) => ELEMENTS.mv(params, parts, [], shapes, most),
    addmm(params, [x, w, bias], index, shapes, most) {
      const row = index.slice(0, -1), column = index[index.length - 1];
      return biased(product((k) => element(x, [...row, k], shapes, most), (k) => element(w, [column, k], shapes, most), shapeOf(w, shapes)[1], most), bias, column, shapes);
    },
    // The product of all other elements along an axis.
    other_products(params, [x], index, shapes, most) {
      const axis = params.axis < 0 ? params.axis + index.length : params.axis, count = shapeOf(x, shapes)[axis];
      if (most && count > most) return null;
      const factors = [...Array(count).keys()].filter((k) => k !== index[axis]).map((k) => element(x, index.map((v, a) => (a === axis ? k : v)), shapes, most));
      if (factors.includes(null)) return null;
      return factors.length > 1 ? ["mul", null, ...factors] : factors[0] ?? 1;
    },
    // An operation that is given as a table: which elements each element sums up.
    linear(params, parts, index, shapes, most) {
      const flat = ravel(index, params.shape), source = params.from[flat], sources = (Array.isArray(source) ? source : [source]).filter((k) => k >= 0);
      const weights = params.by ? params.by[flat] : null;
      const term = (k) => {
        let place = sources[k], part;
        for (const which of params.of) {
          const shape = shapeOf(parts[which], shapes), count = size(shape);
          if (place < count) { part = element(parts[which], unravel(place, shape), shapes, most); break; }
          place -= count;
        }
        return !weights || weights[k] === 1 || part === null ? part : ["mul", null, weights[k], part];
      };
      return sources.length < 2 ? (sources.length ? term(0) : 0) : sumOf(term, sources.length, most);
    },
    convolution(params, [x, w, bias], index, shapes, most) {
      const n = shapeOf(x, shapes), k = shapeOf(w, shapes), [image, channel, ...p] = index, places = [];
      const first = Math.floor(channel / (k[0] / params.groups)) * k[1];
      for (let c = 0; c < k[1]; c++) for (const at of steps(k.slice(2))) {
        const spot = meets(params, at, p, n.slice(2));
        if (spot) places.push([[image, first + c, ...spot], [channel, c, ...at]]);
      }
      return biased(pairs(x, w, places, shapes, most), bias, channel, shapes);
    },
    // Its transpose by x: every window that a position lay in gives its share back.
    transposed_convolution(params, [g, w, bias], index, shapes, most) {
      const n = shapeOf(g, shapes), k = shapeOf(w, shapes), [image, channel, ...q] = index, places = [];
      const group = Math.floor(channel / k[1]), outs = k[0] / params.groups;
      for (let o = group * outs; o < (group + 1) * outs; o++) for (const at of steps(k.slice(2))) {
        const p = q.map((v, a) => (v + params.padding[a] - at[a] * params.dilation[a]) / params.stride[a]);
        if (p.every((v, a) => Number.isInteger(v) && v >= 0 && v < n[a + 2])) places.push([[image, o, ...p], [o, channel % k[1], ...at]]);
      }
      return biased(pairs(g, w, places, shapes, most), bias, channel, shapes);
    },
    // Its transpose by the weight: a sum over images and windows.
    convolution_weight(params, [x, g], index, shapes, most) {
      const n = shapeOf(x, shapes), m = shapeOf(g, shapes), [channel, inner, ...k] = index, places = [], inputs = n[1] / params.groups;
      const first = Math.floor(channel / (m[1] / params.groups)) * inputs;
      for (let image = 0; image < n[0]; image++) for (const p of steps(m.slice(2))) {
        const spot = meets(params, k, p, n.slice(2));
        if (spot) places.push([[image, first + inner, ...spot], [image, channel, ...p]]);
      }
      return pairs(x, g, places, shapes, most);
    },
    permute(params, parts, index, shapes, most) {
      const inner = [];
      params.axes.forEach((axis, place) => { inner[axis] = index[place]; });
      return element(parts[0], inner, shapes, most);
    },
    view(params, parts, index, shapes, most) {
      const inner = shapeOf(parts[0], shapes);
      return inner && size(inner) ? element(parts[0], unravel(ravel(index, params.shape), inner), shapes, most) : null;
    },
    expand(params, parts, index, shapes, most) {
      const inner = shapeOf(parts[0], shapes);
      return inner && element(parts[0], aligned(index, inner), shapes, most);
    },
    sum(params, parts, index, shapes, most) {
      const inner = shapeOf(parts[0], shapes);
      if (!inner) return null;
      const over = params.axes.map((a) => inner[a]);
      return sumOf((k) => {
        const step = unravel(k, over);
        let kept = 0;
        const full = inner.map((_, a) => {
          const at = params.axes.indexOf(a);
          return at >= 0 ? step[at] : params.keepdims ? index[a] : index[kept++];
        });
        return element(parts[0], full, shapes, most);
      }, size(over), most);
    },
    mean(params, parts, index, shapes, most) {
      const whole = ELEMENTS.sum(params, parts, index, shapes, most);
      return whole && ["div", null, whole, whole[1]];
    },
    slice(params, parts, index, shapes, most) {
      const inner = shapeOf(parts[0], shapes), axes = inner && axesOf(params.index, inner);
      if (!axes) return null;
      let given = 0;
      return element(parts[0], axes.map(([start, step, n]) => (n === null ? start : start + step * index[given++])), shapes, most);
    },
    slice_backward(params, parts, index, shapes, most) {
      const axes = axesOf(params.index, params.shape), inner = [];
      if (!axes) return null;
      for (let k = 0; k < index.length; k++) {
        const [start, step, n] = axes[k], place = (index[k] - start) / step;
        if (!Number.isInteger(place) || place < 0 || place >= (n === null ? 1 : n)) return 0;
        if (n !== null) inner.push(place);
      }
      return element(parts[0], inner, shapes, most);
    },
  };

  function elementOf(tree, index, shapes, most) {
    const inner = shapeOf(tree, shapes);
    return inner === null || inner.length > index.length ? null : element(tree, aligned(index, inner), shapes, most);
  }

  // --- with numbers -------------------------------------------------------------------------------

  const look = (leaf, values) => {
    const a = values[leaf[1]], k = ravel(leaf[2], a.shape);
    if (Array.isArray(a.raw?.[k])) throw new T.replay.Missing("complex");
    return a.data[k];
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
    if (op === "terms") return inner.reduce((a, b) => a + b, 0);
    if (!T.replay.SCALAR[op]) throw new T.replay.Missing(op);
    return T.replay.SCALAR[op](params || {}, ...inner);
  }
  // Shown as the document has it: 0.1 of float32 is 0.1.
  const shown = (leaf, values) => { const a = values[leaf[1]]; return (a.raw ?? a.data)[ravel(leaf[2], a.shape)]; };
  const numbersOf = (found, values) => tex(settle(found, values), (leaf) => number(shown(leaf, values)));

  // `left = a + b + c = result`, in as many rows as it takes.
  function broken(left, numbers, sign, result) {
    const whole = numbers ? `${left} = ${numbers} ${sign} ${result}` : `${left} = ${result}`;
    const seen = (text) => text.replace(/\\[a-z]+|[{}]/g, "").length;
    if (!numbers || seen(whole) < 46) return [whole];
    const terms = [""];
    let depth = 0;
    for (const word of numbers.split(/( \+ |[{}()])/)) {
      if (word === "{" || word === "(") depth++;
      if (word === "}" || word === ")") depth--;
      if (word === " + " && depth === 0) terms.push(""); else terms[terms.length - 1] += word;
    }
    const rows = [];
    for (const term of terms) {
      const last = rows.length - 1;
      if (last >= 0 && seen(rows[last]) + seen(term) < 30) rows[last] += " + " + term;
      else rows.push((rows.length ? "\\quad + " : "= ") + term);
    }
    return [left, ...rows, `${sign} ${result}`];
  }

  return { ELEMENTWISE, ELEMENTS, broken, indexTex, numberText, texNumber, texName, tex, shapeOf, broadcast, element: elementOf, numbersOf, evaluate,
    unravel, ravel, size, aligned };
};
