// ScanTree: eight steps of x_k = a_k x_{k-1} + u_k, scanned in four ways. A plan is a list of levels, a level a list of
// pairs [target, source] that are combined at once, as in ssm_lib/scan_trees.py.

export const LENGTH = 8;

// ---- numbers ------------------------------------------------------------------------------------------------

const steps = (from, to, by = 1) => Array.from({length: Math.max(0, Math.ceil((to - from) / by))}, (_, i) => from + i * by);
const kept = (levels) => levels.filter((level) => level.length);

export const PLANS = {
  "loop": (n) => steps(1, n).map((k) => [[k, k - 1]]),
  "Hillis-Steele"(n) {
    const plan = [];
    for (let reach = 1; reach < n; reach *= 2) plan.push(steps(reach, n).map((k) => [k, k - reach]));
    return plan;
  },
  "Blelloch"(n) {
    const plan = [];
    let reach = 1;
    for (; reach < n; reach *= 2) plan.push(steps(2 * reach - 1, n, 2 * reach).map((k) => [k, k - reach]));
    for (; reach > 1;) { reach /= 2; plan.push(steps(3 * reach - 1, n, 2 * reach).map((k) => [k, k - reach])); }
    return kept(plan);
  },
  "blocks"(n) {
    const size = Math.max(1, Math.round(Math.sqrt(n))), starts = steps(0, n, size), later = starts.slice(1);
    const inside = steps(1, size).map((j) => starts.filter((s) => s + j < n).map((s) => [s + j, s + j - 1]));
    const ends = later.filter((s) => s + size <= n).map((s) => [[s + size - 1, s - 1]]);
    const rest = later.flatMap((s) => steps(s, Math.min(s + size - 1, n)).map((k) => [k, s - 1]));
    return kept([...inside, ...ends, rest]);
  },
};

// Elements after some levels: the map x -> a x + b of the steps first .. k, for each k.
export function elements(plan, a, start) {
  let now = steps(0, LENGTH).map((k) => ({first: k, a: start && k === start ? 0 : a, b: k + 1}));
  for (const level of plan) {
    const before = now;
    now = [...before];
    for (const [target, source] of level) {
      const early = before[source], late = before[target];
      now[target] = {first: early.first, a: late.a * early.a, b: late.a * early.b + late.b};
    }
  }
  return now;
}

export const work = (plan) => plan.reduce((sum, level) => sum + level.length, 0);

// ---- drawing ------------------------------------------------------------------------------------------------

function compute({plan: name, level, a, start}) {
  const plan = PLANS[name](LENGTH), now = Math.min(level, plan.length);
  const firsts = plan.reduce((all, _, i) => [...all, elements(plan.slice(0, i + 1), 1, -1).map((e) => e.first)], [steps(0, LENGTH)]);
  return {levels: plan, now, firsts, list: elements(plan.slice(0, now), a, start)};
}

const LONGEST = LENGTH * (LENGTH + 1) / 2; // the largest state, at a = 1
const X = {low: -0.5, high: LENGTH - 0.5, whole: true, title: "step k"};

function drawPlan(view, {levels, now, firsts}) {
  const depth = levels.length, plot = view.axes(74 + 34 * depth, X, {low: -depth - 0.4, high: 0.4, lanes: true, title: "level"});
  for (const k of steps(0, LENGTH)) plot.vline(k, "sw-grid");
  levels.forEach((level, i) => {
    for (const [target, source] of level) plot.line([source, target], [-i, -i - 1], i + 1 === now ? 1 : i < now ? 0 : "ref", i + 1 === now ? "now" : "");
  });
  firsts.forEach((first, i) => {
    plot.note(-0.5, -i, String(i), {dx: -12, dy: 4, anchor: "end"});
    first.forEach((f, k) => plot.mark(k, -i, i > now ? "ref" : f === 0 ? 1 : 0, {size: 4, hollow: i > now || f > 0}));
  });
  view.legend([1, "combined on this level"], [0, "combined before"], [1, "reaches back to step 0", "marks"]);
  return now ? `On level ${now}: ${levels[now - 1].map(([t, s]) => `${s} into ${t}`).join(", ")}.` : "Nothing is combined yet.";
}

function drawElements(view, {list, start}) {
  const plot = view.axes(150, X, {low: 0.4, high: 3.6, lanes: true, title: "each element: x → a x + b"});
  list.forEach(({first, a, b}, k) => {
    if (first === 0) plot.region(k - 0.46, k + 0.46, 0.4, 3.6);
    [[a, 1], [b / LONGEST, 0]].forEach(([part, row]) => plot.region(k - 0.4, k - 0.4 + 0.8 * part, row + 0.5, row + 0.58, `sw-bar sw-m${row}`));
    [first === k ? `${k}` : `${first}–${k}`, a > 0 && a < 0.01 ? "<.01" : fmt(a, 2), fmt(b, 3)].forEach((text, row) =>
      plot.note(k, 3 - row, text, {dy: 4, anchor: "middle"}));
  });
  ["steps", "a", "b"].forEach((text, row) => plot.note(-0.5, 3 - row, text, {dx: -12, dy: 4, anchor: "end"}));
  return list.map(({first, a, b}, k) => `Steps ${first} to ${k}: a = ${fmt(a, 2)}, b = ${fmt(b, 3)}.`).join(" ");
}

function readout({levels, now, list, start}) {
  const done = list.flatMap(({first}, k) => first === 0 ? [k] : []);
  const words = [`Level ${now} of ${levels.length}: ${work(levels.slice(0, now))} of ${work(levels)} combined. `,
    done.length === LENGTH ? h("strong", {}, "All steps are finished: b is the state x. ")
      : `Finished (shaded): ${done.length > 1 ? "steps" : "step"} ${done.join(", ")}. `];
  if (start > 0) words.push(`An element whose stretch holds step ${start} has a = 0: what came before does not pass.`);
  return words;
}

export default widget({
  name: "scan-tree",
  label: "A scan, level by level",
  controls: [select("plan", "Plan", Object.fromEntries(Object.keys(PLANS).map((name) => [name, name]))),
    slider("level", "Levels done"), slider("a", "Multiplier a"), slider("start", "New episode", {format: (k) => k ? `at step ${k}` : "none"})],
  panels: [[chart("plan", "Which elements are combined", drawPlan), chart("elements", "The elements after this level", drawElements)]],
  compute,
  readout,
});
