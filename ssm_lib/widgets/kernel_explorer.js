// KernelExplorer: the kernel, the modes and the eigenvalues of one S4D channel, computed in the browser.
// First part: the numbers (pure functions, run from node by tests/test_widgets.py). Second part: the drawing.
// N is the real state size. A complex eigenvalue stands for itself and its conjugate, hence the factor 2 Re.

export const INITS = {legs: "S4D-LegS", lin: "S4D-Lin", inv: "S4D-Inv", real: "S4D-Real"};
export const METHODS = {zoh: "ZOH", bilinear: "bilinear"};

// ---- numbers ------------------------------------------------------------------------------------------------

const cache = new Map();

// LegS without an eigensolver. A = −½ + S − BBᵀ/2 has the eigenvalues −1 … −N, and −½ + S is wanted, S = −Sᵀ.
// With G(z) = Bᵀ(z − S)⁻¹B, det(z − ½ − A)/det(z − S) = 1 + G/2, so 1 + G/2 is zero at −a_k, a_k = k − ½, k = 1 … N;
// G is odd, so 1 − G/2 is zero at +a_k, and (1 − G/2)/(1 + G/2) = Π_k (z − a_k)/(z + a_k). At z = iω, N even, this is
// exp(−2iθ(ω)) with θ(ω) = Σ_k arctan(ω/a_k), that is G = 2i tan θ. The poles of G are the eigenvalues:
// θ(ω_m) = (2m − 1)π/2, m = 1 … N/2; its residues there are the squared weights |V*B|² = 2/θ'(ω_m).
function legs(N) {
  const theta = (w) => { let sum = 0; for (let k = 1; k <= N; k++) sum += Math.atan(w / (k - 0.5)); return sum; };
  const slope = (w) => { let sum = 0; for (let a = 0.5; a < N; a++) sum += a / (a * a + w * w); return sum; };
  return Array.from({length: N / 2}, (_, m) => {
    let low = 0, high = N * N, omega = high / 2;           // θ is increasing: bisect down to neighbouring doubles
    while (omega > low && omega < high) {
      if (theta(omega) < (2 * m + 1) * Math.PI / 2) low = omega; else high = omega;
      omega = (low + high) / 2;
    }
    return {re: -0.5, im: omega, b: Math.sqrt(2 / slope(omega))};
  });
}

// Continuous eigenvalues λ_n and input weights b_n, by ascending imaginary part (the paper writes Inv descending);
// S4D-Real by ascending decay. Returns [{re, im, b}], N/2 entries, or N for S4D-Real.
export function eigenvalues(init, N) {
  const key = `${init} ${N}`;
  if (!cache.has(key)) {
    const half = Array.from({length: N / 2}, (_, n) => n);
    if (init === "legs") cache.set(key, legs(N));
    else if (init === "lin") cache.set(key, half.map((n) => ({re: -0.5, im: Math.PI * n, b: 1})));
    else if (init === "inv") {
      const im = (n) => (N / Math.PI) * (N / (2 * n + 1) - 1);
      cache.set(key, half.reverse().map((n) => ({re: -0.5, im: im(n), b: 1})));
    } else if (init === "real") cache.set(key, Array.from({length: N}, (_, n) => ({re: -(n + 1), im: 0, b: 1})));
    else throw new Error(`init is "${init}"; expected one of ${Object.keys(INITS)}`);
  }
  return cache.get(key);
}

const divide = (a, b, c, d) => [(a * c + b * d) / (c * c + d * d), (b * c - a * d) / (c * c + d * d)]; // (a+ib)/(c+id)

// Discrete eigenvalue λ̄ = re + i·im and input gain b̄ = gainRe + i·gainIm of each λ_n.
export function discretize(lambdas, dt, method) {
  return lambdas.map(({re, im, b}) => {
    const [x, y] = [re * dt, im * dt];
    if (method === "bilinear") {
      const [lr, li] = divide(1 + x / 2, y / 2, 1 - x / 2, -y / 2);
      const [gr, gi] = divide(dt * b, 0, 1 - x / 2, -y / 2);
      return {re: lr, im: li, gainRe: gr, gainIm: gi};
    }
    if (method !== "zoh") throw new Error(`discretization is "${method}"; expected zoh or bilinear`);
    const er = Math.expm1(x) * Math.cos(y) - 2 * Math.sin(y / 2) ** 2, ei = Math.exp(x) * Math.sin(y); // e^{Δλ} − 1
    const [gr, gi] = divide(er * b, ei * b, re, im);
    return {re: Math.exp(x) * Math.cos(y), im: ei, gainRe: gr, gainIm: gi};
  });
}

// The modes 2 Re(c_n b̄_n λ̄_n^l), l = 0..length−1, with c_n = 1: one Float64Array for each eigenvalue.
export function modes(init, N, dt, method, length) {
  return discretize(eigenvalues(init, N), dt, method).map(({re, im, gainRe, gainIm}) => {
    const mode = new Float64Array(length);
    for (let l = 0, zr = gainRe, zi = gainIm; l < length; l++) {
      mode[l] = 2 * zr;
      [zr, zi] = [zr * re - zi * im, zr * im + zi * re];
    }
    return mode;
  });
}

// K_l = 2 Re Σ_n c_n b̄_n λ̄_n^l: the sum of the modes.
export function kernel(init, N, dt, method, length) {
  return modes(init, N, dt, method, length).reduce((sum, mode) => sum.map((k, l) => k + mode[l]));
}

// What the readout says: slowest decay (samples to 1/e), fastest phase (radians a sample), number of aliased modes.
export function summary(init, N, dt, method) {
  const lambdas = eigenvalues(init, N), discrete = discretize(lambdas, dt, method);
  const radius = Math.max(...discrete.map((z) => Math.hypot(z.re, z.im)));
  const phases = lambdas.map(({im}, n) => method === "zoh" ? im * dt : Math.atan2(discrete[n].im, discrete[n].re));
  const decay = Math.max(...lambdas.map(({re, im}) => method === "zoh" ? -1 / (re * dt)
    // ln|λ̄|² = ln(1 + 2x/|1 − Δλ/2|²), x = Δ Re λ: log1p keeps its digits where |λ̄| is within 1e-9 of 1
    : -2 / Math.log1p(2 * re * dt / ((1 - re * dt / 2) ** 2 + (im * dt / 2) ** 2))));
  return {radius, decay, phase: Math.max(...phases), aliased: phases.map((p) => p > Math.PI * (1 + 1e-12))};
}

// ---- drawing ------------------------------------------------------------------------------------------------

const TRAITS = ["init", "N", "dt", "discretization", "view", "length"];
const DRAWN = 5; // modes drawn and marked, spread evenly over the index: more are not legible
const MARKS = [ // one shape for each drawn mode, inside radius 1
  "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z", "M-.9 -.9H.9V.9H-.9Z", "M0 -1.15L1.1 .8H-1.1Z",
  "M0 -1.25L1.25 0L0 1.25L-1.25 0Z", "M0 1.15L1.1 -.8H-1.1Z"];
const shown = (count) => count <= DRAWN ? [...Array(count).keys()]
  : Array.from({length: DRAWN}, (_, i) => Math.round(i * (count - 1) / (DRAWN - 1)));

const build = (create) => (tag, attributes = {}, ...children) => {
  const node = create(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== false) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const h = build((tag) => document.createElement(tag));
const s = build((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));

const minus = (text) => text.replace(/^-/, "−");
const fmt = (x, digits = 3) => {
  const a = Math.abs(x), rounded = Number(x.toPrecision(digits));
  return minus(a >= 1e6 || (a > 0 && a < 1e-4) ? rounded.toExponential().replace("e+", "e")
    : rounded.toLocaleString("en-US", {maximumFractionDigits: 8}));
};

function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find((m) => m * power >= raw * 0.999);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(i * step);
  return values;
}

// A label such as "K_l" or "λ_n": the letter after "_" is set as a subscript.
function label(text, attributes) {
  const parts = text.split(/(_\w)/).filter(Boolean), node = s("text", attributes);
  parts.forEach((part, i) => node.append(part[0] === "_" ? s("tspan", {dy: "0.25em", "font-size": "75%"}, part[1])
    : s("tspan", i ? {dy: "-0.19em"} : {}, part)));
  return node;
}

// Axes in a box: quiet grid lines, tick labels, titles. Returns the layer to draw on and the two scales.
function axes(svg, width, height, x, y) {
  const box = {left: 60, right: width - 10, top: 24, bottom: height - 34};
  const sx = (v) => box.left + (v - x.low) / (x.high - x.low) * (box.right - box.left);
  const sy = (v) => box.bottom - (v - y.low) / (y.high - y.low) * (box.bottom - box.top);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.querySelector("g")?.remove();
  const g = svg.appendChild(s("g"));
  if (x.shade) x.shade(g, sx, sy, box);
  const power = Math.floor(Math.log10(Math.max(Math.abs(y.low), Math.abs(y.high))) + 1e-9);
  const scale = power < -1 || power > 4 ? power : 0;
  for (const v of ticks(x.low, x.high, width < 320 ? 3 : 5)) {
    g.append(s("path", {class: "ke-grid", d: `M${sx(v)} ${box.top}V${box.bottom}`}),
      s("text", {class: "ke-tick", x: sx(v), y: box.bottom + 14, "text-anchor": "middle"}, fmt(v)));
  }
  for (const v of y.lanes ? [] : ticks(y.low, y.high, (box.bottom - box.top) / 36)) {
    g.append(s("path", {class: "ke-grid", d: `M${box.left} ${sy(v)}H${box.right}`}),
      s("text", {class: "ke-tick", x: box.left - 5, y: sy(v) + 3.5, "text-anchor": "end"}, fmt(v / 10 ** scale)));
  }
  if (y.low < 0 && y.high > 0) g.append(s("path", {class: "ke-zero", d: `M${box.left} ${sy(0)}H${box.right}`}));
  if (x.low < 0 && x.high > 0) g.append(s("path", {class: "ke-zero", d: `M${sx(0)} ${box.top}V${box.bottom}`}));
  const exponent = minus(String(scale)).replace(/[\d−]/g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"["0123456789−".indexOf(c)]);
  g.append(label(y.title + (scale ? ` (×10${exponent})` : ""), {class: "ke-label", x: 4, y: 13}),
    label(x.title, {class: "ke-label", x: box.right, y: height - 4, "text-anchor": "end"}));
  return {g, sx, sy, box};
}

const range = (values) => {
  const low = Math.min(0, ...values), high = Math.max(0, ...values);
  return {low: low - (low < 0 ? 0.06 : 0) * (high - low), high: high + 0.06 * (high - low)};
};
const line = (values, sx, sy) => "M" + Array.from(values, (v, l) => `${sx(l).toFixed(2)} ${sy(v).toFixed(2)}`).join("L");
const mark = (slot, x, y, size, extra = "") => s("path", {class: `ke-mark ke-m${slot} ${extra}`, d: MARKS[slot],
  transform: `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${size})`});

function drawKernel(svg, width, {kernel: K}) {
  const {g, sx, sy, box} = axes(svg, width, 210, {low: 0, high: K.length, title: "lag l (samples)"},
    {...range(K), title: "kernel K_l"});
  const curve = line(K, sx, sy), spacing = (box.right - box.left) / K.length;
  const dots = Array.from(K, (v, l) => `M${sx(l).toFixed(2)} ${sy(v).toFixed(2)}h0`).join("");
  g.append(s("path", {class: "ke-area", d: `${curve}L${sx(K.length - 1)} ${sy(0)}H${sx(0)}Z`}),
    s("path", {class: "kernel-curve", d: curve}),
    s("path", {class: "kernel-samples", d: dots, "stroke-width": Math.min(4, Math.max(1.5, 1.4 * spacing))}));
  return `K starts at ${fmt(K[0])}; largest ${fmt(Math.max(...K))}, smallest ${fmt(Math.min(...K))}, `
    + `over ${K.length} samples.`;
}

// One lane for each mode, all to one scale: curves that overlap cannot be told apart.
function drawModes(svg, width, state) {
  const drawn = state.drawn.map((n) => state.modes[n]), total = state.modes.length;
  const top = Math.max(...drawn.flatMap((mode) => [Math.max(...mode), -Math.min(...mode)]));
  const title = `modes${width < 330 ? "" : " 2 Re(c_n b̄_n λ̄_nˡ)"}, lanes of ±${fmt(top)}`;
  const {g, sx, sy} = axes(svg, width, 58 + 34 * drawn.length,
    {low: 0, high: state.length, title: "lag l (samples)"},
    {low: -drawn.length, high: 0, lanes: true, title: title + (total > DRAWN ? `, ${DRAWN} of ${total}` : "")});
  drawn.forEach((mode, slot) => {
    const middle = -slot - 0.5;
    g.append(s("path", {class: "ke-zero", d: `M${sx(0)} ${sy(middle)}H${sx(state.length)}`}), mark(slot, 7, sy(middle), 4),
      s("text", {class: "ke-tick", x: 55, y: sy(middle) + 4, "text-anchor": "end"}, `n = ${state.drawn[slot]}`),
      s("path", {class: `mode-curve ke-m${slot}`, d: line(mode.map((v) => middle + 0.46 * v / top), sx, sy)}));
  });
  return `${drawn.length} of ${total} modes, n = ${state.drawn.join(", ")}; they start at `
    + `${drawn.map((mode) => fmt(mode[0])).join(", ")}.`;
}

function drawPlane(svg, width, state) {
  const continuous = state.view === "continuous", points = continuous ? state.lambdas : state.discrete;
  const side = Math.min(width, 400), bound = Math.PI / state.dt;
  const farLeft = Math.max(...points.map((z) => -z.re)), farUp = Math.max(1, ...points.map((z) => z.im));
  const x = {low: -1.12, high: 1.12, title: "Re λ̄"}, y = {low: -1.12, high: 1.12, title: "Im λ̄"};
  x.shade = (g, sx, sy) => g.append(s("circle", {class: "ke-stable", cx: sx(0), cy: sy(0), r: sx(1) - sx(0)}));
  if (continuous) {
    Object.assign(x, {low: -1.25 * farLeft, high: 0.5 * farLeft, title: "Re λ"});
    Object.assign(y, {low: -1.1 * farUp, high: 1.1 * farUp, title: "Im λ"});
    x.shade = (g, sx, sy, box) => {
      const size = {width: sx(0) - box.left, height: box.bottom - box.top};
      g.append(s("rect", {class: "ke-stable", x: box.left, y: box.top, ...size}));
      if (state.method !== "zoh" || bound > y.high) return; // only ZOH aliases: beyond ±π/Δ
      for (const v of [bound, -bound]) {
        g.append(s("path", {class: "ke-limit", d: `M${box.left} ${sy(v)}H${box.right}`}));
      }
      g.append(s("text", {class: "ke-tick", x: box.right - 4, y: sy(bound) - 4, "text-anchor": "end"}, "π/Δ"));
    };
  }
  const {g, sx, sy, box} = axes(svg, side, side - 12, x, y); // 70 px of margins across, 58 down: a square
  g.append(s("text", {class: "ke-note", x: sx(0) - 8, y: continuous ? box.bottom - 10 : sy(0) - 8, "text-anchor": "end"},
    continuous ? "stable: Re λ < 0" : "stable: |λ̄| < 1"));
  const put = (z, n, sign) => { // sign −1: the conjugate, drawn hollow
    const slot = state.drawn.indexOf(n), px = sx(z.re), py = sy(sign * z.im);
    const kind = `eigenvalue ${sign < 0 ? "ke-conjugate" : ""}`;
    if (slot < 0) g.append(s("circle", {class: `ke-dot ${kind}`, cx: px, cy: py, r: 2.6}));
    else g.append(mark(slot, px, py, 4.4, kind));
    if (state.aliased[n] && sign > 0) {
      g.append(s("path", {class: "ke-cross", d: `M${px - 6} ${py - 6}l12 12m0 -12l-12 12`}));
    }
  };
  points.forEach((z, n) => { if (state.lambdas[n].im !== 0) put(z, n, -1); });
  const order = [...points.keys()].sort((a, b) => state.drawn.includes(a) - state.drawn.includes(b)); // marks on top
  order.forEach((n) => put(points[n], n, 1));
  const count = `${points.length} eigenvalues${state.init === "real" ? "" : " (their conjugates drawn hollow)"}, all `;
  const highest = fmt(Math.max(...points.map((z) => z.im))), aliased = state.aliased.filter(Boolean).length;
  return count + (continuous
    ? `left of the imaginary axis; real parts down to ${fmt(-farLeft)}, imaginary parts up to ${highest}.`
    : `inside the unit circle; largest modulus ${fmt(state.radius, 4)}; ${aliased} aliased.`);
}

function choices(name, legend, options) {
  const radio = ([value, text]) => h("label", {}, h("input", {type: "radio", name, value}), h("span", {}, text));
  return h("fieldset", {class: "ke-field"}, h("legend", {}, legend),
    h("div", {class: "ke-choices"}, ...Object.entries(options).map(radio)));
}

function slider(id, name, text, min, max, step) {
  return h("div", {class: "ke-field"}, h("div", {class: "ke-row"}, h("label", {for: `${id}-${name}`}, text),
    h("span", {class: "ke-value", "data-value": name})), h("input", {type: "range", id: `${id}-${name}`, name, min, max, step}));
}

function chart(id, name) { // an SVG with its own title and description, both kept up to date
  const described = {role: "img", "aria-labelledby": `${id}-${name}-title ${id}-${name}-desc`};
  return s("svg", {class: `ke-chart ke-${name}`, ...described},
    s("title", {id: `${id}-${name}-title`}), s("desc", {id: `${id}-${name}-desc`}));
}

function render({model, el}) {
  const id = `ke-${Math.random().toString(36).slice(2, 10)}`; // each view has its own module: a counter would repeat
  const charts = Object.fromEntries(["kernel", "modes", "plane"].map((name) => [name, chart(id, name)]));
  const readout = h("p", {class: "ke-readout", "aria-live": "polite"});
  const options = Object.entries(INITS).map(([value, text]) => h("option", {value}, text));
  const select = h("select", {id: `${id}-init`, name: "init"}, ...options);
  const views = choices("view", "Eigenvalues", {discrete: "discrete λ̄", continuous: "continuous λ"});
  const form = h("form", {}, // radio buttons of the same name are grouped by their form: two widgets stay apart
    h("div", {class: "ke-controls"},
      h("div", {class: "ke-field"}, h("label", {for: `${id}-init`}, "Initialization"), select),
      slider(id, "N", "State size N", 2, 64, 2), slider(id, "dt", "Step Δ", -3, 0, 0.02),
      choices("discretization", "Discretization", METHODS)),
    h("div", {class: "ke-panels"},
      h("div", {class: "ke-time"}, charts.kernel, charts.modes),
      h("div", {class: "ke-space"}, views, charts.plane)),
    readout);
  el.append(h("div", {class: "ssm-kernel-explorer", role: "group", "aria-label": "Kernel explorer"}, form));

  const draw = () => {
    const [init, N, dt, method, view, length] = TRAITS.map((name) => model.get(name));
    const {elements} = form, lambdas = eigenvalues(init, N);
    [elements.init.value, elements.N.value, elements.discretization.value, elements.view.value] = [init, N, method, view];
    if (Math.abs(10 ** elements.dt.value / dt - 1) > 6e-3) elements.dt.value = Math.log10(dt);
    elements.dt.setAttribute("aria-valuetext", fmt(dt));
    form.querySelector("[data-value=N]").textContent = N;
    form.querySelector("[data-value=dt]").textContent = fmt(dt);
    const state = {init, dt, method, view, length, lambdas, drawn: shown(lambdas.length),
      discrete: discretize(lambdas, dt, method), modes: modes(init, N, dt, method, length),
      kernel: kernel(init, N, dt, method, length), ...summary(init, N, dt, method)};
    const setting = `${INITS[init]}, N = ${N}, Δ = ${fmt(dt)}, ${METHODS[method]}`;
    const show = (name, title, drawing) => {
      charts[name].querySelector("title").textContent = `${title}: ${setting}`;
      const width = Math.max(240, charts[name].parentNode.clientWidth || 480); // 480: not yet on the page
      charts[name].querySelector("desc").textContent = drawing(charts[name], width, state);
    };
    show("kernel", "Kernel over lag", drawKernel);
    show("modes", "Modes over lag", drawModes);
    show("plane", view === "discrete" ? "Discrete eigenvalues" : "Continuous eigenvalues", drawPlane);
    const aliased = state.aliased.filter(Boolean).length;
    const notice = `Aliased (×): ω\u00a0Δ\u00a0>\u00a0π; modes that look slower than they are: ${aliased} of ${lambdas.length}.`;
    const [decay, phase] = method === "zoh" ? ["1/(|Re λ|\u00a0Δ)", "ω\u00a0Δ"] : ["−1/ln|λ̄|", "arg\u00a0λ̄"];
    readout.replaceChildren(`Slowest mode: falls to 1/e in ${fmt(state.decay)} samples = ${decay}. `
      + `Fastest: ${fmt(state.phase)} rad per sample = ${phase}. `, ...(aliased ? [h("strong", {}, notice)] : []));
  };
  const onInput = ({target}) => {
    const value = {N: () => Number(target.value), dt: () => Number((10 ** Number(target.value)).toPrecision(3))}[target.name];
    model.set(target.name, value ? value() : target.value);
    model.save_changes();
  };
  const events = TRAITS.map((name) => `change:${name}`);
  form.addEventListener("input", onInput);
  form.addEventListener("submit", (event) => event.preventDefault());
  events.forEach((event) => model.on(event, draw));
  let width = -1; // redraw at the real width, so that text keeps its size on a phone
  const observer = new ResizeObserver(() => { if (form.clientWidth !== width) { width = form.clientWidth; draw(); } });
  observer.observe(form);
  draw();
  return () => { observer.disconnect(); events.forEach((event) => model.off(event, draw)); };
}

export default {render};
