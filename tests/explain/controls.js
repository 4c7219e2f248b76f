// The controls of the page: how many can be reached, and what the one with the focus shows.
({
  mark: () => {
    const all = [...document.querySelectorAll(
      "button, input, select, summary, [role=button], [tabindex='0']")];
    const there = all.filter((e) => !e.disabled && e.tabIndex >= 0 && e.getBoundingClientRect().width);
    there.forEach((e, k) => { e.dataset.control = k; });
    return there.length;
  },
  focused: () => {
    const e = document.activeElement, style = getComputedStyle(e), body = e.querySelector?.(".body");
    const named = e.getAttribute("aria-label") || e.textContent.trim() || e.title || e.placeholder
      || e.labels?.[0]?.textContent;
    const ring = style.outlineStyle !== "none"
      || (body && parseFloat(getComputedStyle(body).strokeWidth) >= 2);
    return [e.dataset.control ?? null, Boolean(named), ring, e.outerHTML.slice(0, 90)];
  },
})
