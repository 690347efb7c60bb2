// MemoryExplorer: what a HiPPO system of N states remembers at steps of Δ, computed in the browser.
// First part: the numbers (pure functions, run from node by tests/test_measures_chapter.py). Second part: the drawing.

export const MEASURES = {legs: "LegS", legt: "LegT", lagt: "LagT", fourier: "Fourier"};

// ---- numbers ------------------------------------------------------------------------------------------------

const square = (n) => Array.from({length: n}, () => new Float64Array(n));

// A and B of a measure, as hippo.transition: rows A[n][k], B[n].
export function transition(measure, N) {
  const A = square(N), B = new Float64Array(N), root = (n) => Math.sqrt(2 * n + 1);
  for (let n = 0; n < N; n++) {
    const beta = (k) => k === 0 ? 1 : k % 2 ? 0 : Math.SQRT2; // both ends of the circle
    B[n] = measure === "lagt" ? 1 : measure === "fourier" ? 2 * beta(n) : root(n);
    for (let k = 0; k < N; k++) {
      if (measure === "legs") A[n][k] = n > k ? -root(n) * root(k) : n === k ? -(n + 1) : 0;
      else if (measure === "legt") A[n][k] = -root(n) * root(k) * (n < k && (n + k) % 2 ? -1 : 1);
      else if (measure === "lagt") A[n][k] = n > k ? -1 : n === k ? -0.5 : 0;
      else if (measure === "fourier") A[n][k] = -2 * beta(n) * beta(k);
      else throw new Error(`measure is "${measure}"; expected one of ${Object.keys(MEASURES)}`);
    }
    if (measure === "fourier" && n % 2) { A[n][n - 1] += Math.PI * (n - 1); A[n - 1][n] -= Math.PI * (n - 1); }
  }
  return {A, B};
}

function product(P, Q) {
  const n = P.length, R = square(n);
  for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) {
    const p = P[i][k];
    if (p !== 0) for (let j = 0; j < n; j++) R[i][j] += p * Q[k][j];
  }
  return R;
}

// The matrix exponential: a Taylor series of M / 2ʲ, small enough for 18 terms, squared j times.
export function expm(M) {
  const n = M.length, size = Math.max(...M.map((row) => row.reduce((sum, v) => sum + Math.abs(v), 0)));
  const squarings = Math.max(0, Math.ceil(Math.log2(size / 0.5))), scale = 2 ** -squarings;
  const S = M.map((row) => row.map((v) => v * scale));
  let E = square(n), term = square(n);
  for (let i = 0; i < n; i++) E[i][i] = term[i][i] = 1;
  for (let k = 1; k <= 18; k++) {
    term = product(term, S).map((row) => row.map((v) => v / k));
    E = E.map((row, i) => row.map((v, j) => v + term[i][j]));
  }
  for (let i = 0; i < squarings; i++) E = product(E, E);
  return E;
}

// The responses of the states to one step of input, Ā^l B̄ with the zero-order hold, l = 0 … length − 1: one
// Float64Array of N numbers for each lag. exp of the block matrix [[A, B], [0, 0]] Δ holds Ā and B̄.
const kept = new Map();
export function responses(measure, N, dt, length) {
  const key = `${measure} ${N} ${dt} ${length}`;
  if (!kept.has(key)) {
    const {A, B} = transition(measure, N), block = square(N + 1);
    for (let n = 0; n < N; n++) { for (let k = 0; k < N; k++) block[n][k] = dt * A[n][k]; block[n][N] = dt * B[n]; }
    const E = expm(block), list = [];
    let x = Float64Array.from(E.slice(0, N), (row) => row[N]);
    for (let l = 0; l < length; l++) {
      list.push(x);
      x = Float64Array.from(x, (_, n) => { let sum = 0; for (let k = 0; k < N; k++) sum += E[n][k] * x[k]; return sum; });
    }
    if (kept.size > 20) kept.clear();
    kept.set(key, list);
  }
  return kept.get(key);
}

// The basis at one age, as hippo.basis: what the readout weighs the states with to draw the input of that age.
export function basis(measure, N, age) {
  const g = new Float64Array(N);
  if ((measure === "legt" || measure === "fourier") && age > 1) return g;
  if (measure === "fourier") {
    for (let n = 0; n < N; n++) g[n] = Math.SQRT2 * (n % 2 ? Math.sin : Math.cos)(2 * Math.PI * (n >> 1) * age);
    g[0] = 1;
    return g;
  }
  if (measure === "lagt") { // (n + 1) L_{n+1} = (2n + 1 − s) L_n − n L_{n−1}
    for (let n = 0, before = 0, now = 1; n < N; n++) {
      g[n] = Math.exp(-age / 2) * now;
      [before, now] = [now, ((2 * n + 1 - age) * now - n * before) / (n + 1)];
    }
    return g;
  }
  const z = measure === "legs" ? 2 * Math.exp(-age) - 1 : 1 - 2 * age;
  for (let n = 0, before = 0, now = 1; n < N; n++) { // (n + 1) P_{n+1} = (2n + 1) z P_n − n P_{n−1}
    g[n] = Math.sqrt(2 * n + 1) * now;
    [before, now] = [now, ((2 * n + 1) * z * now - n * before) / (n + 1)];
  }
  return g;
}

// The weights with which the memory's drawing of the input `lag` steps ago depends on the input of each step.
export function copy(measure, N, dt, lag, length) {
  const C = basis(measure, N, (lag + 0.5) * dt);
  return Float64Array.from(responses(measure, N, dt, length), (x) => x.reduce((sum, v, n) => sum + C[n] * v, 0));
}

// Where the copy's pulse is, how high, and how wide: the run of weights above half of its height, in steps.
export function pulse(weights) {
  let at = 0;
  weights.forEach((v, l) => { if (v > weights[at]) at = l; });
  const height = weights[at];
  let [first, last] = [at, at];
  while (first > 0 && weights[first - 1] > height / 2) first--;
  while (last + 1 < weights.length && weights[last + 1] > height / 2) last++;
  return {at, height, width: last - first + 1};
}

// ---- drawing ------------------------------------------------------------------------------------------------

const LENGTH = 300; // steps drawn
const finite = (measure) => measure === "legt" || measure === "fourier";
const steps = (count) => `${fmt(count)} ${count === 1 ? "step" : "steps"}`;

function compute({measure, N, dt, lag}) {
  const every = Array.from({length: N}, (_, n) => n).filter((n) => measure !== "fourier" || n !== 1); // 1 is dead
  const drawn = every.slice(0, 4), rows = responses(measure, N, dt, LENGTH);
  const weights = copy(measure, N, dt, lag, LENGTH), window = 1 / dt;
  return {drawn, curves: drawn.map((n) => Array.from(rows, (x) => x[n] / dt)), weights, window, ...pulse(weights),
    nothing: finite(measure) && (lag + 0.5) * dt > 1, setting: `${MEASURES[measure]}, N = ${N}, Δ = ${fmt(dt)}`};
}

function mark(plot, {window, measure}, low, top) { // where 1/Δ is; beyond the end of a window nothing should be
  if (window > LENGTH) return;
  if (finite(measure)) plot.region(window, LENGTH, low, top);
  plot.vline(window);
  plot.note(window, top, finite(measure) ? "window ends: 1/Δ" : "1/Δ",
    window > 0.6 * LENGTH ? {dx: -5, dy: 12, anchor: "end"} : {dx: 5, dy: 12});
}

function drawResponses(view, state) {
  const {curves, drawn} = state, first = Math.max(2, Math.ceil(0.02 * state.window)); // Fourier starts doubled
  const top = 1.15 * Math.max(...curves.flatMap((curve) => curve.slice(first).map(Math.abs)), 1);
  const plot = view.axes(230, {low: 0, high: LENGTH, title: "steps since the pulse"}, {low: -top, high: top, title: "response / Δ"});
  mark(plot, state, -top, top);
  curves.forEach((curve, slot) => plot.line(null, curve, slot, "response-curve"));
  view.legend(...drawn.map((n) => `n = ${n}`));
  return `States ${drawn.join(", ")} over ${LENGTH} steps; they start at ${curves.map((curve) => fmt(curve[0])).join(", ")}.`;
}

function drawCopy(view, state) {
  const {weights, lag, height, at} = state, span = range(weights, [0.05]);
  const plot = view.axes(230, {low: 0, high: LENGTH, title: "input of so many steps ago"}, {...span, title: "weight in the copy"});
  mark(plot, state, span.low, span.high);
  plot.vline(lag, "sw-zero");
  plot.area(null, weights);
  plot.line(null, weights, 0, "copy-curve");
  if (!state.nothing) plot.mark(at, height, 1);
  return state.nothing ? "All weights are zero." : `The largest weight is ${fmt(height)}, ${steps(at)} back.`;
}

function readout({lag, window, measure, nothing, at, height, width}) {
  const held = `1/Δ = ${steps(window)}. `;
  if (nothing) return [held, h("strong", {}, `The window holds the steps 0 to ${Math.floor(window - 0.5)}; step ${lag} has left it.`)];
  const last = at + Math.ceil(width / 2) >= LENGTH ? " or more" : "";
  const blur = `The copy of ${steps(lag)} back peaks at step ${at}, with weight ${fmt(height)} (a perfect copy: 1); at half `
    + `of that height it is ${steps(width)}${last} wide. `;
  return [held, blur, ...(finite(measure) ? [] : [`${MEASURES[measure]} has no end.`])];
}

export default widget({
  name: "memory-explorer",
  label: "Memory explorer",
  controls: [choice("measure", "Memory", MEASURES), slider("N", "State size N"), slider("dt", "Step Δ"),
    slider("lag", "Copy the input of", {unit: "steps ago"})],
  panels: [
    [chart("responses", ({setting}) => `Responses to a pulse: ${setting}`, drawResponses)],
    [chart("copy", ({setting, lag}) => `Weights of the copy of ${steps(lag)} back: ${setting}`, drawCopy)],
  ],
  compute,
  readout,
});
