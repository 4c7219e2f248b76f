// Contrast as the Web Content Accessibility Guidelines define it, of all that is drawn now.
() => {
  const numbers = (text) => {
    const srgb = /^color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)(?: \/ ([\d.e-]+))?\)$/.exec(text);
    if (srgb) return [...srgb.slice(1, 4).map((v) => Number(v) * 255), Number(srgb[4] ?? 1)];
    const rgb = /^rgba?\(([^)]*)\)$/.exec(text);
    if (text === "none") return null;
    if (!rgb) throw new Error(`a colour that cannot be read: ${text}`);
    const parts = rgb[1].split(/[ ,/]+/).map(Number);
    return [...parts.slice(0, 3), parts[3] ?? 1];
  };
  const over = (top, below) => [0, 1, 2].map((k) => top[k] * top[3] + below[k] * (1 - top[3]));
  const light = (c) => {
    const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const ground = (element) => {
    if (!element || element === document.documentElement) return numbers(getComputedStyle(document.body).backgroundColor).slice(0, 3);
    const own = numbers(getComputedStyle(element).backgroundColor);
    return own && own[3] > 0 ? over(own, own[3] < 1 ? ground(element.parentElement) : own) : ground(element.parentElement);
  };
  const seen = (element) => {
    let all = 1;
    for (let e = element; e instanceof Element; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.visibility === "hidden" || style.display === "none") return 0;
      all *= Number(style.opacity);
    }
    const box = element.getBoundingClientRect();
    return box.width && box.height ? all : 0;
  };
  const wrong = [], count = { text: 0, graphics: 0 };
  const hold = (kind, element, colour, below, least) => {
    const alpha = seen(element), drawn = colour && [...colour.slice(0, 3), colour[3] * alpha];
    if (!alpha || !drawn || drawn[3] === 0) return;
    count[kind] += 1;
    const found = ratio(over(drawn, below), below);
    if (found < least) wrong.push(`${kind} ${element.tagName}.${element.getAttribute("class")} ${element.textContent.slice(0, 20)} ${found.toFixed(2)}`);
  };
  for (const element of document.querySelectorAll("body *")) {
    const said = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!said || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName) || element.closest("noscript, .katex-mathml annotation, annotation")) continue;
    const style = getComputedStyle(element);
    if (element instanceof SVGElement) {
      const item = element.closest(".item"), canvas = ground(element.closest("svg"));
      const body = item && numbers(getComputedStyle(item.querySelector(".body")).fill);
      hold("text", element, numbers(style.fill), body ? over(body, canvas) : canvas, 4.5);
    } else {
      const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      hold("text", element, numbers(style.color), ground(element), large ? 3 : 4.5);
    }
  }
  for (const element of document.querySelectorAll("svg .edge, svg .item .body, svg polyline, svg.histogram rect, .minimap rect")) {
    const style = getComputedStyle(element), below = ground(element.closest("svg"));
    const line = element.matches(".edge, .body, polyline"), colour = numbers(line ? style.stroke : style.fill);
    hold("graphics", element, colour, below, 3);
  }
  for (const element of document.querySelectorAll("button:not(.link):not([role=tab]):not(.icon), input[type=search], input[type=text], select")) {
    const style = getComputedStyle(element);
    if (parseFloat(style.borderTopWidth) > 0) hold("graphics", element, numbers(style.borderTopColor), ground(element.parentElement), 3);
  }
  const search = document.querySelector("input[type=search]");
  hold("text", search, numbers(getComputedStyle(search, "::placeholder").color), ground(search), 4.5);
  return { wrong, count };
}
