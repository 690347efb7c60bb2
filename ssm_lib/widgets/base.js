// What every widget of the book is built from. ssm_lib/widgets/base.py joins this file, base_charts.js, `TRAITS = {…}`
// (the settings that Python declares, with their ranges) and the widget's own file to one module: all names are shared.

// ---- numbers ------------------------------------------------------------------------------------------------

// A complex number is [re, im].
export const cadd = ([a, b], [c, d]) => [a + c, b + d];
export const csub = ([a, b], [c, d]) => [a - c, b - d];
export const cmul = ([a, b], [c, d]) => [a * c - b * d, a * d + b * c];
export const cdiv = ([a, b], [c, d]) => [(a * c + b * d) / (c * c + d * d), (b * c - a * d) / (c * c + d * d)];
export const cabs = ([a, b]) => Math.hypot(a, b);
export const cexp = ([a, b]) => [Math.exp(a) * Math.cos(b), Math.exp(a) * Math.sin(b)];
// eᶻ − 1, every digit kept near 0: eᵃ cos b − 1 = (eᵃ − 1) cos b − 2 sin²(b/2)
export const cexpm1 = ([a, b]) => [Math.expm1(a) * Math.cos(b) - 2 * Math.sin(b / 2) ** 2, Math.exp(a) * Math.sin(b)];
export const linspace = (low, high, count) =>
  Array.from({length: count}, (_, i) => low + (high - low) * i / Math.max(1, count - 1));

// On a slider a setting with `log` runs over its decades.
export const gauge = (name, value) => TRAITS[name].log ? Math.log10(value) : value;

// The allowed value of a setting that is nearest to a place on its slider: on a step, within the range, tidy.
export function snap(name, place) {
  const {min, max, step, log} = TRAITS[name], low = gauge(name, min);
  const stepped = low + Math.round((place - low) / step) * step;
  return Math.min(max, Math.max(min, Number(log ? (10 ** stepped).toPrecision(3) : stepped.toPrecision(12))));
}

export function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find((m) => m * power >= raw * 0.999);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(i * step);
  return values;
}

// The smallest axis that holds 0 and all values, with a little room.
export function range(...lists) {
  let low = 0, high = 0;
  for (const values of lists) for (const v of values) if (Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  if (low === high) high = 1;
  return {low: low - (low < 0 ? 0.06 : 0) * (high - low), high: high + 0.06 * (high - low)};
}

// ---- text and elements --------------------------------------------------------------------------------------

export const minus = (text) => text.replace(/^-/, "−");
export const fmt = (x, digits = 3) => {
  const a = Math.abs(x), rounded = Number(x.toPrecision(digits));
  return minus(a >= 1e6 || (a > 0 && a < 1e-4) ? rounded.toExponential().replace("e+", "e")
    : rounded.toLocaleString("en-US", {maximumFractionDigits: 8}));
};
const power10 = (e) => "10" + minus(String(e)).replace(/[\d−]/g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"["0123456789−".indexOf(c)]);

const build = (create) => (tag, attributes = {}, ...children) => {
  const node = create(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== false) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const h = build((tag) => document.createElement(tag));
const s = build((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));

// A label such as "K_l" or "λ_n": the letter after "_" is set as a subscript.
function label(text, attributes) {
  const parts = text.split(/(_\w)/).filter(Boolean), node = s("text", attributes);
  parts.forEach((part, i) => node.append(part[0] === "_" ? s("tspan", {dy: "0.25em", "font-size": "75%"}, part[1])
    : s("tspan", i ? {dy: "-0.19em"} : {}, part)));
  return node;
}

// ---- controls: set({name: value}) changes settings; show(settings) follows them ---------------------------------

// A slider for a number. format: the text of its value; unit is put after it.
const slider = (name, text, {unit = "", format = fmt} = {}) => (id, set) => {
  const {min, max, step} = TRAITS[name], shown = h("span", {class: "sw-value"});
  const input = h("input", {type: "range", id: `${id}-${name}`, name, min: gauge(name, min), max: gauge(name, max), step});
  input.addEventListener("input", () => set({[name]: snap(name, Number(input.value))}));
  return {
    node: h("div", {class: "sw-field"}, h("div", {class: "sw-row"}, h("label", {for: input.id}, text), shown), input),
    show(settings) {
      input.value = gauge(name, settings[name]);
      shown.textContent = format(settings[name]) + (unit && `\u00a0${unit}`);
      input.setAttribute("aria-valuetext", shown.textContent);
    },
  };
};

const entries = (name, options) => { // [[value, text]], in Python's order
  const {values} = TRAITS[name], given = Object.keys(options);
  if (String(values) !== String(given)) throw new Error(`${name} offers ${given}; Python declares ${values}`);
  return values.map((value) => [value, options[value]]);
};

// Radio buttons in a row, for two to four short options: {value: text}. Their form groups them: two widgets stay apart.
const choice = (name, text, options) => (id, set) => {
  const radios = entries(name, options).map(([value, words]) => [h("input", {type: "radio", name, value}), words]);
  for (const [radio] of radios) radio.addEventListener("input", () => set({[name]: radio.value}));
  const row = h("div", {class: "sw-choices"}, ...radios.map(([radio, words]) => h("label", {}, radio, h("span", {}, words))));
  return {
    node: h("fieldset", {class: "sw-field"}, h("legend", {}, text), row),
    show(settings) { for (const [radio] of radios) radio.checked = radio.value === settings[name]; },
  };
};

const select = (name, text, options) => (id, set) => {
  const list = h("select", {id: `${id}-${name}`, name},
    ...entries(name, options).map(([value, words]) => h("option", {value}, words)));
  list.addEventListener("input", () => set({[name]: list.value}));
  return {
    node: h("div", {class: "sw-field"}, h("label", {for: list.id}, text), list),
    show(settings) { list.value = settings[name]; },
  };
};

// A checkbox for a setting that is on or off.
const toggle = (name, text) => (id, set) => {
  const box = h("input", {type: "checkbox", name});
  box.addEventListener("input", () => set({[name]: box.checked}));
  return {
    node: h("div", {class: "sw-field sw-toggle"}, h("label", {}, box, h("span", {}, text))),
    show(settings) { box.checked = settings[name]; },
  };
};

// ---- the widget ---------------------------------------------------------------------------------------------

// name: its root has the class ssm-NAME. controls: in a row above. panels: lists of controls and charts, side by side.
// compute(settings): what the charts show; its result and the settings together are the state that draw gets.
// readout(state): a list of texts and elements, below. Everything is drawn anew when a setting or the width changes.
function widget({name, label: title, controls = [], panels, compute = () => ({}), readout = () => []}) {
  function render({model, el}) {
    const id = `sw-${Math.random().toString(36).slice(2, 10)}`; // each view has its own module: a counter would repeat
    const get = () => Object.fromEntries(Object.keys(TRAITS).map((trait) => [trait, model.get(trait)]));
    let busy = false;
    const draw = () => {
      if (busy) return;
      const settings = get(), state = {...compute(settings), ...settings};
      for (const {show} of shown) show(state);
      const words = h("p", {}, ...readout(state));
      if (words.textContent !== said.textContent) said.replaceChildren(...words.childNodes);
    };
    const set = (changes) => { // several settings, one drawing
      busy = true;
      try { for (const [trait, value] of Object.entries(changes)) model.set(trait, value); } finally { busy = false; }
      model.save_changes();
      draw();
    };
    const shown = [], make = (items) => items.map((item) => { shown.push(item(id, set, get)); return shown.at(-1).node; });
    const said = h("p", {class: "sw-readout", "aria-live": "polite"});
    const form = h("form", {}, h("div", {class: "sw-controls"}, ...make(controls)),
      h("div", {class: "sw-panels"}, ...panels.map((items) => h("div", {class: "sw-panel"}, ...make(items)))), said);
    el.append(h("div", {class: `ssm-widget ssm-${name}`, role: "group", "aria-label": title}, form));
    const events = Object.keys(TRAITS).map((trait) => `change:${trait}`);
    form.addEventListener("submit", (event) => event.preventDefault());
    events.forEach((event) => model.on(event, draw));
    let width = -1; // redraw at the real width, so that text keeps its size on a phone
    const observer = new ResizeObserver(() => { if (form.clientWidth !== width) { width = form.clientWidth; draw(); } });
    observer.observe(form);
    draw();
    return () => { observer.disconnect(); events.forEach((event) => model.off(event, draw)); };
  }
  return {render};
}
