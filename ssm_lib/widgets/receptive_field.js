// ReceptiveField: the measured fields of four blocks, (4, L): shares of one of them by lag, and the reach of all.

// ---- numbers ------------------------------------------------------------------------------------------------

const sum = (values) => values.reduce((a, b) => a + b, 0);
export const shares = (field) => { const total = sum(field); return field.map((v) => v / total); };
export const meanLag = (field) => sum(shares(field).map((v, lag) => v * lag));

// The smallest lag up to which, and with which, a field has the share of its sum.
export function reach(field, share) {
  let far = 0;
  for (let so = 0; far < field.length; far++) if ((so += field[far]) >= share * (1 - 1e-6) * sum(field)) return far;
  return far;
}

// ---- drawing ------------------------------------------------------------------------------------------------

function compute({trained, start, block, share}) {
  return Object.fromEntries(Object.entries({after: trained, before: start}).map(([name, fields]) => {
    const field = fields[block - 1];
    return [name, {percent: shares(field).map((v) => 100 * v), centre: meanLag(field), reaches: fields.map((f) => reach(f, share))}];
  }));
}

const WORDS = ["trained", "at the start"];

function drawField(view, {after, before, block, share, log}) {
  const both = [...after.percent, ...before.percent], top = Math.max(...both);
  const low = Math.max(top / 1e4, Math.min(...both.filter((v) => v > 0)));
  const y = log ? {low: low * 0.8, high: top * 1.25, log} : range(both);
  const plot = view.axes(300, {low: 0, high: Math.max(after.percent.length, before.percent.length) - 1, title: "lag (steps)"},
    {...y, title: "share of the field (%)"});
  [after, before].forEach(({percent, reaches}, slot) => {
    plot.line(null, percent.map((v) => log && v <= 0 ? NaN : v), slot);
    plot.vline(reaches[block - 1], `sw-line sw-m${slot}`);
  });
  view.legend(...WORDS);
  return `Block ${block}; the upright lines stand at the lags ${after.reaches[block - 1]} (trained) and `
    + `${before.reaches[block - 1]} (at the start), the reach of ${fmt(100 * share)} %.`;
}

function drawReaches(view, {after, before, block, share}) {
  const blocks = after.reaches.map((_, i) => i + 1), {high} = range(after.reaches, before.reaches);
  const plot = view.axes(300, {low: 0.7, high: blocks.length + 0.3, title: "block", whole: true},
    {low: 0, high, title: "reach (steps)"});
  plot.region(block - 0.25, block + 0.25, 0, high);
  [after, before].forEach(({reaches}, slot) => { plot.line(blocks, reaches, slot); plot.marks(blocks, reaches, slot); });
  view.legend(...WORDS.map((words, slot) => [slot, words, "line marks"]));
  return `${fmt(100 * share)} % of the fields lie within ${after.reaches.join(", ")} steps (trained), `
    + `${before.reaches.join(", ")} (at the start).`;
}

const tell = ({reaches, centre, percent}, block) =>
  `up to lag ${reaches[block - 1]}, mean lag ${fmt(centre)}, ${fmt(percent[0])} % on the present step`;

export default widget({
  name: "receptive_field",
  label: "Receptive field of each block",
  controls: [slider("block", "Block"), slider("share", "Share", {unit: "%", format: (v) => fmt(100 * v)}), toggle("log", "Logarithmic")],
  panels: [
    [chart("field", ({block}) => `Field of block ${block}`, drawField)],
    [chart("reaches", "Reach of every block", drawReaches)],
  ],
  compute,
  readout: ({after, before, block, share}) => [
    `Block ${block}, ${fmt(100 * share)} %. Trained: ${tell(after, block)}. At the start: ${tell(before, block)}.`],
});
