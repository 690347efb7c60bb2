// SoftmaxMode: one mode in DSS-exp and DSS-softmax. z = Δλ; the eigenvalue is dragged across Re λ = 0.

export const STEP = 0.1; // seconds

// ---- numbers ------------------------------------------------------------------------------------------------

// Re exp(z l), l = 0..L-1: the kernel of DSS-exp up to its weight.
export const exponential = (re, im, L) =>
  Array.from({length: L}, (_, l) => cexp([STEP * re * l, STEP * im * l])[0]);

// The complex row exp(z l) / Σ exp(z j). A growing mode is a decaying one, read backwards: nothing overflows.
export function softmax(re, im, L) {
  const grows = re > 0, z = [STEP * (grows ? -re : re), STEP * (grows ? -im : im)];
  const factor = re === 0 && im === 0 ? [1 / L, 0] : cdiv(cexpm1(z), cexpm1([L * z[0], L * z[1]]));
  const row = Array.from({length: L}, (_, l) => cmul(factor, cexp([z[0] * l, z[1] * l])));
  return grows ? row.reverse() : row;
}

// The lag up to which half of the row's sizes lie, and the sum of the sizes (their complex sum is 1).
export function weight(row) {
  const sizes = row.map(cabs), total = sizes.reduce((a, b) => a + b, 0);
  let lag = 0;
  for (let sum = sizes[0]; sum < total / 2; sum += sizes[++lag]);
  return {half: lag, total};
}

// ---- drawing ------------------------------------------------------------------------------------------------

function compute({re, im, L}) {
  const row = softmax(re, im, L);
  return {exp: exponential(re, im, L), row: row.map((v) => v[0]), short: softmax(re, im, L / 2).map((v) => v[0]), ...weight(row)};
}

function drawPlane(view, {re, im}) {
  const plot = view.axes(300, {low: -1.1, high: 1.1, title: "Re λ (1/s)"}, {low: -0.5, high: 10.5, title: "Im λ (rad/s)"});
  plot.region(-1.1, 0, -0.5, 10.5);
  plot.note(-1.1, 10.5, "decays", {dx: 6, dy: 14});
  plot.note(1.1, 10.5, "grows", {dx: -6, dy: 14, anchor: "end"});
  return `λ = ${fmt(re)} + ${fmt(im)} i.`;
}

function drawExp(view, {exp, L}) {
  const {line, note} = view.axes(180, {low: 0, high: L, title: "lag l (steps)"}, {low: -1.5, high: 1.5, title: "exp: Re e^(Δλl)"});
  const left = exp.findIndex((v) => Math.abs(v) > 1.5);
  line(null, left < 0 ? exp : exp.slice(0, left + 1));
  if (left >= 0) note(L, -1.5, `leaves the frame at lag ${left}`, {dx: -4, dy: -8, anchor: "end"});
  return left < 0 ? `It ends at ${fmt(exp.at(-1))}.` : `It leaves the frame at lag ${left}.`;
}

function drawSoftmax(view, {row, short, L}) {
  const {line} = view.axes(190, {low: 0, high: L, title: "lag l (steps)"}, {...range(row, short), title: "softmax: Re"});
  line(null, short, "ref", "half");
  line(null, row, 1);
  view.legend([1, `over L = ${L}`], ["ref", `over L = ${L / 2}`]);
  return `From ${fmt(row[0])} at lag 0 to ${fmt(row.at(-1))} at lag ${L - 1}.`;
}

function readout({re, half, total, L}) {
  const words = [`Half of the softmax's sizes lie within lags 0 to ${half} of ${L - 1}. The sizes sum to ${fmt(total)}, the complex numbers themselves to 1. `];
  if (re >= 0) words.push(h("strong", {}, "DSS-exp cannot hold this mode: its Re λ is negative by construction. "));
  if (total > 20) words.push(h("strong", {}, "The denominator is near 0: the mode almost cancels over its L steps."));
  return words;
}

export default widget({
  name: "softmax-mode",
  label: "One mode, two kernels",
  controls: [slider("re", "Re λ", {unit: "1/s"}), slider("im", "Im λ", {unit: "rad/s"}), slider("L", "Length L")],
  panels: [
    [chart("plane", "The eigenvalue", drawPlane, {points: [{x: "re", y: "im", label: "λ"}]})],
    [chart("exp", "DSS-exp, up to its weight", drawExp), chart("softmax", "DSS-softmax", drawSoftmax)],
  ],
  compute,
  readout,
});
