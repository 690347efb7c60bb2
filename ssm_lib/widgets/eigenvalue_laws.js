// EigenvalueLaws: where the four laws of S4D put their modes, and the kernel of one of them. ZOH, all c_n = 1.

export const LAWS = {legs: "LegS", lin: "Lin", inv: "Inv", real: "Real"};
export const LENGTH = 200; // samples drawn
const [SLOWEST, FASTEST] = [0.1, 2e4]; // rad/s, ends of the axis

// ---- numbers ------------------------------------------------------------------------------------------------

// LegS by its own law: θ(ω) = Σ_k arctan(ω/(k − ½)), k = 1 … N, is an odd multiple of π/2; B_n = sqrt(2/θ'(ω_n)).
function legs(N) {
  const theta = (w) => { let sum = 0; for (let a = 0.5; a < N; a++) sum += Math.atan(w / a); return sum; };
  const slope = (w) => { let sum = 0; for (let a = 0.5; a < N; a++) sum += a / (a * a + w * w); return sum; };
  return Array.from({length: N / 2}, (_, n) => {
    let low = 0, high = N * N, omega = high / 2; // θ is increasing: bisect down to neighbouring doubles
    while (omega > low && omega < high) {
      if (theta(omega) < (2 * n + 1) * Math.PI / 2) low = omega; else high = omega;
      omega = (low + high) / 2;
    }
    return {re: -0.5, im: omega, b: Math.sqrt(2 / slope(omega))};
  });
}

// The modes of a law by ascending frequency; Real: by ascending decay. N/2 of them, Real N.
const known = new Map();
export function modes(law, N) {
  const key = `${law} ${N}`, half = Array.from({length: N / 2}, (_, n) => n);
  if (!known.has(key)) known.set(key, {
    legs: () => legs(N),
    lin: () => half.map((n) => ({re: -0.5, im: Math.PI * n, b: 1})),
    inv: () => half.map((n) => ({re: -0.5, im: N / Math.PI * (N / (2 * n + 1) - 1), b: 1})).reverse(),
    real: () => Array.from({length: N}, (_, n) => ({re: -(n + 1), im: 0, b: 1})),
  }[law]());
  return known.get(key);
}

const scaled = (law, N, scale) => modes(law, N).map((mode) => ({...mode, im: scale * mode.im}));

// K_l = 2 Re Σ b_n (e^{Δλ} − 1)/λ e^{Δλ l}
export function kernel(law, N, dt, scale) {
  const K = new Float64Array(LENGTH);
  for (const {re, im, b} of scaled(law, N, scale)) {
    const step = cexp([dt * re, dt * im]);
    let x = cdiv(cmul(cexpm1([dt * re, dt * im]), [b, 0]), [re, im]);
    for (let l = 0; l < LENGTH; l++, x = cmul(x, step)) K[l] += 2 * x[0];
  }
  return K;
}

// How many modes turn at least once while they fall to 1/e (|λ's turn| ≥ 2π in 1/|Re λ|), how many turn by more
// than π per sample, and how many do the first but not the second.
export function count(law, N, dt, scale) {
  const list = scaled(law, N, scale), turns = ({re, im}) => im >= -2 * Math.PI * re * (1 - 1e-12);
  const fast = ({im}) => im * dt > Math.PI * (1 + 1e-12);
  return {all: list.length, turning: list.filter(turns).length, aliased: list.filter(fast).length,
    useful: list.filter((mode) => turns(mode) && !fast(mode)).length};
}

// ---- drawing ------------------------------------------------------------------------------------------------

const clamp = (w) => Math.min(FASTEST, Math.max(SLOWEST, w));

function drawLaws(view, {law, N, dt, scale}) {
  const names = Object.keys(LAWS), plot = view.axes(230, {low: SLOWEST, high: FASTEST, log: true, title: "scaled Im λ_n (rad/s)"},
    {low: -names.length, high: 0, lanes: true, title: "modes of each law; shaded: of use"});
  plot.region(Math.PI, clamp(Math.PI / dt), -names.length, 0);
  plot.vline(clamp(Math.PI / dt));
  plot.note(clamp(Math.PI / dt), 0, "π/Δ", {dx: 4, dy: 12});
  names.forEach((name, i) => {
    plot.g.append(s("text", {class: "sw-tick", x: 55, y: plot.sy(-i - 0.5) + 4, "text-anchor": "end"}, LAWS[name]));
    for (const {im} of scaled(name, N, scale)) {
      plot.mark(clamp(im), -i - 0.5, i, {size: name === law ? 4.4 : 3, hollow: name !== law});
    }
  });
  return names.map((name) => {
    const list = scaled(name, N, scale);
    return `${LAWS[name]}: from ${fmt(Math.min(...list.map(({im}) => im)))} to ${fmt(Math.max(...list.map(({im}) => im)))} rad/s.`;
  }).join(" ");
}

function drawKernel(view, {law, K}) {
  const plot = view.axes(230, {low: 0, high: LENGTH, title: "lag l (samples)"}, {...range(K), title: "kernel K_l"});
  plot.line(null, K, Object.keys(LAWS).indexOf(law));
  return `The kernel of ${LAWS[law]} starts at ${fmt(K[0])}; largest ${fmt(Math.max(...K))}, smallest ${fmt(Math.min(...K))}.`;
}

function readout({law, all, turning, aliased, useful}) {
  const words = `${LAWS[law]}: of ${all} modes ${turning} turn at least once while they fall to 1/e, and ${aliased} turn by `
    + "more than π per sample. ";
  return [words, h("strong", {}, `Of use: ${useful}.`)];
}

export default widget({
  name: "eigenvalue-laws",
  label: "Four laws of eigenvalues",
  controls: [choice("law", "Law", LAWS), slider("N", "State size N"), slider("dt", "Step Δ", {unit: "s"}),
    slider("scale", "Scale of Im λ")],
  panels: [
    [chart("laws", "Where each law puts its modes", drawLaws)],
    [chart("kernel", ({law}) => `The kernel of ${LAWS[law]}`, drawKernel)],
  ],
  compute: ({law, N, dt, scale}) => ({K: kernel(law, N, dt, scale), ...count(law, N, dt, scale)}),
  readout,
});
