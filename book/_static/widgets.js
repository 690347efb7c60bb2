// The widgets of a page. Each model's state holds its module and style sheet (ssm_lib/widgets/base.py) and its settings;
// nothing more is needed to move it with no kernel behind the page, and the page waits for no manager of widgets.
function keep({ _esm, _css, ...settings }) {
  const calls = {};
  const model = {
    get: (name) => settings[name],
    set(name, value) {
      if (settings[name] === value) return;
      settings[name] = value;
      for (const call of calls[`change:${name}`] ?? []) call();
    },
    save_changes() {}, // there is no kernel to be told
    on: (event, call) => (calls[event] ??= new Set()).add(call),
    off: (event, call) => calls[event]?.delete(call),
  };
  document.head.append(Object.assign(document.createElement("style"), { textContent: _css }));
  const address = URL.createObjectURL(new Blob([_esm], { type: "text/javascript" }));
  return { model, module: import(address).finally(() => URL.revokeObjectURL(address)) };
}

const held = document.querySelector("script[type='application/vnd.jupyter.widget-state+json']");
const models = held ? JSON.parse(held.textContent).state : {};
const kept = {}; // one model may be shown twice
for (const shown of document.querySelectorAll("script[type='application/vnd.jupyter.widget-view+json']")) {
  const { model_id: id } = JSON.parse(shown.textContent);
  if (!models[id]?.state._esm) throw new Error(`${models[id]?.model_name} has no module: this page shows only widgets of ssm_lib`);
  const { model, module } = (kept[id] ??= keep(models[id].state));
  const el = Object.assign(document.createElement("div"), { className: "widget-subarea" });
  shown.before(el);
  module.then((widget) => widget.default.render({ model, el }));
}
