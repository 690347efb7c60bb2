// The charts of every widget: axes, curves, legends and points to drag. Joined to base.js, whose names it uses.

const MARKS = [ // one shape for each slot 0 to 4, inside radius 1; the slot "ref" is a small circle
  "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z", "M-.9 -.9H.9V.9H-.9Z", "M0 -1.15L1.1 .8H-1.1Z",
  "M0 -1.25L1.25 0L0 1.25L-1.25 0Z", "M0 1.15L1.1 -.8H-1.1Z"];
const px = (v) => Math.min(1e4, Math.max(-1e4, v)).toFixed(2);
const markAt = (slot, x, y, size = 4, extra = "") => s("path", {class: `sw-mark sw-m${slot} ${extra}`,
  d: MARKS[slot] ?? MARKS[0], transform: `translate(${px(x)} ${px(y)}) scale(${size})`});

function decades(low, high, count) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const stride = Math.max(1, Math.ceil((last - first) / count)), values = [];
  for (let e = first; e <= last; e += stride) values.push(10 ** e);
  return values;
}

// Axes in a box: quiet grid lines, tick labels, titles. x, y: {low, high, title, log, whole, lanes}; log: a logarithmic axis;
// whole: ticks at whole numbers only; lanes: none. Returns the plot: the layers `under` (below the grid), `clip` (cut off at the box) and `g`, the scales
// sx and sy, and what draws. Curves take a slot 0 to 4 (its colour, dash and mark) or "ref" (grey, for a reference).
function axes(view, width, height, x, y) {
  const {svg, id} = view, box = {left: 60, right: width - 10, top: 24, bottom: height - 34};
  const part = (axis, v) => axis.log ? Math.log10(v / axis.low) / Math.log10(axis.high / axis.low)
    : (v - axis.low) / (axis.high - axis.low);
  const sx = (v) => box.left + part(x, v) * (box.right - box.left);
  const sy = (v) => box.bottom - part(y, v) * (box.bottom - box.top);
  const back = (axis, p) => axis.log ? axis.low * (axis.high / axis.low) ** p : axis.low + p * (axis.high - axis.low);
  const at = (a, b) => [back(x, (a - box.left) / (box.right - box.left)), back(y, (box.bottom - b) / (box.bottom - box.top))];
  for (const [name, value] of Object.entries({viewBox: `0 0 ${width} ${height}`, width, height})) svg.setAttribute(name, value);
  const [under, g] = [s("g"), s("g")], clip = s("g", {"clip-path": `url(#${id}-clip)`});
  const frame = s("rect", {x: box.left - 3, y: box.top - 3, width: box.right - box.left + 6, height: box.bottom - box.top + 6});
  const grid = s("g"), ticksOf = (axis, count) => axis.log ? decades(axis.low, axis.high, count)
    : ticks(axis.low, axis.high, count).filter((v) => !axis.whole || Number.isInteger(v));
  view.layer.replaceChildren(s("clipPath", {id: `${id}-clip`}, frame), under, grid, clip, g);

  const power = Math.floor(Math.log10(Math.max(Math.abs(y.low), Math.abs(y.high))) + 1e-9);
  const scale = !y.log && (power < -1 || power > 4) ? power : 0;
  const text = (axis, v, unit = 0) => axis.log ? power10(Math.round(Math.log10(v))) : fmt(v / 10 ** unit);
  for (const v of x.lanes ? [] : ticksOf(x, width < 320 ? 3.4 : 5)) {
    grid.append(s("path", {class: "sw-grid", d: `M${sx(v)} ${box.top}V${box.bottom}`}),
      s("text", {class: "sw-tick", x: sx(v), y: box.bottom + 14, "text-anchor": "middle"}, text(x, v)));
  }
  for (const v of y.lanes ? [] : ticksOf(y, (box.bottom - box.top) / 36)) {
    grid.append(s("path", {class: "sw-grid", d: `M${box.left} ${sy(v)}H${box.right}`}),
      s("text", {class: "sw-tick", x: box.left - 5, y: sy(v) + 3.5, "text-anchor": "end"}, text(y, v, scale)));
  }
  if (!y.log && y.low < 0 && y.high > 0) grid.append(s("path", {class: "sw-zero", d: `M${box.left} ${sy(0)}H${box.right}`}));
  if (!x.log && x.low < 0 && x.high > 0) grid.append(s("path", {class: "sw-zero", d: `M${sx(0)} ${box.top}V${box.bottom}`}));
  grid.append(label(y.title + (scale ? ` (×${power10(scale)})` : ""), {class: "sw-label", x: 4, y: 13}),
    label(x.title, {class: "sw-label", x: box.right, y: height - 4, "text-anchor": "end"}));

  const points = (xs, ys) => Array.from(ys, (v, i) => [sx(xs ? xs[i] : i), sy(v)]);
  const finite = ([a, b]) => Number.isFinite(a) && Number.isFinite(b);
  const track = (list) => list.map((p, i) => // a gap where a value is not finite
    finite(p) ? `${i && finite(list[i - 1]) ? "L" : "M"}${px(p[0])} ${px(p[1])}` : "").join("");
  const inside = (a, b) => a >= box.left - 1 && a <= box.right + 1 && b >= box.top - 1 && b <= box.bottom + 1;
  const add = (layer, node) => layer.appendChild(node);
  const base = () => y.log ? box.bottom : sy(Math.max(y.low, Math.min(y.high, 0)));
  const plot = {
    g, under, clip, sx, sy, at, box,
    // xs null: the index of each value
    line: (xs, ys, slot = 0, extra = "") =>
      add(clip, s("path", {class: `sw-line sw-m${slot} ${extra}`, d: track(points(xs, ys))})),
    area: (xs, ys, slot = 0, extra = "") => {
      const list = points(xs, ys).filter(finite);
      const ends = list.length ? `L${px(list.at(-1)[0])} ${px(base())}H${px(list[0][0])}Z` : "";
      return add(clip, s("path", {class: `sw-area sw-m${slot} ${extra}`, d: track(list) + ends}));
    },
    dots: (xs, ys, slot = 0, size = 4, extra = "") => add(clip, s("path", {class: `sw-dots sw-m${slot} ${extra}`,
      d: points(xs, ys).filter(finite).map(([a, b]) => `M${px(a)} ${px(b)}h0`).join(""), "stroke-width": size})),
    mark: (a, b, slot = 0, {size = 4.4, hollow = false, extra = ""} = {}) => inside(sx(a), sy(b))
      && add(g, markAt(slot, sx(a), sy(b), size, `${hollow ? "sw-hollow" : ""} ${extra}`)),
    marks: (xs, ys, slot = 0, options = {}) => Array.from(ys, (v, i) => plot.mark(xs ? xs[i] : i, v, slot, options)),
    stems(xs, ys, slot = 0, options = {}) {
      const d = points(xs, ys).filter(finite).map(([a, b]) => `M${px(a)} ${px(base())}V${px(b)}`).join("");
      add(clip, s("path", {class: `sw-stem sw-m${slot}`, d}));
      plot.marks(xs, ys, slot, options);
    },
    bars(xs, ys, slot = 0, wide = 0.8) { // wide: in units of x
      for (const [i, v] of Array.from(ys).entries()) {
        if (!Number.isFinite(v)) continue;
        const [a, b] = [-1, 1].map((side) => sx((xs ? xs[i] : i) + side * wide / 2)), [c, d] = [sy(v), base()].sort((p, q) => p - q);
        add(clip, s("rect", {class: `sw-bar sw-m${slot}`, x: px(a), y: px(c), width: px(b - a), height: px(d - c)}));
      }
    },
    hline: (v, extra = "sw-limit") => add(clip, s("path", {class: extra, d: `M${box.left} ${px(sy(v))}H${box.right}`})),
    vline: (v, extra = "sw-limit") => add(clip, s("path", {class: extra, d: `M${px(sx(v))} ${box.top}V${box.bottom}`})),
    region(x0, x1, y0, y1, extra = "sw-stable") { // a filled rectangle below the grid
      const [a, b, c, d] = [sx(x0), sx(x1), sy(y1), sy(y0)];
      return add(under, s("rect", {class: extra, x: px(a), y: px(c), width: px(b - a), height: px(d - c)}));
    },
    circle: (a, b, r, extra = "sw-stable") => // r in units of x; a circle where both axes have one scale
      add(under, s("circle", {class: extra, cx: sx(a), cy: sy(b), r: sx(a + r) - sx(a)})),
    note: (a, b, words, {dx = 0, dy = 0, anchor = "start"} = {}) => add(g, s("text",
      {class: "sw-note", x: px(sx(a) + dx), y: px(sy(b) + dy), "text-anchor": anchor}, words)),
  };
  return view.plot = plot;
}

// An SVG with its own title and description, a legend, and points to drag. title: a text, or a function of the state.
// draw(view, state) calls view.axes or view.plane, draws on the plot that it returns, and returns the description.
const chart = (name, title, draw, {points = []} = {}) => (widgetId, set, get) => {
  const id = `${widgetId}-${name}`, named = s("title", {id: `${id}-title`}), described = s("desc", {id: `${id}-desc`});
  const svg = s("svg", {class: `sw-chart sw-${name}`, role: points.length ? "group" : "img", // an image holds nothing to focus
    "aria-labelledby": named.id, "aria-describedby": described.id}, named, described);
  const view = {svg, id, width: 480, layer: svg.appendChild(s("g"))};
  const handles = points.map((point) => handle(view, point, set, get)), list = h("ul", {class: "sw-legend"});
  svg.append(...handles.map(({node}) => node));
  svg.addEventListener("click", (event) => { // a tap: the nearest point comes
    const [a, b] = pixel(svg, event), {box, at} = view.plot;
    if (a < box.left || a > box.right || b < box.top || b > box.bottom) return;
    const far = ({where}) => Math.hypot(where()[0] - a, where()[1] - b);
    handles.sort((p, q) => far(p) - far(q))[0]?.move(at(a, b));
  });
  view.axes = (height, x, y) => axes(view, view.width, height, x, y);
  // One scale for both axes where their ranges are equal: a square of at most 400 px, margins of 70 px and 58 px
  view.plane = (x, y) => { const side = Math.min(view.width, 400); return axes(view, side, side - 12, x, y); };
  let listed = "";
  view.legend = (...items) => { // one text for each slot, or [slot, text, kind]; kind: "line", "marks", "line marks" or "bars"
    const pairs = items.map((item, i) => Array.isArray(item) ? item : [i, item]);
    if (listed === (listed = JSON.stringify(pairs))) return;
    const sample = {
      line: (slot) => s("path", {class: `sw-line sw-m${slot}`, d: "M1 6H29"}),
      marks: (slot) => markAt(slot, 15, 6, 4),
      bars: (slot) => s("rect", {class: `sw-bar sw-m${slot}`, x: 9, y: 1, width: 12, height: 10}),
    };
    list.replaceChildren(...pairs.map(([slot, text, kind = "line"]) =>
      h("li", {}, s("svg", {width: 30, height: 12, "aria-hidden": "true"},
        ...kind.split(" ").map((part) => sample[part](slot))), text)));
  };
  const help = `${points.map((point) => point.label).join(", ")}: drag, tap, or press arrow keys (Shift: ten steps)`;
  return {
    node: h("div", {class: "sw-figure"}, svg, list, ...(points.length ? [h("p", {class: "sw-tip"}, help)] : [])),
    show(state) {
      view.width = Math.max(240, svg.parentNode.clientWidth || 480); // 480: not yet on the page
      described.textContent = draw(view, state);
      named.textContent = typeof title === "function" ? title(state) : title;
      for (const {show} of handles) show(state);
    },
  };
};

const pixel = (svg, {clientX, clientY}) => { // where a pointer is in the drawing, which the page may have scaled
  const frame = svg.getBoundingClientRect();
  return [(clientX - frame.left) / frame.width * svg.width.baseVal.value, (clientY - frame.top) / frame.height * svg.height.baseVal.value];
};

// A point of a chart that moves two settings: x and y name them. Or one: then the other is a function of the state.
// By pointer it is dragged, or the chart is tapped; by keyboard it goes by arrows, with Shift ten steps. Sliders for
// the same settings belong beside it: they show the values, and they are what a screen reader on a phone can move.
function handle(view, {x, y, label: words, slot = 0}, set, get) {
  const axis = [x, y], named = (i) => typeof axis[i] === "string", first = TRAITS[named(0) ? x : y];
  const node = s("g", {class: "sw-handle", tabindex: 0, role: "slider", "aria-label": words, "aria-valuemin": first.min,
    "aria-valuemax": first.max}, s("circle", {class: "sw-reach", r: 22}), s("circle", {class: "sw-ring", r: 12}), markAt(slot, 0, 0, 7));
  const place = (state) => axis.map((name, i) => named(i) ? state[name] : name(state));
  const where = (state = view.state) => { const [a, b] = place(state); return [view.plot.sx(a), view.plot.sy(b)]; };
  const goto = (values) => set(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, snap(name, value)])));
  const move = (values) => goto(Object.fromEntries(axis.flatMap((name, i) => named(i) ? [[name, gauge(name, values[i])]] : [])));
  let grip = null; // from the pointer to the point, while it is dragged
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [a, b] = pixel(view.svg, event), [c, d] = where();
    grip = [c - a, d - b];
    node.setPointerCapture(event.pointerId);
    node.focus({preventScroll: true});
    event.preventDefault();
  });
  node.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const [a, b] = pixel(view.svg, event);
    move(view.plot.at(a + grip[0], b + grip[1]));
  });
  for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => { grip = null; });
  node.addEventListener("touchstart", (event) => event.preventDefault(), {passive: false}); // the page stays where it is
  node.addEventListener("click", (event) => event.stopPropagation()); // the end of a drag is no tap
  node.addEventListener("keydown", (event) => {
    const [dx, dy] = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1]}[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    const by = named(0) && named(1) ? [dx, dy] : [dx + dy, dx + dy], settings = get();
    goto(Object.fromEntries(axis.flatMap((name, i) => named(i) && by[i] ? [[name,
      gauge(name, settings[name]) + by[i] * (event.shiftKey ? 10 : 1) * TRAITS[name].step]] : [])));
  });
  return {
    node, where, move,
    show(state) {
      view.state = state;
      const [a, b] = where(state);
      node.setAttribute("transform", `translate(${px(a)} ${px(b)})`);
      node.setAttribute("aria-valuenow", state[named(0) ? x : y]);
      node.setAttribute("aria-valuetext", place(state).map((v) => fmt(v)).join(", "));
    },
  };
}
