// Complex numbers: an element of an array is a number or one of these. Operations on them, as in replay.js.
"use strict";
T.Complex = class {
  constructor(re, im) { this.re = re; this.im = im; }
  valueOf() { return Math.hypot(this.re, this.im); }  // what sizes, norms and colours go by
  toJSON() { return [this.re, this.im]; }
};

T.complex = (() => {
  const C = (re, im = 0) => new T.Complex(re, im);
  const lift = (v) => (v instanceof T.Complex ? v : C(Number(v)));
  const add = (a, b) => C(a.re + b.re, a.im + b.im), sub = (a, b) => C(a.re - b.re, a.im - b.im), neg = (a) => C(-a.re, -a.im);
  const mul = (a, b) => C(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re), scaled = (a, k) => C(a.re * k, a.im * k);
  const times_i = (a) => C(-a.im, a.re), one = C(1), conj = (a) => C(a.re, -a.im);
  // Smith's quotient: no overflow where the result has none.
  const div = (a, b) => {
    if (b.im === 0) return C(a.re / b.re, a.im / b.re);
    if (Math.abs(b.re) >= Math.abs(b.im)) {
      const r = b.im / b.re, d = b.re + b.im * r;
      return C((a.re + a.im * r) / d, (a.im - a.re * r) / d);
    }
    const r = b.re / b.im, d = b.re * r + b.im;
    return C((a.re * r + a.im) / d, (a.im * r - a.re) / d);
  };
  const exp = (a) => C(Math.exp(a.re) * Math.cos(a.im), Math.exp(a.re) * Math.sin(a.im));
  const log = (a) => C(Math.log(Math.hypot(a.re, a.im)), Math.atan2(a.im, a.re));
  const sqrt = (a) => {
    const size = Math.hypot(a.re, a.im), re = Math.sqrt((size + Math.abs(a.re)) / 2), im = re ? Math.abs(a.im) / 2 / re : 0;
    return a.re >= 0 ? C(re, a.im < 0 ? -im : im) : C(im, a.im < 0 || Object.is(a.im, -0) ? -re : re);
  };
  // Small whole powers by products, so that z² has no rounding of logarithms.
  const pow = (a, b) => {
    if (b.im === 0 && Number.isInteger(b.re) && Math.abs(b.re) <= 64) {
      let out = one;
      for (let k = 0; k < Math.abs(b.re); k++) out = mul(out, a);
      return b.re < 0 ? div(one, out) : out;
    }
    return a.re === 0 && a.im === 0 ? C(0) : exp(mul(b, log(a)));
  };
  const sinh = (a) => C(Math.sinh(a.re) * Math.cos(a.im), Math.cosh(a.re) * Math.sin(a.im));
  const cosh = (a) => C(Math.cosh(a.re) * Math.cos(a.im), Math.sinh(a.re) * Math.sin(a.im));
  const sin = (a) => neg(times_i(sinh(times_i(a)))), cos = (a) => cosh(times_i(a));
  const asinh = (a) => log(add(a, sqrt(add(mul(a, a), one)))), atanh = (a) => scaled(sub(log(add(one, a)), log(sub(one, a))), 0.5);
  const acosh = (a) => log(add(a, mul(sqrt(add(a, one)), sqrt(sub(a, one)))));
  const asin = (a) => neg(times_i(asinh(times_i(a)))), acos = (a) => sub(C(Math.PI / 2), asin(a)), size = (a) => Math.hypot(a.re, a.im);
  const whole = (a) => a.re !== 0 || a.im !== 0;
  const unary = {
    neg, exp, log, sqrt, sinh, cosh, sin, cos, conj, asinh, acosh, atanh, asin, acos, abs: size, real: (a) => a.re, imag: (a) => a.im,
    tan: (a) => div(sin(a), cos(a)), tanh: (a) => div(sinh(a), cosh(a)), atan: (a) => neg(times_i(atanh(times_i(a)))),
    reciprocal: (a) => div(one, a), square: (a) => mul(a, a), rsqrt: (a) => div(one, sqrt(a)), exp2: (a) => exp(scaled(a, Math.LN2)),
    expm1: (a) => sub(exp(a), one), log2: (a) => scaled(log(a), 1 / Math.LN2), log10: (a) => scaled(log(a), 1 / Math.LN10),
    log1p: (a) => log(add(a, one)), sigmoid: (a) => div(one, add(one, exp(neg(a)))), silu: (a) => div(a, add(one, exp(neg(a)))),
    sign: (a) => (whole(a) ? scaled(a, 1 / size(a)) : C(0)), to_copy: (a) => a, not: (a) => !whole(a), bracket: (a) => (whole(a) ? 1 : 0),
  };
  const table = {
    add: (p, ...v) => v.reduce(add), mul: (p, ...v) => v.reduce(mul), sub: (p, a, b) => sub(a, b), div: (p, a, b) => div(a, b),
    pow: (p, a, b) => pow(a, b), eq: (p, a, b) => a.re === b.re && a.im === b.im, ne: (p, a, b) => a.re !== b.re || a.im !== b.im,
    complex: (p, a, b) => add(a, times_i(b)), where: (p, c, a, b) => (whole(c) ? a : b),
  };
  for (const [name, f] of Object.entries(unary)) table[name] = (p, a) => f(a);
  table.logical_not = table.not;

  // One operation on numbers of either kind; undefined where it is not known.
  function compute(op, params, values) {
    const plain = !values.some((v) => v instanceof T.Complex);
    if (op === "cis") return C(Math.cos(2 * Math.PI * values[0] / params.of), Math.sin(2 * Math.PI * values[0] / params.of));
    if (plain && op === "complex") return C(...values);
    if (plain) return { conj: (v) => v, real: (v) => v, imag: () => 0 }[op]?.(values[0]) ?? T.replay.SCALAR[op]?.(params || {}, ...values);
    return table[op]?.(params || {}, ...values.map(lift));
  }
  const known = (op) => op in table || op in T.replay.SCALAR || op === "cis";
  const rounded = (v) => (v instanceof T.Complex ? C(Math.fround(v.re), Math.fround(v.im)) : Math.fround(v));
  const plus = (a, b) => (a instanceof T.Complex || b instanceof T.Complex ? add(lift(a), lift(b)) : a + b);
  // Elements gathered: complex ones make the whole array complex.
  const gathered = (list) => (list.some((v) => v instanceof T.Complex) ? list.map(lift) : Float64Array.from(list));
  const copy = (data) => (data[0] instanceof T.Complex ? Array.from(data) : Float64Array.from(data));
  return { compute, known, rounded, plus, lift, gathered, copy, has: (array) => array.data?.[0] instanceof T.Complex };
})();
