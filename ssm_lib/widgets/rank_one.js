// RankOne: LegS with its rank-one part faded, A(ρ) = A + (1 − ρ) P Pᵀ with P = B/√2. ρ = 1 is HiPPO, ρ = 0 its normal part.

export const LENGTH = 256, NODES = 161;

// ---- numbers ------------------------------------------------------------------------------------------------

export const roots = (N) => Array.from({length: N}, (_, n) => Math.sqrt(2 * n + 1)); // B; A is −r_n r_k below the diagonal

// (s − A)⁻¹ v for lists of complex numbers, row by row: A is triangular, and a running sum is all that a row needs.
export function resolvent(s, r, v) {
  let before = [0, 0];
  return v.map((v_n, n) => {
    const x = cdiv([v_n[0] - r[n] * before[0], v_n[1] - r[n] * before[1]], [s[0] + n + 1, s[1]]);
    before = [before[0] + r[n] * x[0], before[1] + r[n] * x[1]];
    return x;
  });
}

// (s − A − (1 − ρ) P Pᵀ)⁻¹ v by the formula of Woodbury; a function of v, so that R P is found once.
export function faded(s, r, rho) {
  const p = r.map((x) => [x / Math.SQRT2, 0]), dot = (x) => x.reduce((sum, x_n, n) => cadd(sum, cmul(p[n], x_n)), [0, 0]);
  const Rp = resolvent(s, r, p), inner = dot(Rp), below = [1 - (1 - rho) * inner[0], -(1 - rho) * inner[1]];
  return (v) => {
    const w = resolvent(s, r, v), part = dot(w), scale = cdiv([(1 - rho) * part[0], (1 - rho) * part[1]], below);
    return w.map((w_n, n) => cadd(w_n, cmul(Rp[n], scale)));
  };
}

// K_l / Δ, l = 0..LENGTH − 1, of the bilinear rule: x_l = 2 (s − A)⁻¹ (s x_{l−1} + B u_l) − x_{l−1} with s = 2/Δ.
export function kernel(N, dt, rho, n) {
  const r = roots(N), s = 2 / dt, solve = faded([s, 0], r, rho), values = [];
  let x = r.map(() => [0, 0]);
  for (let l = 0; l < LENGTH; l++) {
    const next = solve(x.map((x_n, i) => [s * x_n[0] + (l ? 0 : r[i]), 0]));
    x = next.map((y, i) => [2 * y[0] - x[i][0], 0]);
    values.push(x[n][0] / dt);
  }
  return values;
}

// |K_hat(z)|, z = exp(−iθ): 2/(1 + z) times entry n of (g − A)⁻¹ B at g = (2/Δ)(1 − z)/(1 + z) = (2i/Δ) tan(θ/2).
export const thetas = Array.from({length: NODES}, (_, i) => 10 ** (-3 + i * Math.log10(3000) / (NODES - 1)));
export function response(N, dt, rho, n) {
  const r = roots(N), B = r.map((x) => [x, 0]);
  return thetas.map((theta) => {
    const x = faded([0, 2 / dt * Math.tan(theta / 2)], r, rho)(B)[n];
    return cabs(cdiv([2 * x[0], 2 * x[1]], [1 + Math.cos(theta), -Math.sin(theta)]));
  });
}

// How far K is from a multiple of the whole system's kernel, relative to that.
export const apart = (K, whole, gain) => Math.sqrt(
  K.reduce((sum, v, l) => sum + (v - gain * whole[l]) ** 2, 0) / whole.reduce((sum, v) => sum + (gain * v) ** 2, 0));

// ---- drawing ------------------------------------------------------------------------------------------------

function compute({rho, N, dt, n}) {
  const K = kernel(N, dt, rho, n), whole = kernel(N, dt, 1, n), gain = 2 / (1 + rho);
  return {K, whole, gain, H: response(N, dt, rho, n), wholeH: response(N, dt, 1, n), off: apart(K, whole, gain)};
}

function drawKernel(view, {K, whole, gain, rho}) {
  const bent = whole.map((v) => gain * v), fits = range(K, whole, bent);
  const plot = view.axes(250, {low: 0, high: LENGTH, title: "lag l (samples)"}, {...fits, title: "K_l / Δ (1/s)"});
  plot.line(null, whole, "ref");
  plot.line(null, K, 0);
  plot.line(null, bent, 1); // last: it is seen through the swinging
  view.legend([0, `faded to ρ = ${fmt(rho)}`], ["ref", "S4: ρ = 1"], [1, `S4 times 2/(1 + ρ) = ${fmt(gain)}`]);
  return `The kernel starts at ${fmt(K[0])}; S4's at ${fmt(whole[0])}.`;
}

function drawResponse(view, {H, wholeH, gain}) {
  const plot = view.axes(250, {low: 1e-3, high: Math.PI, log: true, title: "θ (radians per sample)"},
    {low: 1e-4, high: 20, log: true, title: "size of the response"});
  plot.line(thetas, wholeH, "ref");
  plot.line(thetas, wholeH.map((v) => gain * v), 1);
  plot.line(thetas, H, 0);
  return `At the lowest frequency shown: ${fmt(H[0])}; S4 ${fmt(wholeH[0])}.`;
}

const readout = ({off, gain, rho, N}) => [
  `With ρ = ${fmt(rho)} and N = ${N} the kernel is ${fmt(100 * off, 2)} % away from S4's times ${fmt(gain)}.`,
];

export default widget({
  name: "rank-one",
  label: "The rank-one part of LegS, faded",
  controls: [slider("rho", "ρ"), slider("N", "N"), slider("dt", "Δ", {unit: "s"}), slider("n", "output: n of xₙ")],
  panels: [
    [chart("kernel", "Kernel", drawKernel)],
    [chart("response", "Frequency response", drawResponse)],
  ],
  compute,
  readout,
});
