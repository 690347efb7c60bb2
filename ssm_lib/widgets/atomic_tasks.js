// Atomic tasks: eight tokens to draw, the target of each task, and how far back each answer lies.

export const LENGTH = 8;
const INDICES = [0, 1, 2, 3, 4, 5, 6, 7];

// ---- numbers ------------------------------------------------------------------------------------------------

// A of Solve, a rotation by s/8 of a circle, as [cos, sin].
export const rotation = (task, s) => {
  const angle = 2 * Math.PI * (task === "solve_fixed" ? 1 : s) / LENGTH;
  return [Math.cos(angle), Math.sin(angle)];
};

// What a model reads: told numbers and matrices take the places of some tokens.
export function tokens(task, s, v) {
  if (task === "context_shift") return [...rotation("", s), ...v.slice(2)];
  if (!task.startsWith("solve")) return v;
  const [c, d] = rotation(task, s);
  return [c, -d, v[2], d, c, v[5], 0, 0];
}

export const marked = (task, s) => task.startsWith("select")
  ? [0, 2, 3].map((step) => ((task === "select_fixed" ? 1 : s) + step) % LENGTH).sort((a, b) => a - b) : [];

const first = (list) => list.indexOf(Math.max(...list)); // the first of the largest

// Which token each answer copies; null: none, or not one alone.
export function sources(task, s, x) {
  const far = (i, j) => { const d = Math.abs(x[i] - x[j]); return Math.min(d, 2 - d); };
  if (task === "shift" || task === "context_shift") return INDICES.map((t) => t >= s ? t - s : null);
  if (task === "cummax") return INDICES.map((t) => first(x.slice(0, t + 1)));
  if (task === "reverse") return [...INDICES].reverse();
  if (task === "sort") return [...INDICES].sort((i, j) => Math.abs(x[i] - x[0]) - Math.abs(x[j] - x[0]));
  if (task === "mips") return INDICES.map((t) => first(INDICES.slice(0, t + 1).map((j) => far(t, j))));
  if (task.startsWith("select")) return marked(task, s);
  return Array(task === "cumsum" ? LENGTH : 2).fill(null);
}

export function target(task, s, v) {
  const x = tokens(task, s, v);
  if (task === "cumsum") {
    let sum = 0;
    return x.map((value, t) => (sum += value) / Math.sqrt(t + 1));
  }
  if (task.startsWith("solve")) {
    const [c, d] = rotation(task, s);
    return [c * x[2] + d * x[5], c * x[5] - d * x[2]]; // A transposed, times B
  }
  return sources(task, s, x).map((i) => i === null ? 0 : x[i]);
}

// Steps of the input, with the blank ones.
export const steps = (task, s) => LENGTH + (task === "reverse" || task === "sort" ? LENGTH : marked(task, s).length);

// ---- drawing ------------------------------------------------------------------------------------------------

const NAMES = {shift: "Shift", cumsum: "CumSum", cummax: "CumMax", reverse: "Reverse", sort: "Sort", select: "Select",
  select_fixed: "SelectFixed", solve: "Solve", solve_fixed: "SolveFixed", context_shift: "ContextShift", mips: "MIPS"};
const RULES = {
  shift: "the token of s steps ago, whatever the tokens are. The task has one output for each of eight such s",
  cumsum: "the sum so far, divided by the root of how many tokens it has",
  cummax: "the largest token so far",
  reverse: "the tokens backwards, once all have been read",
  sort: "the tokens in the order of their distance to the first",
  select: "the marked tokens, in their order; each sample has its own",
  select_fixed: "the marked tokens, in their order; all samples have the same",
  solve: "X with A X = B; each row of A is followed by its number of B, and each sample has its own A",
  solve_fixed: "X with A X = B; each row of A is followed by its number of B, and A is always the same",
  context_shift: "the token of s steps ago, where the first two tokens tell s",
  mips: "the value of the key, of those so far, that fits the query best. A key has the angle π v; the query points the other way",
};
const X = {low: -1, high: 16, title: "step", whole: true};
const free = (task, i) => task === "context_shift" ? i > 1 : !task.startsWith("solve") || i === 2 || i === 5;

function compute(settings) {
  const {task, s} = settings, v = INDICES.map((i) => settings[`v${i}`]), x = tokens(task, s, v), y = target(task, s, v);
  const from = steps(task, s) - y.length, at = y.map((_, j) => from + j);
  return {x, y, at, marks: marked(task, s), lags: sources(task, s, x).map((i, j) => i === null ? NaN : at[j] - i)};
}

function drawInput(view, {task, s, x, marks, token}) {
  const plot = view.axes(230, X, {low: -1.3, high: 1.3, title: "input"});
  if (steps(task, s) > LENGTH) plot.region(7.5, steps(task, s) - 0.5, -1.3, 1.3);
  plot.stems(null, x, 0, {size: 3});
  plot.mark(token, 1.2, 4, {size: 3.2}); // the chosen one, from above
  plot.marks(marks, marks.map(() => -1.18), 3, {hollow: true});
  view.svg.querySelectorAll(".sw-handle").forEach((node) => {
    node.style.display = free(task, Number(node.getAttribute("aria-label").slice(6))) ? "" : "none";
  });
  return `Eight tokens, then ${steps(task, s) - LENGTH} blank steps.`;
}

function drawTarget(view, {task, y, at}) {
  const plot = view.axes(150, X, {...range(y, [-1.2, 1.2]), title: "target"});
  plot.stems(at, y, 1);
  return `${NAMES[task]} asks for ${y.map((v) => fmt(v, 2)).join(", ")} at the steps ${at[0]} to ${at.at(-1)}.`;
}

function drawLags(view, {lags, at}) {
  const plot = view.axes(150, X, {low: -1, high: 16, title: "steps back to the token that is copied"});
  plot.stems(at, lags, 2);
  const found = lags.filter(Number.isFinite);
  if (!found.length) plot.note(0, 6, "no single token: each answer mixes many");
  return found.length ? `Lags: ${found.join(", ")}.` : "No answer copies one token.";
}

// The chosen token's value as a slider, for whoever cannot drag the points.
const chosen = (id, set, get) => {
  const shown = h("span", {class: "sw-value"}), input = h("input", {type: "range", id: `${id}-value`, name: "value", min: -1, max: 1, step: 0.05});
  input.addEventListener("input", () => { const name = `v${get().token}`; set({[name]: snap(name, Number(input.value))}); });
  return {
    node: h("div", {class: "sw-field"}, h("div", {class: "sw-row"}, h("label", {for: input.id}, "Its value"), shown), input),
    show(state) {
      input.value = state[`v${state.token}`];
      input.setAttribute("aria-valuetext", shown.textContent = fmt(Number(input.value)));
      input.disabled = !free(state.task, state.token);
    },
  };
};

function readout({task, lags, marks}) {
  const found = lags.filter(Number.isFinite), kinds = new Set(found).size;
  const words = [h("strong", {}, NAMES[task]), `: ${RULES[task]}. `];
  if (marks.length) words.push(`Marked (diamonds): tokens ${marks.join(", ")}. `);
  if (found.length) words.push(kinds === 1 ? `Every answer lies ${found[0]} steps back.` : `The answers lie ${kinds} different distances back.`);
  return words;
}

export default widget({
  name: "atomic-tasks",
  label: "The eleven tasks",
  controls: [select("task", "Task", NAMES), slider("s", "Number s"), slider("token", "Token"), chosen],
  panels: [
    [chart("input", "The input: drag its tokens", drawInput,
      {points: INDICES.map((i) => ({x: () => i, y: `v${i}`, label: `token ${i}`}))})],
    [chart("target", "The target", drawTarget), chart("lags", "How far back", drawLags)],
  ],
  compute,
  readout,
});
