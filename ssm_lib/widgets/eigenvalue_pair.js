// EigenvaluePair: a mass on a spring by its two eigenvalues. First the numbers, then the drawing.
// im > 0: the pair re ± i·im. im ≤ 0: two real eigenvalues re ± im.

export const MASS = 2, SECONDS = 6;

export const eigenvalues = (re, im) => im > 0 ? [[re, im], [re, -im]] : [[re - im, 0], [re + im, 0]];

// stiffness/m and damping/m: the product of the eigenvalues, and minus their sum
export const constants = (re, im) => ({stiffness: re * re + im * Math.abs(im), damping: -2 * re});

// sin(im·t)/im, sinh(|im| t)/|im|, and t where the two eigenvalues meet
const swing = (im, t) => im > 1e-6 ? Math.sin(im * t) / im : im < -1e-6 ? Math.sinh(-im * t) / -im : t;

// h(t), the position t seconds after a knock of one newton second
export const response = (re, im, t) => Math.exp(re * t) * swing(im, t) / MASS;

// (e^{λΔ} − 1)/λ, and its derivative with respect to λ
const held = (z, dt) => cabs(z) < 1e-9 ? [dt, 0] : cdiv(cexpm1([z[0] * dt, z[1] * dt]), z);
const heldSlope = (z, dt) => Math.abs(z) < 1e-9 ? dt * dt / 2 : (dt * Math.exp(z * dt) - held([z, 0], dt)[0]) / z;

// The zero-order hold: Ā = e^{ΔA} as [[a, b], [c, d]]; B̄ = ∫₀^Δ (h, h′) = (∫ h, h(Δ))
export function discretize(re, im, dt) {
  const even = im > 0 ? Math.cos(im * dt) : Math.cosh(im * dt), odd = swing(im, dt), shrink = Math.exp(re * dt);
  const [p, q] = eigenvalues(re, im), gap = csub(p, q), {stiffness} = constants(re, im);
  const pushed = Math.abs(im) > 1e-6 ? cdiv(csub(held(p, dt), held(q, dt)), gap)[0] : heldSlope(re, dt);
  return {A: [[shrink * (even - re * odd), shrink * odd], [-shrink * stiffness * odd, shrink * (even + re * odd)]],
    B: [pushed / MASS, shrink * odd / MASS]};
}

// K_l by the recurrence x_k = Ā x_{k−1} + B̄ u_k with u = 1, 0, 0, …
export function kernel(re, im, dt) {
  const {A: [[a, b], [c, d]], B} = discretize(re, im, dt), K = new Float64Array(Math.floor(SECONDS / dt + 1e-9));
  for (let k = 0, [q, v] = B; k < K.length; k++) {
    K[k] = q;
    [q, v] = [a * q + b * v, c * q + d * v];
  }
  return K;
}

// |H(iω)| = 1/(m |iω − λ_1| |iω − λ_2|)
export const gain = (re, im, omega) =>
  1 / (MASS * eigenvalues(re, im).reduce((product, [a, b]) => product * Math.hypot(a, omega - b), 1));

export function summary(re, im, dt) {
  const slowest = re + Math.max(0, -im), {stiffness, damping} = constants(re, im);
  return {slowest, memory: -1 / slowest, pitch: Math.max(0, im) / (2 * Math.PI), aliased: im * dt > Math.PI,
    stiffness: MASS * stiffness, damping: MASS * damping};
}

// ---- drawing ------------------------------------------------------------------------------------------------

const TIMES = linspace(0, SECONDS, 601), FREQUENCIES = linspace(-1, 2, 241).map((e) => 10 ** e);
const GROUND = {x: [-9, 2], y: [-5.5, 11.5]}; // of the plane: one scale for both axes

function compute({re, im, dt}) {
  return {z: eigenvalues(re, im), h: TIMES.map((t) => response(re, im, t)), K: kernel(re, im, dt), ...summary(re, im, dt)};
}

const complex = ([a, b]) => b ? `${fmt(a)} ± ${fmt(Math.abs(b))} i` : fmt(a);
const named = ({z}) => z[0][1] ? complex(z[0]) : z[0][0] === z[1][0] ? `${fmt(z[0][0])} (twice)` : `${fmt(z[0][0])} and ${fmt(z[1][0])}`;

function drawPlane(view, {z, re, im, dt}) {
  const {x, y} = GROUND, height = (view.width - 70) * (y[1] - y[0]) / (x[1] - x[0]) + 58;
  const plot = view.axes(height, {low: x[0], high: x[1], title: "decay Re λ (1/s)"}, {low: y[0], high: y[1], title: "pitch Im λ (rad/s)"});
  plot.region(x[0], 0, y[0], y[1]);
  const size = cabs(z[0]), turn = linspace(Math.PI / 2, 1.5 * Math.PI, 91); // |λ| = √(κ/m): more or less damping only
  if (im >= 0) plot.line(turn.map((a) => size * Math.cos(a)), turn.map((a) => size * Math.sin(a)), "ref", "orbit");
  if (Math.PI / dt < y[1]) {
    plot.hline(Math.PI / dt);
    plot.note(x[1], Math.PI / dt, "π/Δ", {dx: -4, dy: -4, anchor: "end"});
  }
  if (im < 0) for (const [a] of z) plot.line([re, a], [im, 0], "ref", "thread");
  for (const [i, [a, b]] of z.entries()) plot.mark(a, b, 0, {hollow: im > 0 && i > 0, extra: "eigenvalue", size: 5.4});
  plot.note(0, y[1], "stable: Re λ < 0", {dx: -8, dy: 16, anchor: "end"});
  return `Eigenvalues ${named({z})}.`;
}

function drawResponse(view, {h, K, dt}) {
  const means = Array.from(K, (k) => k / dt);
  const plot = view.axes(230, {low: 0, high: SECONDS, title: "time since the knock (s)"}, {...range(h, means), title: "response h (m/Ns)"});
  const middles = means.map((_, l) => (l + 0.5) * dt);
  if (K.length <= 150) plot.bars(middles, means, 1, dt);
  else plot.dots(middles, means, 1, 2);
  plot.line(TIMES, h, 0, "response");
  view.legend([0, "impulse response h"], [1, "samples K / Δ", K.length <= 150 ? "bars" : "marks"]);
  return `The response runs from ${fmt(Math.min(...h))} to ${fmt(Math.max(...h))} metres per newton second; ${K.length} samples.`;
}

function drawGain(view, {re, im}) {
  const sizes = FREQUENCIES.map((omega) => gain(re, im, omega));
  const plot = view.axes(190, {low: 0.1, high: 100, log: true, title: "frequency ω (rad/s)"},
    {low: 1e-4, high: 10, log: true, title: "size |H(iω)| (m/N)"});
  plot.line(FREQUENCIES, sizes);
  const top = sizes.indexOf(Math.max(...sizes));
  return `Largest at ${fmt(FREQUENCIES[top], 2)} radians per second: ${fmt(sizes[top])} metres per newton.`;
}

function readout({z, re, im, slowest, memory, pitch, aliased, stiffness, damping}) {
  const kind = im > 0 ? "underdamped" : im < 0 ? "overdamped" : "critically damped";
  const parts = [`λ = ${named({z})}: ${slowest < 0 ? kind : "growing"}. `,
    slowest < 0 ? `Memory: falls to 1/e in ${fmt(memory)} s. ` : h("strong", {}, "It does not die out. "),
    im > 0 ? `Pitch: ${fmt(pitch)} swings a second. ` : "No pitch. ",
    `With 2 kg: damper ${fmt(damping)} Ns/m, spring ${fmt(stiffness)} N/m. `];
  return aliased ? [...parts, h("strong", {}, "Aliased: it turns by more than π in a step.")] : parts;
}

export default widget({
  name: "eigenvalue-pair",
  label: "Eigenvalue pair",
  controls: [slider("re", "Decay Re λ", {unit: "per s"}), slider("im", "Pitch Im λ",
    {format: (v) => v > 0 ? `${fmt(v)}\u00a0rad/s` : v < 0 ? `none: real, ±\u00a0${fmt(-v)}` : "none: they meet"}), slider("dt", "Step Δ", {unit: "s"})],
  panels: [
    [chart("plane", "Eigenvalues in the plane", drawPlane, {points: [{x: "re", y: "im", label: "Eigenvalue λ"}]})],
    [chart("response", "Impulse response and samples", drawResponse), chart("gain", "Frequency response", drawGain)],
  ],
  compute,
  readout,
});
