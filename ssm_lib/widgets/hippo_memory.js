// HippoMemory: a signal, its coefficients at time t, and the past that they give back, all computed in the browser.
// The input is held over each step, so the integrals of the definition are exact: the integral of P_n is
// (P_{n+1} − P_{n−1})/(2n+1). Both memories use the same polynomials of z, which runs from 0 (long ago) to 1 (now): z = s/t
// where A and B are divided by t, z = e^{−age/T} where they are divided by a constant T. tests/test_hippo_chapter.py compares with torch.

export const DT = 0.002, N_MAX = 96;
export const MEMORIES = {scaled: "A/t: all alike", short: "A/T, T = 50 ms", long: "A/T, T = 200 ms"};
export const T = {short: 0.05, long: 0.2};
export const SIGNALS = {recording: "nerve cell", jump: "a jump", sines: "two sines"};

export function signal(name, recording) {
  if (name === "recording") return recording;
  const times = recording.map((_, j) => (j + 0.5) * DT);
  if (name === "jump") return times.map((s) => (s > 0.5 ? 1 : 0));
  return times.map((s) => Math.sin(6 * Math.PI * s) + Math.sin(14 * Math.PI * s));
}

// Where in z the steps 0 … k−1 begin and end: k + 1 edges, the last one is 1.
export function edges(memory, k) {
  return Array.from({length: k + 1}, (_, j) => memory === "scaled" ? j / k : Math.exp(-(k - j) * DT / T[memory]));
}

// And their middles, in z.
export function middles(memory, k) {
  return Array.from({length: k}, (_, j) => memory === "scaled" ? (j + 0.5) / k
    : Math.exp(-(k - j - 0.5) * DT / T[memory]));
}

// P_0 … P_N at x, by (n+1) P_{n+1} = (2n+1) x P_n − n P_{n−1}.
export function legendre(N, x) {
  const P = new Float64Array(N + 1);
  P[0] = 1;
  if (N > 0) P[1] = x;
  for (let n = 1; n < N; n++) P[n + 1] = ((2 * n + 1) * x * P[n] - n * P[n - 1]) / (n + 1);
  return P;
}

// c_n = Σ_j u_j ∫ √(2n+1) P_n(2z − 1) dz over step j.
export function coefficients(u, z, N) {
  const c = new Float64Array(N), below = new Float64Array(N);
  z.forEach((edge, j) => {
    const P = legendre(N, 2 * edge - 1);
    for (let n = 0; n < N; n++) {
      const F = n === 0 ? edge : (P[n + 1] - P[n - 1]) / (2 * Math.sqrt(2 * n + 1));
      if (j > 0) c[n] += u[j - 1] * (F - below[n]);
      below[n] = F;
    }
  });
  return c;
}

export function rebuild(c, z) {
  return z.map((place) => legendre(c.length, 2 * place - 1).slice(0, c.length)
    .reduce((sum, P, n) => sum + c[n] * Math.sqrt(2 * n + 1) * P, 0));
}

// Mean square of the signal about its mean, and of what N = 1, 2, … coefficients miss; weighted, by Pythagoras.
export function missed(u, z, c) {
  let rest = u.reduce((sum, v, j) => sum + (z[j + 1] - z[j]) * v * v, 0);
  const left = Array.from(c, (v) => Math.max(0, rest -= v * v));
  return {spread: Math.sqrt(left[0]), left: left.map(Math.sqrt)};
}

function compute({signal: name, recording, memory, N, t}) {
  const u = signal(name, recording), k = Math.round(t / DT), past = u.slice(0, k);
  const z = edges(memory, k), all = coefficients(past, z, N_MAX), c = all.slice(0, N);
  const {spread, left} = missed(past, z, all), flat = spread < 1e-9;
  return {u, k, past, z, c, again: rebuild(c, middles(memory, k)), spread, flat,
    share: left.map((v) => flat ? NaN : v / spread), times: u.map((_, j) => (j + 0.5) * DT)};
}

const Y = {
  recording: {low: -20, high: 80, title: "voltage above rest (mV)"},
  jump: {low: -0.35, high: 1.35, title: "signal"},
  sines: {low: -2.6, high: 2.6, title: "signal"},
};

function drawPast(view, {signal: name, u, times, again, z, t, k}) {
  const y = Y[name], plot = view.axes(250, {low: 0, high: 1, title: "time s (s)"}, y), {sx, sy} = plot;
  // the measure: the weight of each step, as a density, in the lowest quarter of the chart
  const most = Math.max(...z.slice(1).map((edge, j) => edge - z[j])), foot = sy(y.low);
  const tops = z.slice(1).map((edge, j) => [sx(times[j]), foot - 0.22 * (foot - sy(y.high)) * (edge - z[j]) / most]);
  plot.under.append(s("path", {class: "measure",
    d: `M${sx(0)} ${foot}${tops.map(([a, b]) => `L${px(a)} ${px(b)}`).join("")}L${sx(t)} ${px(tops.at(-1)[1])}V${foot}Z`}));
  plot.line(times, u, "ref");
  plot.line(times.slice(0, k), again, 0);
  plot.vline(t);
  view.legend(["ref", "signal"], [0, "rebuilt from the coefficients"]);
  return `The signal, and the past rebuilt at ${fmt(t)} s; it starts at ${fmt(again[0])} and ends at ${fmt(again.at(-1))}.`;
}

function drawCoefficients(view, {c}) {
  const plot = view.axes(180, {low: -1, high: c.length, whole: true, title: "n"}, {...range(c), title: "coefficient c_n"});
  plot.bars(null, c);
  const big = c.reduce((best, v, n) => (Math.abs(v) > Math.abs(c[best]) ? n : best), 0);
  return `${c.length} coefficients; the largest is number ${big}, ${fmt(c[big])}.`;
}

function drawError(view, {share, N, flat}) {
  const counts = share.map((_, n) => n + 1);
  const plot = view.axes(170, {low: 1, high: N_MAX, log: true, title: "coefficients kept, N"},
    {low: 0, high: 1.08, title: "error / spread of the signal"});
  if (flat) return "The signal has not moved yet: one coefficient says all.";
  plot.hline(0.2);
  plot.note(1, 0.2, "20 %", {dx: 4, dy: -4});
  plot.line(counts, share, 0);
  plot.mark(N, share[N - 1], 0, {size: 5});
  return `With ${N} coefficients ${fmt(100 * share[N - 1])} % of the spread is missed.`;
}

function readout({flat, spread, share, N, signal: name, memory}) {
  const unit = name === "recording" ? " mV" : "";
  if (flat) return ["The signal has not moved yet: one coefficient says all. "];
  const first = share.findIndex((v) => v < 0.2), enough = first < 0 ? `more than ${N_MAX}` : first + 1;
  return [`With N = ${N} the rebuilt past misses ${fmt(spread * share[N - 1])}${unit} (root mean square), `
    + `${fmt(100 * share[N - 1])} % of the signal's spread. Below 20 % needs `, h("strong", {}, String(enough)), " coefficients. "
    + (memory === "scaled" ? "Every moment weighs the same." : `Weight e^(−age/T): 63 % of it lies on the last ${fmt(1000 * T[memory])} ms.`)];
}

export default widget({
  name: "hippo-memory",
  label: "HiPPO memory",
  controls: [select("signal", "Signal", SIGNALS), slider("N", "Coefficients N"), slider("t", "Now, t", {unit: "s"}),
    select("memory", "Memory", MEMORIES)],
  panels: [
    [chart("past", ({t, N}) => `The past at t = ${fmt(t)} s from ${N} coefficients`, drawPast,
      {points: [{x: "t", y: ({signal: name}) => Y[name].low, label: "now, t"}]})],
    [chart("coefficients", ({t}) => `Coefficients at t = ${fmt(t)} s`, drawCoefficients),
      chart("error", "Error against the number of coefficients", drawError)],
  ],
  compute,
  readout,
});
