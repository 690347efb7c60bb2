// Padding: a convolution on a circle of 64 samples and some zeros. First the numbers, then the drawing.

export const LENGTH = 64;

export function signal(at) {
  const u = new Float64Array(LENGTH);
  [1, 0.8, -0.6, 0.4].forEach((v, i) => { u[at + i] = v; });
  return u;
}

export const kernel = (taps) => Float64Array.from({length: taps}, (_, l) => 0.05 ** (l / taps));

// y_l = Σ_j k_j u_{(l−j) mod n} with n = 64 + zeros; right: without the mod. wrong counts where they differ.
export function outputs(zeros, taps, at) {
  const u = signal(at), k = kernel(taps), n = LENGTH + zeros;
  const around = new Float64Array(LENGTH), right = new Float64Array(LENGTH);
  for (let l = 0; l < LENGTH; l++) {
    for (let j = 0; j < taps; j++) {
      const i = ((l - j) % n + n) % n;
      if (i < LENGTH) around[l] += k[j] * u[i];
      if (j <= l) right[l] += k[j] * u[l - j];
    }
  }
  const wrong = Array.from(around.keys()).filter((l) => Math.abs(around[l] - right[l]) > 1e-9);
  return {u, around, right, wrong, exposed: Math.max(0, taps - 1 - zeros)};
}

// ---- drawing ------------------------------------------------------------------------------------------------

const STEPS = linspace(0, LENGTH - 1, LENGTH), X = {low: -1, high: LENGTH, title: "step l"};

const scale = ({u, around, right}) => range(u, around, right); // the same for both charts

function drawCircle(view, state) {
  const {around, wrong, exposed} = state, {low, high} = scale(state);
  const plot = view.axes(210, X, {low, high, title: "on the circle"});
  if (exposed) plot.region(-0.5, exposed - 0.5, low, high);
  plot.line(STEPS, around, 0, "around");
  plot.dots(STEPS, around, 0, 3.5);
  for (const l of wrong) plot.mark(l, around[l], 1, {size: 4});
  view.legend([0, "by FFT on the circle", "line"], ...(wrong.length ? [[1, "wrong", "marks"]] : []));
  return wrong.length ? `${wrong.length} outputs from ${wrong[0]} to ${wrong.at(-1)} are wrong.` : "No output is wrong.";
}

function drawRight(view, state) {
  const {u, right} = state, plot = view.axes(210, X, {...scale(state), title: "correct"});
  plot.bars(STEPS, u, 3, 0.8);
  plot.line(STEPS, right, 2, "right");
  plot.dots(STEPS, right, 2, 3.5);
  view.legend([2, "convolution", "line"], [3, "input u", "bars"]);
  return `The burst begins where the input does; the response starts there and not before.`;
}

function readout({taps, zeros, wrong, exposed}) {
  const sizes = `The circle has 64 + ${zeros} = ${LENGTH + zeros} samples, a whole response 64 + ${taps} − 1 = ${LENGTH + taps - 1}. `;
  if (!exposed) return [sizes, "Nothing that wraps around reaches an output, wherever the burst is."];
  const could = exposed > 1 ? `Outputs 0 to ${exposed - 1} (shaded) can go wrong` : "Output 0 (shaded) can go wrong";
  return [sizes, could, wrong.length ? h("strong", {}, `; here ${wrong.length} of them: the future leaks into the past.`)
    : "; with the burst here none does: a test with this input would pass."];
}

export default widget({
  name: "padding",
  label: "Padding",
  controls: [slider("zeros", "Zeros appended"), slider("taps", "Echo length M"),
    slider("at", "Burst at step")],
  panels: [[chart("circle", "Convolution on the circle", drawCircle), chart("right", "The correct convolution", drawRight)]],
  compute: ({zeros, taps, at}) => outputs(zeros, taps, at),
  readout,
});
