// OneStep: what five rules make of one mode. z = λΔ; the point in the first plane is dragged.

export const RULES = ["Euler", "backward Euler", "GBT(α)", "bilinear", "ZOH"];
export const STEPS = 20;

// ---- numbers ------------------------------------------------------------------------------------------------

// The generalized bilinear transform: (1 + (1 − α) z) / (1 − α z).
const mixed = ([x, y], alpha) => cdiv([1 + (1 - alpha) * x, (1 - alpha) * y], [1 - alpha * x, -alpha * y]);

// The discrete eigenvalues λ̄ of the five rules.
export const eigenvalues = (re, im, alpha) => [...[0, 1, alpha, 0.5].map((a) => mixed([re, im], a)), cexp([re, im])];

// Re(1 − λ̄ᵏ), k = 0..STEPS: the response to a unit step, scaled so that it settles at 1.
export function response(bar) {
  const values = [];
  for (let k = 0, power = [1, 0]; k <= STEPS; k++, power = cmul(power, bar)) values.push(1 - power[0]);
  return values;
}
export const exact = (re, im, times) => times.map((t) => 1 - cexp([re * t, im * t])[0]);

// Which rules explode, and which alternate in sign though the mode does not swing.
export function verdict(re, im, alpha) {
  const bars = eigenvalues(re, im, alpha), named = (test) => RULES.filter((_, i) => test(bars[i]));
  return {explode: named((bar) => cabs(bar) > 1 + 1e-12), alternate: im === 0 ? named(([x]) => x < 0) : [],
    apart: cabs(csub(bars[3], bars[4]))};
}

// ---- drawing ------------------------------------------------------------------------------------------------

const REACH = 1.55; // of the second plane; what lies beyond is drawn hollow at its edge
const [LOW, HIGH] = [-0.2, 2.2]; // of a lane; a stable response stays within 0 and 2
const turn = linspace(0, 2 * Math.PI, 121), times = linspace(0, STEPS, 401);

function compute({re, im, alpha}) {
  const bars = eigenvalues(re, im, alpha);
  return {bars, responses: bars.map(response), truth: exact(re, im, times), ...verdict(re, im, alpha)};
}

// |λ̄| = 1 is the circle of centre −c and radius |c|, c = 1/(1 − 2α), or the imaginary axis where α = ½.
function border(plot, alpha, slot) {
  if (Math.abs(1 - 2 * alpha) < 1e-9) return plot.line([0, 0], [-1, 5], slot);
  const c = 1 / (1 - 2 * alpha);
  return plot.line(turn.map((t) => -c + c * Math.cos(t)), turn.map((t) => c * Math.sin(t)), slot);
}

function drawContinuous(view, {re, im, alpha}) {
  const plot = view.plane({low: -4.5, high: 1.5, title: "Re λΔ"}, {low: -1, high: 5, title: "Im λΔ (radians per step)"});
  plot.region(-4.5, 0, -1, 5);
  [0, 1, alpha, 0.5].forEach((a, slot) => border(plot, a, slot));
  if (Math.abs(im - Math.PI) < 1.9) {
    plot.hline(Math.PI);
    plot.note(-4.5, Math.PI, "π: beyond, ZOH is aliased", {dx: 6, dy: -5});
  }
  plot.note(-4.5, -1, "the mode itself is stable", {dx: 6, dy: -8});
  return `λΔ = ${fmt(re)} + ${fmt(im)} i. The lines are the borders of stability of Euler, backward Euler, GBT(${fmt(alpha)}) `
    + "and the bilinear rule; ZOH has the bilinear one.";
}

function drawDiscrete(view, {bars}) {
  const plot = view.plane({low: -REACH, high: REACH, title: "Re λ̄"}, {low: -REACH, high: REACH, title: "Im λ̄"});
  plot.circle(0, 0, 1);
  bars.forEach((bar, slot) => {
    const shrink = Math.max(1, Math.abs(bar[0]) / (REACH - 0.05), Math.abs(bar[1]) / (REACH - 0.05));
    plot.mark(bar[0] / shrink, bar[1] / shrink, slot, {size: 5.5, hollow: shrink > 1, extra: "rule"});
  });
  view.legend(...bars.map((bar, i) =>
    [i, `${RULES[i]}: |λ̄| ${fmt(cabs(bar))}, ${fmt(Math.atan2(bar[1], bar[0]))} rad`, "line marks"]));
  return bars.map((bar, i) => `${RULES[i]}: modulus ${fmt(cabs(bar))}, angle ${fmt(Math.atan2(bar[1], bar[0]))} radians`).join("; ")
    + ". A hollow mark lies farther out.";
}

// One lane for each rule over the exact curve: five curves on each other cannot be told apart.
function drawResponses(view, {responses, truth}) {
  const {g, sx, sy, line, marks, note} = view.axes(58 + 62 * RULES.length, {low: 0, high: STEPS, title: "steps k (grey: exact)"},
    {low: -RULES.length, high: 0, lanes: true, title: "response to a unit step"});
  responses.forEach((values, slot) => {
    const place = (v) => -slot - 0.96 + 0.92 * (v - LOW) / (HIGH - LOW), out = (v) => !(v >= LOW && v <= HIGH);
    const left = values.findIndex(out), kept = left < 0 ? values : values.slice(0, left), rest = sy(place(1));
    g.append(s("path", {class: "sw-zero", d: `M${sx(0)} ${rest}H${sx(STEPS)}`}),
      ...RULES[slot].split(" ").map((word, i, words) => s("text", {class: "sw-tick", x: 55, "text-anchor": "end",
        y: rest + 4 + 12 * (i - (words.length - 1) / 2)}, word)));
    line(times, truth.map((v) => out(v) ? NaN : place(v)), "ref");
    line(null, kept.map(place), slot, "rule-curve");
    marks(null, kept.map(place), slot, {size: 2.9});
    if (left >= 0) note(STEPS, place(1), `leaves the lane at step ${left}`, {dx: -4, dy: -8, anchor: "end"});
  });
  return responses.map((values, i) => `${RULES[i]} after ${STEPS} steps: ${fmt(values.at(-1))}`).join("; ") + ".";
}

function readout({re, im, explode, alternate, apart}) {
  const words = [`The mode itself: |λ̄| ${fmt(Math.exp(re))}, ${fmt(im)} rad per step. Bilinear and ZOH are ${fmt(apart, 2)} apart. `];
  if (explode.length) words.push(h("strong", {}, `Explodes: ${explode.join(", ")}. `));
  if (alternate.length) words.push(h("strong", {}, `Alternates in sign: ${alternate.join(", ")}. `));
  if (im > Math.PI) words.push(h("strong", {}, `ZOH is aliased: its samples seem to turn by ${fmt(im - 2 * Math.PI)} rad.`));
  return words;
}

export default widget({
  name: "one-step",
  label: "One mode, five rules",
  controls: [slider("re", "Re λΔ"), slider("im", "Im λΔ", {unit: "rad"}), slider("alpha", "α of GBT")],
  panels: [
    [chart("continuous", "The mode, and where each rule is stable", drawContinuous,
      {points: [{x: "re", y: "im", label: "λΔ", slot: "ref"}]})],
    [chart("discrete", "Discrete eigenvalues", drawDiscrete)],
    [chart("responses", "Step responses", drawResponses)],
  ],
  compute,
  readout,
});
