"""What each widget of the book must show once its controls have been moved: numbers in its words, points of its curves.

The page moves its own controls and computes in JavaScript; what is expected is computed here, by torch in float64.
In a template # stands for a number of three digits, ~ for one of two.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ssm_lib import depth, discretize, kernels, scan, widgets
from ssm_lib.layers import s4d

NUMBER = r"(−?[\d,]*\.?\d+(?:e−?\d+)?)"
f64 = torch.float64


@dataclass
class Shown:
    """The controls to move, and what the widget, with these settings in Python, must show."""

    moves: dict | list  # control -> value, for all that count; a list of pairs where one moves twice
    words: Callable  # widget -> [(template, its numbers)]
    curves: Callable = lambda widget: {}  # widget -> {selector of a path: the heights of its points}
    settings: dict | None = None  # what the moves come to, where they are not settings by name


def explorer_words(w):
    A, B = s4d.initial_eigenvalues(w.init, w.N)
    bar, _ = discretize.diagonal(A, B, w.dt, w.discretization)
    slowest = (-1 / bar.abs().log()).max()
    return [("1/e in # samples", [slowest]), ("Fastest: # rad per sample", [bar.angle().max()])]


def explorer_kernel(w):
    A, B = (x[None] for x in s4d.initial_eigenvalues(w.init, w.N))
    dt = torch.tensor([w.dt], dtype=f64)
    return kernels.diagonal(A, B, torch.ones_like(B), dt, w.length, w.discretization)[0]


def spring(w):
    """x' = A x + B u of the mass of 2 kg whose eigenvalues are re ± i im."""
    stiffness, damping = 2 * (w.re**2 + w.im**2), -4 * w.re
    A = torch.tensor([[0, 1], [-stiffness / 2, -damping / 2]], dtype=f64)
    return A, torch.tensor([0, 0.5], dtype=f64), stiffness, damping


def spring_words(w):
    A, _, stiffness, damping = spring(w)
    z = torch.linalg.eigvals(A)[0]
    parts = [-1 / z.real, z.imag.abs() / (2 * math.pi), damping, stiffness]
    return [
        ("1/e in # s. Pitch: # swings a second. With 2 kg: damper # Ns/m, spring # N/m", parts),
        ("; # samples.", [math.floor(6 / w.dt + 1e-9)]),
    ]


def spring_response(w):
    A, B, *_ = spring(w)
    t = torch.linspace(0, 6, 601, dtype=f64)
    return {".response": (torch.linalg.matrix_exp(t[:, None, None] * A) @ B)[:, 0]}


def memory_words(w):
    u, c = w.values()[: round(w.t / 0.002)], w.coefficients()
    spread = ((u**2).mean() - c[0] ** 2).sqrt()
    left = ((u**2).mean() - (c**2).sum()).sqrt()
    largest = int(c.abs().argmax())
    return [
        ("the rebuilt past misses # (root mean square), # %", [left, 100 * left / spread]),
        ("# coefficients; the largest is number #, #.", [w.N, largest, c[largest]]),
    ]


def copy_words(w):
    weights = w.copy()
    return [
        ("1/Δ = # steps", [1 / w.dt]),
        ("peaks at step #, with weight #", [int(weights.argmax()), weights.max()]),
    ]


def on_the_circle(w):
    """By the Fourier transform over 64 samples and the zeros appended."""
    n = 64 + w.zeros
    both = [torch.fft.rfft(torch.as_tensor(x, dtype=f64), n=n) for x in (w.signal(), w.kernel())]
    return torch.fft.irfft(both[0] * both[1], n=n)[:64]


def padding_words(w):
    whole = torch.fft.rfft(w.signal(), n=256) * torch.fft.rfft(w.kernel(), n=256)
    wrong = (on_the_circle(w) - torch.fft.irfft(whole, n=256)[:64]).abs() > 1e-9
    return [
        ("64 + # = # samples", [w.zeros, 64 + w.zeros]),
        ("; here # of them", [int(wrong.sum())]),
    ]


def rank_one_words(w):
    K, whole, gain = w.kernel(w.rho), w.kernel(1.0), 2 / (1 + w.rho)
    away = (K - gain * whole).norm() / (gain * whole).norm()
    return [("the kernel is ~ % away from S4's times #.", [100 * away, gain])]


def softmax_words(w):
    z = torch.arange(w.L, dtype=f64) * 0.1 * complex(w.re, w.im)
    row = torch.exp(z) / torch.exp(z).sum()
    sizes = row.abs()
    half = int((sizes.cumsum(0) < sizes.sum() / 2).sum())
    return [
        ("lags 0 to # of #. The sizes sum to #,", [half, w.L - 1, sizes.sum()]),
        ("From # at lag 0 to # at lag", [row[0].real, row[-1].real]),
    ]


def law_words(w):
    A, _ = s4d.initial_eigenvalues(w.law, w.N)
    omega = w.scale * A.imag
    turning, fast = omega >= 2 * math.pi * -A.real, omega * w.dt > math.pi
    first = "of # modes # turn at least once while they fall to 1/e, and # turn by more than π per sample."
    return [(f"{first} Of use: #.", [len(A), turning.sum(), fast.sum(), (turning & ~fast).sum()])]


def scan_words(w):
    """After a plan's last level: all states, by the library's scan."""
    a = torch.full((1, 8, 1), w.a, dtype=f64)
    a[0, w.start] = 0
    x = scan.linear(a, torch.arange(1.0, 9, dtype=f64)[None, :, None])[0, :, 0]
    return [(f"Steps 0 to {k}: a = ~, b = #.", [a[0, : k + 1].prod(), x[k]]) for k in range(8)]


def clock_words(w):
    K, interval, omega = w.kernel(), 0.1 * w.rate, math.pi * torch.arange(6, dtype=f64)
    seen = torch.exp(1j * omega * interval).angle().abs() / interval
    return [
        ("# samples, # s apart; the first is #.", [len(K), interval, K[0]]),
        ("; ".join(["# looks like #"] * 6), torch.stack([omega, seen], 1).flatten()),
    ]


def echo_words(w):
    K = w.kernel().abs()
    found = torch.isclose(K, K.max(), rtol=0.01)
    rest = K[~found].max()
    return [
        (f"Largest: # at lag {', '.join(map(str, found.nonzero().flatten().tolist()))}; elsewhere at most #.",
         [K.max(), (1000 * rest).round() / 1000]),
        ("# roots of size #, #° apart", [w.n, *w.root()]),
    ]  # fmt: skip


def task_words(w):
    x = torch.tensor([getattr(w, f"v{i}") for i in range(8)], dtype=f64)
    y = x.cumsum(0) / torch.arange(1, 9).sqrt()
    return [("CumSum asks for ~, ~, ~, ~, ~, ~, ~, ~ at the steps # to #.", [*y, 0, 7])]


def field_words(w):
    found = []
    for name, words in (("trained", "Trained"), ("start", "At the start")):
        field, lags = w.fields()[name][w.block - 1], torch.arange(len(w.trained[0]), dtype=f64)
        reach = depth.reach(w.fields()[name], w.share)[w.block - 1]
        share = 100 * field[0] / field.sum()
        template = f"{words}: up to lag #, mean lag #, # % on the present step"
        found.append((template, [reach, (lags * field).sum() / field.sum(), share]))
    return found


def cost_words(w):
    times = w.estimates()
    best = min(times, key=times.get)
    both = times["S4D: products, FFT"] / times["S5: scan"]
    return [
        (f"Fastest: {best}, # ms", [times[best]]),
        ("takes # times as long as", [max(both, 1 / both)]),
        *((f"{name}: # ms, floor", [ms]) for name, ms in times.items()),
    ]


TOKENS = (0.5, -0.35, 1.0, 0.1, -0.8, 0.65, -0.05, 0.3)
LINE = ".sw-kernel .sw-line.sw-m0"
SHOWN = {
    "KernelExplorer": Shown(
        {"init": "legs", "N": 32, "dt": 0.02, "discretization": "bilinear"},
        explorer_words,
        lambda w: {".kernel-curve": explorer_kernel(w)},
    ),
    "EigenvaluePair": Shown({"re": -0.6, "im": 4.0, "dt": 0.05}, spring_words, spring_response),
    "OneStep": Shown(
        {"re": -0.5, "im": 2.0, "alpha": 0.7},
        lambda w: [
            (f"{rule}: |λ̄| #, # rad", [bar.abs(), bar.angle()])
            for rule, bar in zip(("Euler", "backward Euler", "GBT(α)", "bilinear", "ZOH"), w.a_bar())
        ],
    ),
    "HippoMemory": Shown(
        {"signal": "sines", "N": 8, "t": 0.5, "memory": "scaled"},
        memory_words,
        lambda w: {".sw-past .sw-line.sw-m0": w.rebuilt()},
    ),
    "MemoryExplorer": Shown(
        {"measure": "legs", "N": 24, "dt": 0.02, "lag": 30},
        copy_words,
        lambda w: {".copy-curve": w.copy()},
    ),
    "Padding": Shown(
        {"zeros": 5, "taps": 24, "at": 50}, padding_words, lambda w: {".around": on_the_circle(w)}
    ),
    "RankOne": Shown(
        {"rho": 0.5, "N": 32, "dt": 0.05, "n": 2}, rank_one_words, lambda w: {LINE: w.kernel(w.rho)}
    ),
    "SoftmaxMode": Shown(
        {"re": 0.2, "im": 3.0, "L": 120},
        softmax_words,
        lambda w: {".sw-softmax .sw-line.sw-m1": w.softmax().real},
    ),
    "EigenvalueLaws": Shown(
        {"law": "lin", "N": 32, "dt": 0.02, "scale": 2.0},
        law_words,
        lambda w: {".sw-kernel .sw-line": w.kernel()},
    ),
    "ScanTree": Shown({"plan": "Hillis-Steele", "level": 7, "a": 0.8, "start": 3}, scan_words),
    "AnotherClock": Shown({"rate": 5.0, "reading": "scaled"}, clock_words),
    "Echo": Shown(
        {"re": 0.7, "im": 0.5, "n": 6, "delay": 10},
        echo_words,
        lambda w: {".sw-kernel .sw-stem": w.kernel()},
    ),
    "AtomicTasks": Shown(
        [("task", "cumsum"), *(pair for i, v in enumerate(TOKENS) for pair in (("token", i), ("value", v)))],
        task_words,
        settings={"task": "cumsum", "token": 7} | {f"v{i}": v for i, v in enumerate(TOKENS)},
    ),
    "ReceptiveField": Shown({"block": 3, "share": 0.8}, field_words),
    "CostModel": Shown(
        {"log2_L": 15, "log2_H": 6, "log2_N": 5, "log2_B": 2, "peak": 200.0, "bandwidth": 100.0, "call": 5.0},
        cost_words,
    ),
}

STATE = """view => {
  const states = document.querySelector("script[type='application/vnd.jupyter.widget-state+json']");
  return JSON.parse(states.textContent).state[JSON.parse(view.textContent).model_id].state;
}"""
# The words of a widget; a curve's heights by its own axis, and how much a pixel is there.
WORDS = "root => [...root.querySelectorAll('.sw-readout, desc, li')].map((e) => e.textContent).join(' | ')"
CURVE = r"""(root, selector) => {
  const path = root.querySelector(selector), svg = path.closest("svg.sw-chart");
  const plain = (text) => Number(text.replace("−", "-").replaceAll(",", ""));
  const ticks = [...svg.querySelectorAll(".sw-tick[text-anchor=end]")]
    .map((t) => [t.y.baseVal[0].value - 3.5, plain(t.textContent)]);
  const power = svg.textContent.match(/×10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)/)?.[1] ?? "⁰";
  const unit = 10 ** Number(power.replace(/./g, (c) => "0123456789-"["⁰¹²³⁴⁵⁶⁷⁸⁹⁻".indexOf(c)]));
  const [[p, v], [q, w]] = [ticks[0], ticks.at(-1)], pixel = unit * (w - v) / (q - p);
  const d = path.getAttribute("d"), stems = d.includes("V");
  const point = stems ? /V([-\d.]+)/g : /[ML][-\d.]+ ([-\d.]+)/g;
  const heights = [...d.matchAll(point)].map((m) => Number(m[1]));
  return {heights: heights.map((y) => unit * v + (y - p) * pixel), pixel: Math.abs(pixel)};
}"""


def snapped(trait, value):
    """The allowed value that is nearest on the slider, as `snap` of base.js finds it."""
    if not hasattr(trait, "low") or not getattr(trait, "log", False):
        return value
    low = math.log10(trait.low)
    return float(f"{10 ** (low + round((math.log10(value) - low) / trait.step) * trait.step):.3g}")


def move(root, name, value, trait) -> None:
    """Set one control as a reader can: a slider, a list, a row of options or a box."""
    control = root.locator(f"[name={name}]").first
    kind = control.evaluate("c => c.type")
    if kind == "range":
        control.fill(f"{math.log10(value) if getattr(trait, 'log', False) else value:.12g}")
    elif kind == "radio":
        root.locator(f"label:has([name={name}][value={value}])").click()
    elif kind == "checkbox":
        control.set_checked(value)
    else:
        control.select_option(value)


def digits_agree(text: str, value, digits: int) -> bool:
    """Whether what is written is the value rounded to so many digits."""
    shown, value = float(text.replace("−", "-").replace(",", "")), float(value)
    if abs(value) < 1e-12:
        return abs(shown) < 1e-9
    return abs(shown - value) <= 0.505 * 10 ** (math.floor(math.log10(abs(value))) + 1 - digits)


def wrong_numbers(page) -> list[str]:
    """What the page's widgets show and torch does not find, after their controls were moved."""
    found = []
    views = page.locator("script[type='application/vnd.jupyter.widget-view+json']").all()
    for root, view in zip(page.locator(".ssm-widget").all(), views, strict=True):
        css = next(
            c for c in root.get_attribute("class").split() if c.startswith("ssm-") and c != "ssm-widget"
        )
        name = "".join(part.title() for part in re.split("[-_]", css.removeprefix("ssm-")))
        found += [f"{name}: {what}" for what in _wrong(root, getattr(widgets, name), view.evaluate(STATE))]
    return found


def _wrong(root, kind, state):
    shown = SHOWN[kind.__name__]
    settings = {name: state[name] for name in kind.settings}
    traits = kind.class_traits()
    for name, value in shown.moves.items() if isinstance(shown.moves, dict) else shown.moves:
        move(root, name, value, traits.get(name))
    moved = {name: snapped(traits[name], value) for name, value in (shown.settings or shown.moves).items()}
    widget, words = kind(**settings | moved), root.evaluate(WORDS).replace("\u00a0", " ")
    for template, numbers in shown.words(widget):
        pattern = re.escape(template).replace(r"\#", NUMBER).replace(r"\~", NUMBER)
        digits = [3 if mark == "#" else 2 for mark in re.findall("[#~]", template)]
        match = re.search(pattern, words)
        if not match:
            yield f"it does not say {template!r}: {words}"
        elif not all(digits_agree(*each) for each in zip(match.groups(), numbers, digits, strict=True)):
            yield f"says {match[0]!r}; expected {[float(f'{float(n):.4g}') for n in numbers]}"
    for selector, expected in shown.curves(widget).items():
        drawn = root.evaluate(CURVE, selector)
        heights = torch.tensor(drawn["heights"], dtype=f64)
        if len(heights) != len(expected):
            yield f"{selector} has {len(heights)} points; expected {len(expected)}"
        elif (off := (heights - expected).abs().max()) > 0.05 * drawn["pixel"]:
            yield f"{selector} is off by up to {off / drawn['pixel']:.3g} pixels"
