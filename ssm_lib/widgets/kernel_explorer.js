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

// Discrete eigenvalue λ̄ = re + i·im and input gain b̄ = gainRe + i·gainIm of each λ_n.
export function discretize(lambdas, dt, method) {
  return lambdas.map(({re, im, b}) => {
    const [x, y] = [re * dt, im * dt];
    let z, gain;
    if (method === "bilinear") {
      const below = [1 - x / 2, -y / 2];
      [z, gain] = [cdiv([1 + x / 2, y / 2], below), cdiv([dt * b, 0], below)];
    } else if (method === "zoh") {
      [z, gain] = [cexp([x, y]), cdiv(cmul(cexpm1([x, y]), [b, 0]), [re, im])];
    } else throw new Error(`discretization is "${method}"; expected zoh or bilinear`);
    return {re: z[0], im: z[1], gainRe: gain[0], gainIm: gain[1]};
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

const DRAWN = 5; // modes drawn and marked, spread evenly over the index: more are not legible
const shown = (count) => count <= DRAWN ? [...Array(count).keys()]
  : Array.from({length: DRAWN}, (_, i) => Math.round(i * (count - 1) / (DRAWN - 1)));

function compute({init, N, dt, discretization: method, length}) {
  const lambdas = eigenvalues(init, N);
  return {lambdas, drawn: shown(lambdas.length), discrete: discretize(lambdas, dt, method),
    modes: modes(init, N, dt, method, length), kernel: kernel(init, N, dt, method, length), ...summary(init, N, dt, method),
    setting: `${INITS[init]}, N = ${N}, Δ = ${fmt(dt)}, ${METHODS[method]}`};
}

function drawKernel(view, {kernel: K}) {
  const plot = view.axes(210, {low: 0, high: K.length, title: "lag l (samples)"}, {...range(K), title: "kernel K_l"});
  plot.area(null, K);
  plot.line(null, K, 0, "kernel-curve");
  plot.dots(null, K, 0, Math.min(4, Math.max(1.5, 1.4 * (plot.sx(1) - plot.sx(0)))));
  return `K starts at ${fmt(K[0])}; largest ${fmt(Math.max(...K))}, smallest ${fmt(Math.min(...K))}, `
    + `over ${K.length} samples.`;
}

// One lane for each mode, all to one scale: curves that overlap cannot be told apart.
function drawModes(view, state) {
  const drawn = state.drawn.map((n) => state.modes[n]), total = state.modes.length;
  const top = Math.max(...drawn.flatMap((mode) => [Math.max(...mode), -Math.min(...mode)]));
  const title = `modes${view.width < 330 ? "" : " 2 Re(c_n b̄_n λ̄_nˡ)"}, lanes of ±${fmt(top)}`;
  const {g, sx, sy, line} = view.axes(58 + 34 * drawn.length, {low: 0, high: state.length, title: "lag l (samples)"},
    {low: -drawn.length, high: 0, lanes: true, title: title + (total > DRAWN ? `, ${DRAWN} of ${total}` : "")});
  drawn.forEach((mode, slot) => {
    const middle = -slot - 0.5;
    g.append(s("path", {class: "sw-zero", d: `M${sx(0)} ${sy(middle)}H${sx(state.length)}`}), markAt(slot, 7, sy(middle)),
      s("text", {class: "sw-tick", x: 55, y: sy(middle) + 4, "text-anchor": "end"}, `n = ${state.drawn[slot]}`),
      line(null, mode.map((v) => middle + 0.46 * v / top), slot, "mode-curve"));
  });
  return `${drawn.length} of ${total} modes, n = ${state.drawn.join(", ")}; they start at `
    + `${drawn.map((mode) => fmt(mode[0])).join(", ")}.`;
}

function drawPlane(view, state) {
  const continuous = state.view === "continuous", points = continuous ? state.lambdas : state.discrete;
  const farLeft = Math.max(...points.map((z) => -z.re)), farUp = Math.max(1, ...points.map((z) => z.im));
  const plot = continuous
    ? view.plane({low: -1.25 * farLeft, high: 0.5 * farLeft, title: "Re λ"}, {low: -1.1 * farUp, high: 1.1 * farUp, title: "Im λ"})
    : view.plane({low: -1.12, high: 1.12, title: "Re λ̄"}, {low: -1.12, high: 1.12, title: "Im λ̄"});
  if (continuous) {
    const bound = Math.PI / state.dt;
    plot.region(-1.25 * farLeft, 0, -1.1 * farUp, 1.1 * farUp);
    if (state.discretization === "zoh" && bound <= 1.1 * farUp) { // only ZOH aliases: beyond ±π/Δ
      for (const v of [bound, -bound]) plot.hline(v);
      plot.note(0.5 * farLeft, bound, "π/Δ", {dx: -4, dy: -4, anchor: "end"});
    }
    plot.note(0, -1.1 * farUp, "stable: Re λ < 0", {dx: -8, dy: -10, anchor: "end"});
  } else {
    plot.circle(0, 0, 1);
    plot.note(0, 0, "stable: |λ̄| < 1", {dx: -8, dy: -8, anchor: "end"});
  }
  const put = (z, n, sign) => { // sign −1: the conjugate, drawn hollow
    const slot = state.drawn.indexOf(n), extra = "eigenvalue", hollow = sign < 0;
    if (slot < 0) plot.mark(z.re, sign * z.im, "ref", {size: hollow ? 2.5 : 3.1, extra, hollow});
    else plot.mark(z.re, sign * z.im, slot, {extra, hollow});
    if (state.aliased[n] && !hollow) {
      plot.g.append(s("path", {class: "cross", d: `M${plot.sx(z.re) - 6} ${plot.sy(z.im) - 6}l12 12m0 -12l-12 12`}));
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

function readout({discretization, decay, phase, lambdas, aliased}) {
  const count = aliased.filter(Boolean).length;
  const notice = `Aliased (×): ω\u00a0Δ\u00a0>\u00a0π; modes that look slower than they are: ${count} of ${lambdas.length}.`;
  const [rate, angle] = discretization === "zoh" ? ["1/(|Re λ|\u00a0Δ)", "ω\u00a0Δ"] : ["−1/ln|λ̄|", "arg\u00a0λ̄"];
  return [`Slowest mode: falls to 1/e in ${fmt(decay)} samples = ${rate}. Fastest: ${fmt(phase)} rad per sample = ${angle}. `,
    ...(count ? [h("strong", {}, notice)] : [])];
}

export default widget({
  name: "kernel-explorer",
  label: "Kernel explorer",
  controls: [select("init", "Initialization", INITS), slider("N", "State size N"), slider("dt", "Step Δ"),
    choice("discretization", "Discretization", METHODS)],
  panels: [
    [chart("kernel", ({setting}) => `Kernel over lag: ${setting}`, drawKernel),
      chart("modes", ({setting}) => `Modes over lag: ${setting}`, drawModes)],
    [choice("view", "Eigenvalues", {discrete: "discrete λ̄", continuous: "continuous λ"}),
      chart("plane", ({view, setting}) => `${view === "discrete" ? "Discrete" : "Continuous"} eigenvalues: ${setting}`, drawPlane)],
  ],
  compute,
  readout,
});
