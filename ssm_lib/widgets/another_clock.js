// AnotherClock: six modes λ_n = −1/2 + iπn, trained at 0.1 s, read at another sampling interval.

export const STEP = 0.1, SECONDS = 4, MODES = 6;

// ---- numbers ------------------------------------------------------------------------------------------------

export const omegas = Array.from({length: MODES}, (_, n) => Math.PI * n); // rad/s
const response = (t) => 2 * omegas.reduce((sum, w) => sum + cexp([-0.5 * t, w * t])[0], 0);

// The kernel divided by its interval: zero-order hold over rate·Δ or over Δ, or samples of the response.
export function kernel(rate, reading) {
  const interval = rate * STEP, length = Math.ceil(SECONDS / interval - 1e-9);
  if (reading === "points") return Array.from({length}, (_, l) => response(l * interval));
  const dt = reading === "scaled" ? interval : STEP;
  const gains = omegas.map((w) => cdiv(cexpm1([-0.5 * dt, w * dt]), [-0.5 * dt, w * dt]));
  return Array.from({length}, (_, l) =>
    2 * omegas.reduce((sum, w, n) => sum + cmul(gains[n], cexp([-0.5 * dt * l, w * dt * l]))[0], 0));
}

// The frequency that each mode shows at the samples: folded at half a turn per step, or slowed down by the rate.
export const apparent = (rate, reading) => omegas.map((w) => {
  if (reading === "kept") return w / rate;
  const turns = w * rate * STEP / (2 * Math.PI);
  return Math.abs(turns - Math.round(turns)) * 2 * Math.PI / (rate * STEP);
});

export const aliased = (rate) => omegas.flatMap((w, n) => w * rate * STEP > Math.PI + 1e-9 ? [n] : []);

// ---- drawing ------------------------------------------------------------------------------------------------

const WORDS = {scaled: "Δ scaled", kept: "Δ kept", points: "point samples"};
const TOP = 5.5 * Math.PI;

const compute = ({rate, reading}) => ({K: kernel(rate, reading), seen: apparent(rate, reading), folded: aliased(rate)});

function drawKernel(view, {rate, reading, K}) {
  const {line} = view.axes(300, {low: 0, high: SECONDS, title: "time since the input (s)"}, {low: -5, high: 13, title: "kernel / interval (1/s)"});
  const t = linspace(0, SECONDS, 401), interval = rate * STEP;
  line(t, t.map(response), "ref");
  line(K.flatMap((_, l) => [l * interval, (l + 1) * interval]), K.flatMap((v) => [v, v]), 1);
  view.legend(["ref", "trained: h(t)"], [1, WORDS[reading]]);
  return `${K.length} samples, ${fmt(interval)} s apart; the first is ${fmt(K[0])}.`;
}

function drawModes(view, {rate, seen}) {
  const low = -0.5, plot = view.plane({low, high: TOP, title: "true frequency (rad/s)"}, {low, high: TOP, title: "at the samples (rad/s)"});
  const limit = Math.PI / (rate * STEP);
  plot.line([0, TOP], [0, TOP], "ref");
  if (limit < TOP) {
    plot.hline(limit);
    plot.note(low, limit, "half a turn per step", {dx: 6, dy: limit < 0.9 * TOP ? -6 : 14});
  }
  plot.marks(omegas, seen, 1);
  return omegas.map((w, n) => `${fmt(w)} looks like ${fmt(seen[n])}`).join("; ") + " rad/s.";
}

function readout({rate, reading, folded}) {
  const words = [`The samples are ${fmt(rate * STEP)} s apart, half a turn per step is ${fmt(Math.PI / (rate * STEP))} rad/s. `];
  if (reading === "kept" && rate !== 1) return [...words, h("strong", {}, `Every frequency and every decay is off by the factor ${fmt(rate)}.`)];
  if (reading !== "kept" && folded.length) words.push(h("strong", {}, `Aliased: n = ${folded.join(", ")}. `));
  if (reading === "scaled") words.push("Each step of the kernel is the mean of the curve over its interval.");
  if (reading === "points") words.push("Each step of the kernel is the curve at the start of its interval.");
  return words;
}

export default widget({
  name: "another-clock",
  label: "One kernel at another sampling rate",
  controls: [slider("rate", "Rate"), select("reading", "The model", WORDS)],
  panels: [
    [chart("kernel", "The kernel over time", drawKernel)],
    [chart("modes", "Where each mode's frequency goes", drawModes)],
  ],
  compute,
  readout,
});
