// CostModel: six ways to apply a layer, and the time of each by the model of cost in ssm_lib/bench/cost.py.

// ---- numbers ------------------------------------------------------------------------------------------------

// What a way consists of: operations in float32 and float64, bytes, operations of FFTs, exponentials, bytes through operators
// one by one, calls.
const KINDS = ["float32", "float64", "bytes", "fft", "exponentials", "passes", "calls"];
const WORDS = {float32: "products", float64: "products in float64", bytes: "moving what must be moved", fft: "Fourier transforms",
  exponentials: "exponentials", passes: "passes through memory", calls: "calls"};
const add = (a, b) => Object.fromEntries(KINDS.map((kind) => [kind, (a[kind] ?? 0) + (b[kind] ?? 0)]));
const bits = (n) => n.toString(2).length; // of a whole number
const isqrt = (n) => Math.floor(Math.sqrt(n));
const realFft = (n) => 2.5 * n * Math.log2(n);
const table = (count) => count <= 8 ? count : 8 + table(Math.ceil(count / 8));
const split = (L) => { const b = 2 ** (L > 1 ? bits(isqrt(L - 1)) : 0); return [Math.ceil(L / b), b]; };

const formula = (H, N, L) => ({float32: 4 * H * N * L, exponentials: H * N * L / 2, bytes: 8 * H * N * L + 4 * H * L, calls: 4});
const products = (H, N, L) => ({float32: 2 * H * N * L, exponentials: H * N / 2 * split(L).reduce((a, n) => a + table(n), 0),
  bytes: 4 * H * L, calls: 45 + 45 * Math.ceil(H * L / 2 ** 18)});
const cauchy = (H, N, L) => ({float32: 42 * H * N * L, fft: H * realFft(2 * L), bytes: 40 * H * N * L + 4 * H * L,
  passes: 136 * H * N * L, calls: 120});
const powers = (H, N, L) => {
  const [Q, b] = split(L), few = Math.min(Q, 16), squarings = bits(b) - 1 + (few > 1 ? bits(few - 1) : 0);
  return {float32: 2 * H * N * L, float64: H * (2 * N ** 3 * squarings + 2 * N ** 2 * (b + Q)), bytes: 4 * H * L + 8 * H * N ** 2,
    calls: 60 * Math.ceil(H * N ** 2 / 2 ** 17)};
};
const convolution = (B, H, L) => ({fft: (2 * B * H + H) * realFft(2 * L), bytes: 4 * (2 * B * H * L + H * L), calls: 20});
const steps = (B, H, N, L) => ({float32: 7 * B * H * N * L, bytes: 8 * B * H * L, passes: 34 * B * H * N * L,
  calls: 5 * L});
function scanCalls(L) {
  let calls = 0;
  for (; L >= 16; L = Math.floor(L / 8)) calls += 15 + L % 8;
  return calls + L - 1;
}
const scan = (B, H, N, L) => ({float32: 4 * B * L * H * N + 4 * B * L * N, bytes: 8 * B * L * (H + N) + 8 * B * L * N,
  passes: B * L * (16 * H + 8 * N) + 35 * B * L * N, calls: 110 + scanCalls(L)});

// [name, work] of each way.
export function ways({log2_L, log2_H, log2_N, log2_B}) {
  const [B, H, N, L] = [log2_B, log2_H, log2_N, log2_L].map((power) => 2 ** power), fft = convolution(B, H, L);
  return [["S4D: formula, FFT", add(formula(H, N, L), fft)], ["S4D: products, FFT", add(products(H, N, L), fft)],
    ["S4: Cauchy sums, FFT", add(cauchy(H, N, L), fft)], ["S4: powers, FFT", add(powers(H, N, L), fft)],
    ["S5: scan", add(scan(B, H, N, L), {})], ["S4D: step by step", add(steps(B, H, N, L), {})]];
}

// Milliseconds of each way, and below which it cannot be; the kind of work that takes longest.
export function times(settings) {
  const {peak, bandwidth, call, double, fft, passes, exponential} = settings, p = 1e9 * peak, b = 1e9 * bandwidth;
  const speeds = {float32: p, float64: double * p, bytes: b, fft: fft * p, exponentials: p / exponential, passes: passes * b, calls: 1e6 / call};
  return ways(settings).map(([name, work]) => {
    const parts = KINDS.map((kind) => 1e3 * work[kind] / speeds[kind]), compute = (work.float32 + work.fft) / p + work.float64 / speeds.float64;
    return {name, ms: parts.reduce((x, y) => x + y, 0), floor: 1e3 * Math.max(compute, work.bytes / b),
      most: KINDS[parts.indexOf(Math.max(...parts))]};
  });
}

// ---- drawing ------------------------------------------------------------------------------------------------

function drawTimes(view, {all}) {
  const low = 1e-3, high = 1e9, plot = view.axes(330, {low, high, title: "time (ms)", log: true}, {low: 0, high: 6, title: "", lanes: true});
  all.forEach(({name, ms, floor}, i) => {
    const y = 5.08 - i, [left, end] = [plot.sx(low), plot.sx(Math.min(high, Math.max(low, ms)))];
    plot.clip.append(s("rect", {class: `sw-bar sw-m${i === 4 ? 1 : i === 5 ? 2 : 0}`, x: px(left), y: px(plot.sy(y + 0.5)),
      width: px(end - left), height: px(plot.sy(y) - plot.sy(y + 0.5))}));
    plot.line([floor, floor], [y - 0.06, y + 0.56], "ref");
    plot.note(low, y + 0.5, `${name}: ${fmt(ms)} ms`, {dx: 2, dy: -4});
  });
  view.legend([0, "kernel and FFT", "bars"], [1, "scan", "bars"], [2, "loop", "bars"], ["ref", "floor"]);
  return all.map(({name, ms, floor}) => `${name}: ${fmt(ms)} ms, floor ${fmt(floor)} ms`).join("; ") + ".";
}

function readout({all}) {
  const best = all.reduce((a, b) => b.ms < a.ms ? b : a), [fft, scanned] = [all[1], all[4]];
  const slow = fft.ms > scanned.ms, [more, less] = slow ? [fft, scanned] : [scanned, fft];
  return [h("strong", {}, `Fastest: ${best.name}, ${fmt(best.ms)} ms`), `, most of it ${WORDS[best.most]}. `,
    `${slow ? "S4D by products and FFT takes" : "S5's scan takes"} ${fmt(more.ms / less.ms)} times as long as `
    + `${slow ? "S5's scan" : "S4D by products and FFT"}. Most of the scan is ${WORDS[scanned.most]}, most of the other ${WORDS[fft.most]}.`];
}

const size = (name, text) => slider(name, text, {format: (power) => (2 ** power).toLocaleString("en-US")});

export default widget({
  name: "cost-model",
  label: "The cost of six ways",
  controls: [size("log2_L", "Length L"), size("log2_N", "State N"), size("log2_H", "Channels H"), size("log2_B", "Batch B"),
    slider("peak", "Peak", {unit: "GFLOP/s"}), slider("bandwidth", "Memory", {unit: "GB/s"}), slider("call", "One call", {unit: "µs"})],
  panels: [[chart("times", "Estimated time of each way", drawTimes)]],
  compute: (settings) => ({all: times(settings)}),
  readout,
});
