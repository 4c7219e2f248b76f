// Matrices as a whole, for what has no rule for single elements: inverses, determinants, factors.
"use strict";
T.replay.LINALG = (() => {
  const rows = (a) => { const n = a.shape[a.shape.length - 1], out = []; for (let k = 0; k < a.data.length; k += n) out.push(Array.from(a.data.slice(k, k + n))); return out; };
  const flat = (list) => ({ shape: [list.length, list[0]?.length ?? 0], data: Float64Array.from(list.flat()) });
  const times = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((s, v, k) => s + v * b[k][j], 0)));
  const identity = (n) => [...Array(n).keys()].map((i) => [...Array(n).keys()].map((j) => (i === j ? 1 : 0)));
  const turned = (a) => a[0].map((_, j) => a.map((row) => row[j]));

  // What elements are: numbers, or complex ones.
  const REAL = { minus: (a, b) => a - b, times: (a, b) => a * b, over: (a, b) => a / b };
  const COMPLEX = Object.fromEntries([["minus", "sub"], ["times", "mul"], ["over", "div"]].map(([name, op]) => [name, (a, b) => T.complex.compute(op, {}, [a, b])]));
  // Gauss with pivots: [inverse times b, determinant].
  function solved(matrix, right) {
    const { minus, times, over } = matrix.some((row) => row.some((v) => v instanceof T.Complex)) ? COMPLEX : REAL;
    const n = matrix.length, a = matrix.map((row) => [...row]), b = right.map((row) => [...row]);
    let det = 1;
    for (let c = 0; c < n; c++) {
      let p = c;
      for (let r = c + 1; r < n; r++) if (Math.abs(a[r][c]) > Math.abs(a[p][c])) p = r;
      if (p !== c) { [a[c], a[p]] = [a[p], a[c]]; [b[c], b[p]] = [b[p], b[c]]; det = times(det, -1); }
      det = times(det, a[c][c]);
      for (let r = 0; r < n; r++) {
        if (r === c) continue;
        const f = over(a[r][c], a[c][c]);
        for (let k = c; k < n; k++) a[r][k] = minus(a[r][k], times(f, a[c][k]));
        for (let k = 0; k < b[r].length; k++) b[r][k] = minus(b[r][k], times(f, b[c][k]));
      }
    }
    return [b.map((row, r) => row.map((v) => over(v, a[r][r]))), det];
  }
  const inverse = (a) => solved(a, identity(a.length))[0];
  const determinant = (a) => solved(a, a.map(() => []))[1];
  const half = (a, p) => a.map((row, i) => row.map((v, j) => (p.unit && i === j ? 1 : (p.upper ? j >= i : j <= i) ? v : 0)));

  function cholesky(a) {
    const l = a.map((row) => row.map(() => 0));
    for (let i = 0; i < a.length; i++) for (let j = 0; j <= i; j++) {
      let s = a[i][j];
      for (let k = 0; k < j; k++) s -= l[i][k] * l[j][k];
      l[i][j] = i === j ? Math.sqrt(s) : s / l[j][j];
    }
    return l;
  }
  // By reflections, with the signs of LAPACK.
  function factors(a) {
    const m = a.length, n = a[0].length, size = Math.min(m, n);
    let r = a.map((row) => [...row]), q = identity(m);
    for (let c = 0; c < Math.min(m - 1, n); c++) {
      const norm = Math.hypot(...r.slice(c).map((row) => row[c]));
      if (!r.slice(c + 1).some((row) => row[c])) continue;
      const v = r.map((row, i) => (i < c ? 0 : row[c]));
      v[c] += r[c][c] < 0 ? -norm : norm;
      const length = v.reduce((s, x) => s + x * x, 0), h = identity(m).map((row, i) => row.map((x, j) => x - 2 * v[i] * v[j] / length));
      r = times(h, r);
      q = times(q, h);
    }
    return [q.map((row) => row.slice(0, size)), r.slice(0, size).map((row, i) => row.map((v, j) => (j < i ? 0 : v)))];
  }

  // exp(a) = exp(a / 2^s)^(2^s), by Taylor's series where that is small.
  function exponential(a) {
    const scaled = (m, f) => m.map((row) => row.map((v) => v * f)), plus = (x, y) => x.map((row, i) => row.map((v, j) => v + y[i][j]));
    const norm = Math.max(0, ...a.map((row) => row.reduce((s, v) => s + Math.abs(v), 0))), s = Math.max(0, Math.ceil(Math.log2(norm || 1)) + 1);
    const small = scaled(a, 2 ** -s);
    let term = identity(a.length), total = term;
    for (let k = 1; k < 20; k++) { term = scaled(times(term, small), 1 / k); total = plus(total, term); }
    for (let k = 0; k < s; k++) total = times(total, total);
    return total;
  }

  const minor = (a, i, j) => a.filter((_, r) => r !== i).map((row) => row.filter((_, c) => c !== j));
  const adjugate = (a) => turned(a.map((row, i) => row.map((_, j) => ((i + j) % 2 ? -1 : 1) * (a.length > 1 ? determinant(minor(a, i, j)) : 1))));

  // One operation for each matrix of a batch.
  function each(f, shape) {
    return (p, x) => {
      const size = x.shape.slice(-2).reduce((a, b) => a * b, 1), data = [];
      for (let k = 0; k < x.data.length; k += size) data.push(...f(rows({ shape: x.shape.slice(-2), data: x.data.slice(k, k + size) }), p));
      return { shape: shape(x.shape), data: T.complex.gathered(data) };
    };
  }
  const either = (f, shape) => Object.assign(each(f, shape), { complex: true });  // of complex numbers, too
  const same = (s) => s, lead = (s) => s.slice(0, -2);
  const single = (x) => { if (x.shape.length !== 2) throw new T.replay.Missing("batches of matrices"); return rows(x); };
  return {
    linalg_inv_ex: either((a) => inverse(a).flat(), same), inverse_triangular: either((a, p) => inverse(half(a, p)).flat(), same),
    linalg_det: either((a) => [determinant(a)], lead), adjugate: each((a) => adjugate(a).flat(), same),
    linalg_matrix_exp: each((a) => exponential(a).flat(), same),
    linalg_cholesky_ex: each((a) => cholesky(a).flat(), same),
    linalg_qr: (p, x) => { const [q, r] = factors(single(x)); return { shape: [], data: [], outputs: [flat(q), flat(r)] }; },
    linalg_slogdet: (p, x) => { const d = determinant(single(x)), one = (v) => ({ shape: [], data: Float64Array.of(v) }); return { shape: [], data: [], outputs: [one(Math.sign(d)), one(Math.log(Math.abs(d)))] }; },
  };
})();
