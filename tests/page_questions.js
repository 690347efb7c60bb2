// What tests/test_browser.py asks of every page: each answer is a list of what is wrong.
window.ask = (() => {
  const article = () => document.querySelector("article.bd-article") ?? document.body;
  const words = (e) => `<${e.tagName.toLowerCase()} class="${e.getAttribute("class") ?? ""}"> ${(e.textContent || e.ariaLabel || "").trim().slice(0, 50)}`;
  const visible = (e) => e.checkVisibility({opacityProperty: true, visibilityProperty: true});

  // ---- contrast of all text, that of formulas and of charts too: 4.5 : 1, large letters 3 : 1 (WCAG 1.4.3)
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true}), known = new Map();
  const rgba = (text) => {
    if (!known.has(text)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      known.set(text, [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255));
    }
    return known.get(text);
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const light = (c) => c.slice(0, 3).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  function faint() {
    const grounds = new Map(), found = new Map();
    const ground = (e) => {
      if (!e) return [1, 1, 1, 1]; // the paper, or the browser's own
      if (!grounds.has(e)) grounds.set(e, over(rgba(getComputedStyle(e).backgroundColor), ground(e.parentElement)));
      return grounds.get(e);
    };
    const opacity = (e) => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1;
    const holders = new Set(document.querySelectorAll("mjx-container")); // their letters are in the style sheet
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const e = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() && !e.closest("script, style, noscript, title, desc, option, mjx-container, :disabled")) holders.add(e);
    }
    for (const e of holders) {
      if (!visible(e)) continue;
      const style = getComputedStyle(e), drawn = e instanceof SVGElement, size = parseFloat(style.fontSize);
      const colour = rgba(drawn ? style.fill : style.color), back = ground(drawn ? e.closest("svg").parentElement : e);
      const text = over([...colour.slice(0, 3), colour[3] * opacity(e)], back);
      const [high, low] = [light(text), light(back)].sort((a, b) => b - a), ratio = (high + 0.05) / (low + 0.05);
      const enough = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      if (ratio < enough - 0.005) found.set(`${ratio.toFixed(2)}`, `contrast ${ratio.toFixed(2)}: ${words(e)}`);
    }
    return [...found.values()];
  }

  // ---- figures in dark mode: on a light card of their own, since they are drawn in black
  function unlitFigures() {
    return [...article().querySelectorAll("img:not(.toggler)")].filter((img) => {
      const spot = new OffscreenCanvas(1, 1).getContext("2d");
      spot.fillStyle = getComputedStyle(img).backgroundColor;
      spot.fillRect(0, 0, 1, 1);
      spot.drawImage(img, 0, 0, 1, 1, 0, 0, 1, 1);
      const corner = [...spot.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
      return corner[3] < 1 || light(corner) < 0.7;
    }).map((img) => `not on a light card: ${img.alt.slice(0, 60)}`);
  }

  // ---- formulas
  const unset = () => [...[...document.querySelectorAll(".math")].filter((e) => !e.querySelector("mjx-container")),
    ...document.querySelectorAll("mjx-merror")].map((e) => `not set: ${words(e)}`);

  // ---- links: what the address names is in view, once the page has glided there
  async function missed() {
    for (let at = NaN; at !== scrollY; await new Promise((done) => setTimeout(done, 200))) at = scrollY;
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const {top, bottom} = (target ?? document.body).getBoundingClientRect();
    return location.hash && !(target && top < innerHeight && bottom > 0) ? [`not in view: ${location.hash} from ${top} to ${bottom}`] : [];
  }

  // ---- keyboard: what has a place in the order of Tab, one of each kind where there are many alike
  const stops = () => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
    .filter((e) => e.tabIndex >= 0 && !e.disabled && visible(e) && !e.closest("dialog:not([open])"));
  const look = (e) => [e, ...e.children, e.nextElementSibling, e.parentElement].filter(Boolean).map((x) => {
    const s = getComputedStyle(x);
    return [s.outlineStyle === "none" || `${s.outlineStyle} ${s.outlineWidth} ${s.outlineColor}`, s.boxShadow, s.backgroundColor,
      parseFloat(s.borderWidth) > 0 && s.borderColor, s.stroke, s.strokeWidth,
      s.textDecorationLine, s.textDecorationThickness].join();
  }).join("|");
  function unfocused() { // after a key was pressed, so that :focus-visible holds
    const found = [], kinds = new Map();
    for (const e of stops()) {
      const kind = `${e.tagName}.${e.className?.baseVal ?? e.className} in ${e.parentElement.className}`;
      kinds.set(kind, [...(kinds.get(kind) ?? []), e]);
    }
    for (const [e] of kinds.values()) {
      document.activeElement.blur();
      const before = look(e);
      e.focus({preventScroll: true});
      if (document.activeElement !== e) found.push(`takes no focus: ${words(e)}`);
      else if (look(e) === before) found.push(`has the focus, and it is not seen: ${words(e)}`);
    }
    document.activeElement.blur();
    return found;
  }

  // ---- widths: what sticks out to the right and lies in no box that scrolls
  function wider() {
    if (document.scrollingElement.scrollWidth <= innerWidth) return [];
    const boxed = (e) => e !== document.body && (getComputedStyle(e).overflowX !== "visible" || boxed(e.parentElement));
    return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !boxed(e))
      .slice(0, 8).map((e) => `wider than the page: ${words(e)}`);
  }

  // ---- paper: nothing that is for a screen only, nothing cut, nothing closed
  function unprintable() {
    const screen = "nav.bd-sidebar-primary, .bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, header, footer, button, input, "
      + ".headerlink, summary, .sw-tip, .prev-next-footer";
    const left = [...document.querySelectorAll(screen)].filter((e) => visible(e) && e.getBoundingClientRect().width > 1);
    const cut = [...article().querySelectorAll(":not(mjx-container *)")].filter((e) => e.clientWidth > 1
      && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible" && visible(e));
    const closed = [...article().querySelectorAll(".admonition.toggle-hidden")];
    return [...left.map((e) => `is for a screen: ${words(e)}`), ...cut.map((e) => `cut at the right: ${words(e)}`),
      ...closed.map((e) => `closed: ${words(e)}`)];
  }
  // ---- what fades or slides is at its end at once
  const still = () => document.getAnimations().filter((a) => a.effect?.getComputedTiming().endTime < Infinity).forEach((a) => a.finish());
  return {still, faint, unlitFigures, unset, missed, unfocused, wider, unprintable};
})();
