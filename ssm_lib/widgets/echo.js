// Echo: n roots at equal angles, their first one dragged, and the kernel Re Σ wₙ e^{λₙ l} for 48 lags.

export const LAGS = 48;

// ---- numbers ------------------------------------------------------------------------------------------------

// Size and angle of the dragged root: never outside the circle, whole or half degrees.
export const root = (re, im) => ({size: Math.min(1, Math.max(0.01, Math.hypot(re, im))),
  degrees: Math.floor(2 * Math.atan2(im, re) * 180 / Math.PI + 0.5) / 2});

// Each root size·e^{iφk} has the weight e^{−iφk·delay}/n: they agree at the lag `delay`.
export function kernel(re, im, n, delay) {
  const {size, degrees} = root(re, im), phi = degrees * Math.PI / 180;
  return Array.from({length: LAGS}, (_, l) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += Math.cos(k * phi * (l - delay));
    return size ** l * sum / n;
  });
}

// The lags of the largest values (within 1 %), and the largest of the others.
export function echoes(values) {
  const top = Math.max(...values.map(Math.abs)), lags = [];
  let rest = 0;
  values.forEach((v, l) => { if (Math.abs(v) > 0.99 * top) lags.push(l); else rest = Math.max(rest, Math.abs(v)); });
  return {top, lags, rest};
}

// ---- drawing ------------------------------------------------------------------------------------------------

function compute({re, im, n, delay}) {
  const values = kernel(re, im, n, delay);
  return {values, ...root(re, im), ...echoes(values)};
}

function drawPlane(view, {re, im, size, degrees, n}) {
  const plot = view.plane({low: -1.25, high: 1.25, title: "real part"}, {low: -1.25, high: 1.25, title: "imaginary part"});
  plot.circle(0, 0, 1);
  const angles = Array.from({length: n}, (_, k) => k * degrees * Math.PI / 180);
  const turn = degrees * Math.PI / 180; // from where the point is to the root that it stands for
  plot.line([re, size * Math.cos(turn)], [im, size * Math.sin(turn)], "ref");
  plot.marks(angles.map((a) => size * Math.cos(a)), angles.map((a) => size * Math.sin(a)), 0, {hollow: true});
  return `${n} roots of size ${fmt(size)}, ${fmt(degrees)}° apart.`;
}

function drawKernel(view, {values, lags}) {
  const plot = view.axes(300, {low: -1, high: LAGS, title: "lag l (steps)"}, {low: -1.1, high: 1.1, title: "kernel"});
  plot.stems(null, values, 0, {size: 2.6});
  return `Largest at the lags ${lags.join(", ")}.`;
}

function readout({re, im, degrees, top, lags, rest}) {
  const apart = degrees ? `${fmt(Math.abs(degrees))}° apart: one turn takes ${fmt(360 / Math.abs(degrees))} steps` : "all at one place";
  const words = [`The roots are ${apart}. Largest: ${fmt(top)} at lag ${lags.length > 8 ? `${lags.slice(0, 8).join(", ")}, …` : lags.join(", ")}; `
    + `elsewhere at most ${fmt(Math.round(1000 * rest) / 1000)}. `];
  if (Math.hypot(re, im) > 1.005) words.push("No root of DLR lies outside the circle: it is put on it.");
  return words;
}

export default widget({
  name: "echo",
  label: "Roots and their echo",
  controls: [slider("re", "Re root"), slider("im", "Im root"), slider("n", "Roots n"),
    slider("delay", "Agree at lag")],
  panels: [
    [chart("plane", "The roots", drawPlane, {points: [{x: "re", y: "im", label: "first root", slot: 1}]})],
    [chart("kernel", "The kernel", drawKernel)],
  ],
  compute,
  readout,
});
