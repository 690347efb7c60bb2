"""The map of the field: table, page, bibliography and chapters agree; and what the page states as a formula is so."""

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import conv2d, fold, softmax, softplus, unfold

from ssm_lib import conv, discretize, lti, oracles, scan
from ssm_lib.attention import Attention
from tools import field_map

f64 = torch.float64


def loop(a, b):
    """x_k = a_k x_{k-1} + b_k, one step after the other; a and b are (L, ...)."""
    x, states = torch.zeros_like(b[0]), []
    for a_k, b_k in zip(a, b):
        x = a_k * x + b_k
        states.append(x)
    return torch.stack(states)


# The table and the page


def inputs(root):
    page = (root / "book" / "field_map.md").read_text(encoding="utf8")
    bibliography = (root / "book" / "references.bib").read_text(encoding="utf8")
    return page, bibliography, {path.stem for path in (root / "notebooks").glob("*.ipynb")}


def test_every_system_has_its_section_citation_and_chapter(root):
    found = field_map.problems(field_map.SYSTEMS, *inputs(root))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "S5"}, "the same name"),
        ({"name": "Rwkv"}, "no section (field-rwkv)="),
        ({"year": 2016}, "Mamba (2016) descends from the later S4D"),
        ({"parents": ("S3",)}, "its parent S3 is no system"),
        ({"key": "gu2099"}, "references.bib has no gu2099"),
        ({"key": "gu2022s4"}, "its section does not cite gu2022s4"),
        ({"chapter": "10_dss"}, "there is no chapter 10_dss"),
        ({"chapter": "07_dss"}, "its section does not link to 07_dss"),
        ({"built": True}, "a section (field-mamba)= of no system"),
    ],
)
def test_each_kind_of_slip_is_found(root, change, words):
    systems = tuple(replace(s, **change) if s.name == "Mamba" else s for s in field_map.SYSTEMS)
    found = field_map.problems(systems, *inputs(root))
    assert any(words in problem for problem in found), found


def drawings(text):
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.S)]


def test_drawings_name_and_link_every_system():
    for svg, size in zip(drawings(field_map.page_text()), field_map.SIZES, strict=True):
        assert svg.get("aria-labelledby") == svg.find("title").get("id")
        links = {a.find("text").text: a.get("href") for a in svg.iter("a")}
        assert links == {system.name: system.address for system in field_map.SYSTEMS}
        boxes = [tuple(float(r.get(k)) for k in ("x", "y", "width", "height")) for r in svg.iter("rect")]
        for n, (x, y, width, height) in enumerate(boxes):
            assert size.gutter - 2 <= x
            assert x + width <= size.width
            for left, top, _, _ in boxes[:n]:
                assert abs(x - left) >= width or abs(y - top) >= height, "two boxes overlap"


def test_there_is_a_line_for_every_descent():
    expected = {(parent, system.name) for system in field_map.SYSTEMS for parent in system.parents}
    for size, svg in zip(field_map.SIZES, drawings(field_map.page_text()), strict=True):
        grid = field_map.layers(field_map.SYSTEMS, size)
        found, pieces = set(), 0
        for r, row in enumerate(grid):
            for spot in row:
                pieces += len(spot.below)
                assert all(other in grid[r + 1] for other in spot.below)
                for other in spot.below if spot.system else []:
                    while other.system is None:
                        [other] = other.below
                    found.add((spot.system.name, other.system.name))
        assert found == expected
        assert svg.find("path").get("d").count("M") == pieces


def test_the_map_in_words_has_every_descent():
    words = field_map.listing(field_map.SYSTEMS)
    for system in field_map.SYSTEMS:
        expected = f">{system.name}</a>" + (
            f" (from {' and '.join(system.parents)})" if system.parents else ""
        )
        assert expected in words


def test_a_circle_of_descent_is_refused():
    circle = tuple(field_map.System(name, 2020, "", (other,), "") for name, other in ("ab", "ba"))
    with pytest.raises(ValueError, match="a, b: each descends from another"):
        field_map.rows(circle, 3)


def test_map_is_drawn_by_the_build(root, html):
    assert (root / field_map.PAGE).read_text(encoding="utf8") == field_map.page_text()
    page = (html / "book" / "field_map.html").read_text(encoding="utf8")
    for system in field_map.SYSTEMS:
        if not system.built:
            assert f'id="{system.anchor}"' in page


def test_map_is_written_once(tmp_path):
    (tmp_path / "book").mkdir()
    assert field_map.write_page(tmp_path) == len(field_map.SYSTEMS)
    before = (tmp_path / field_map.PAGE).stat().st_mtime_ns
    field_map.write_page(tmp_path)
    assert (tmp_path / field_map.PAGE).stat().st_mtime_ns == before


# What the page states


def test_attention_keeps_what_it_has_read():
    layer = Attention(8, n_heads=2)
    _, short = layer(torch.randn(1, 10, 8), return_state=True)
    _, long = layer(torch.randn(1, 20, 8), return_state=True)
    size = [sum(part.numel() for part in state if isinstance(part, torch.Tensor)) for state in (short, long)]
    assert size[1] > 1.8 * size[0]


def test_h3_without_shift_and_decay_is_attention_without_softmax():
    q, k, v = torch.randn(3, 30, dtype=f64)
    y = q * conv.causal(k * v, torch.ones(30, dtype=f64))
    weights = torch.tril(q[:, None] * k[None, :])
    torch.testing.assert_close(y, weights @ v)


def test_h3_stores_a_key_with_the_value_of_the_step_after_it():
    k, v = torch.randn(2, 30, dtype=f64)
    product = conv.causal(k, torch.eye(30, dtype=f64)[1]) * v  # a shift register that reads out slot 1
    torch.testing.assert_close(product[1:], k[:-1] * v[1:])


def test_a_squashed_tap_has_no_gradient():
    K = torch.tensor([0.5, 0.05, -0.05, -0.5], dtype=f64, requires_grad=True)
    squashed = K.sign() * (K.abs() - 0.1).clamp(min=0)
    squashed.sum().backward()
    assert K.grad.tolist() == [1, 0, 0, 1]


def test_spacetime_with_a_zero_column_is_a_filter():
    A, B = lti.shift_register(5)
    C, u = torch.randn(5, dtype=f64), torch.randn(40, dtype=f64)
    torch.testing.assert_close(
        oracles.recurrence(A, B, C, u), conv.causal(u, torch.cat([C, C.new_zeros(35)]))
    )


def test_spacetime_is_stable_until_its_loop_is_closed():
    A, B = lti.shift_register(6)
    for _ in range(200):
        column = torch.randn(6, dtype=f64)
        A[:, -1] = column / column.abs().sum()
        assert torch.linalg.eigvals(A).abs().max() < 1 + 1e-12
    assert torch.linalg.eigvals(A + torch.outer(B, torch.ones(6, dtype=f64))).abs().max() > 1.1


def test_spacetime_forecasts_without_the_network():
    A, B = lti.shift_register(3)
    A[:, -1] += torch.tensor([0.2, -0.3, 0.5], dtype=f64)
    F, C, x = torch.tensor([0.5, 0.1, 0.0], dtype=f64), torch.tensor([1.0, 2.0, 3.0], dtype=f64), 0 * B
    assert C @ B == 1
    for u in (1.0, 2.0, 3.0):
        x = A @ x + B * u
    ahead = [C @ torch.linalg.matrix_power(A + torch.outer(B, F), h) @ x for h in range(5)]
    torch.testing.assert_close(torch.stack(ahead), torch.tensor([10, 14.8, 15.87, 12.21, 9.5085], dtype=f64))
    for h in range(1, 5):  # the same, feeding back what F predicts
        x = A @ x + B * (F @ x)
        torch.testing.assert_close(C @ x, ahead[h])


def test_every_pixel_of_convs5_is_an_s5_on_its_patch():
    frames, B, a = (
        torch.randn(6, 2, 7, 7, dtype=f64),
        torch.randn(4, 2, 3, 3, dtype=f64),
        torch.rand(4, dtype=f64),
    )
    images = loop(a[:, None, None].expand(6, 4, 1, 1), conv2d(frames, B, padding=1))
    patches = unfold(frames, 3, padding=1)  # (L, 2 * 9, pixels)
    pixels = loop(a[:, None].expand(6, 4, 1), B.flatten(1) @ patches)
    torch.testing.assert_close(images, fold(pixels, 7, 1))


@pytest.mark.parametrize(("w_B", "w_C"), [(3, 3), (5, 3), (1, 1)])
def test_convs5_sees_the_same_width_at_every_lag(w_B, w_C):
    frames = torch.zeros(12, 1, 15, 15, dtype=f64)
    frames[0, 0, 7, 7] = 1
    B, C = torch.rand(4, 1, w_B, w_B, dtype=f64) + 0.1, torch.rand(1, 4, w_C, w_C, dtype=f64) + 0.1
    x = loop(torch.full((12, 1, 1, 1), 0.9, dtype=f64), conv2d(frames, B, padding="same"))
    y = conv2d(x, C, padding="same")[:, 0]
    for frame in y:
        assert int((frame.abs().sum(0) > 0).sum()) == w_B + w_C - 1


def mamba(v, u, B, C, A):
    """(L,), (L,), (L, N), (L, N), (N,): one channel of the page's equation, with D = 0."""
    dt = softplus(v)[:, None]
    return (C * scan.linear(torch.exp(dt * A)[None], (dt * B * u[:, None])[None])[0]).sum(-1)


def test_mamba_passes_over_a_step_of_zero():
    v, u = torch.randn(2, 20, dtype=f64)
    B, C, A = torch.randn(20, 3, dtype=f64), torch.randn(20, 3, dtype=f64), -torch.arange(1, 4, dtype=f64)
    v[7] = -torch.inf
    left = torch.arange(20) != 7
    torch.testing.assert_close(mamba(v, u, B, C, A)[left], mamba(v[left], u[left], B[left], C[left], A))


def test_mamba_forgets_in_a_long_step():
    v, u = torch.zeros(10, dtype=f64), torch.randn(10, dtype=f64)
    ones, A = torch.ones(10, 1, dtype=f64), -torch.ones(1, dtype=f64)
    v[6] = 60.0
    y = mamba(v, u, ones, ones, A)
    torch.testing.assert_close(y[6], 60 * u[6])  # nothing of before, all of now


def test_mamba_is_a_gate_with_the_zero_order_hold_only():
    v = torch.linspace(-8, 3, 23, dtype=f64)
    minus, one = -torch.ones_like(v), torch.ones_like(v)
    keep, take = discretize.diagonal(minus, one, softplus(v), "zoh")
    torch.testing.assert_close((keep, take), (1 - torch.sigmoid(v), torch.sigmoid(v)))
    torch.testing.assert_close(softplus(v), torch.log(1 + v.exp()))
    ratio = softplus(v) / torch.sigmoid(v)
    assert ratio[0] < 1.001
    assert ratio[-1] > 3


def test_mamba_2_is_masked_attention():
    a, U = torch.rand(12, dtype=f64), torch.randn(12, 5, dtype=f64)
    B, C = torch.randn(2, 12, 3, dtype=f64)
    x = loop(a[:, None, None].expand(12, 1, 1), B[:, :, None] * U[:, None, :])  # (L, N, P)
    M = torch.tensor(
        [[math.prod(a[j + 1 : k + 1].tolist()) if j <= k else 0.0 for j in range(12)] for k in range(12)]
    )
    torch.testing.assert_close((C[:, :, None] * x).sum(1), (M.to(f64) * (C @ B.T)) @ U, rtol=1e-6, atol=1e-7)


def test_mamba_3_is_of_order_two_and_mamba_of_order_one():
    def state(lam, n, T=2.0):
        dt = T / n
        t = dt * torch.arange(n + 1, dtype=f64)
        u, alpha = torch.sin(3 * t), math.exp(-1.3 * dt)
        beta, gamma = (1 - lam) * dt * alpha, lam * dt
        return loop(torch.full((n,), alpha, dtype=f64), beta * u[:-1] + gamma * u[1:])[-1]

    exact = (1.3 * math.sin(6) - 3 * math.cos(6) + 3 * math.exp(-2.6)) / (1.3**2 + 9)
    for lam, order in ((1.0, 1), (0.5, 2)):
        errors = [abs(float(state(lam, n)) - exact) for n in (400, 800)]
        assert abs(math.log2(errors[0] / errors[1]) - order) < 0.1


def test_complex_eigenvalues_are_a_rotation_of_B_and_C():
    r, theta = torch.rand(2, 15, dtype=f64)
    B, C, u = (
        torch.randn(15, dtype=torch.complex128),
        torch.randn(15, dtype=torch.complex128),
        torch.randn(15),
    )
    direct = C * loop(torch.polar(r, theta), B * u)
    turn = torch.polar(torch.ones_like(theta), theta.cumsum(0))
    torch.testing.assert_close(direct, (C * turn) * loop(r.to(B.dtype), B / turn * u))


def test_aaren_merges_triples_in_any_brackets():
    s, v = 40 * torch.randn(8, dtype=f64), torch.randn(8, dtype=f64)

    def merge(one, two):
        m = torch.maximum(one[0], two[0])
        left, right = torch.exp(one[0] - m), torch.exp(two[0] - m)
        return m, one[1] * left + two[1] * right, one[2] * left + two[2] * right

    leaves = [(s_j, torch.ones_like(s_j), v_j) for s_j, v_j in zip(s, v)]
    merged = leaves[0]
    for k, leaf in enumerate(leaves[1:], 1):
        merged = merge(merged, leaf)
        torch.testing.assert_close(merged[2] / merged[1], softmax(s[: k + 1], 0) @ v[: k + 1])
    tree = leaves
    while len(tree) > 1:
        tree = [merge(one, two) for one, two in zip(tree[::2], tree[1::2])]
    torch.testing.assert_close(torch.stack(tree[0]), torch.stack(merged))


def test_lru_keeps_the_variance_of_its_input():
    lam = torch.tensor([0.3, 0.9 * 1j, -0.8 + 0.5j], dtype=torch.complex128)
    gamma = (1 - lam.abs() ** 2).sqrt()
    kernel = gamma * lam ** torch.arange(400)[:, None]  # of white noise, the variance is the sum of squares
    torch.testing.assert_close((kernel.abs() ** 2).sum(0), torch.ones(3, dtype=f64))


def keyed(k, v, decay, write, erase):
    """S_k = S_{k-1} (diag(a_k) - erase_k κ_k κ_k^T) + write_k v_k κ_k^T for k (L, n), v (L, p), decay (L, n)."""
    S, states = v.new_zeros(v.shape[1], k.shape[1]), []
    for k_k, v_k, a_k, w, e in zip(k, v, decay, write, erase):
        S = S @ (torch.diag(a_k) - e * torch.outer(k_k, k_k)) + w * torch.outer(v_k, k_k)
        states.append(S)
    return torch.stack(states)


def test_gla_with_one_decay_is_mamba_2_and_with_a_fixed_one_retnet():
    q, k, v = torch.randn(3, 9, 4, dtype=f64)
    ones, none = torch.ones(9, dtype=f64), torch.zeros(9, dtype=f64)
    a = torch.rand(9, dtype=f64)
    for decay in (a, torch.full_like(a, 0.8)):
        S = keyed(k, v, decay[:, None].expand(9, 4), ones, none)
        log = decay.log().cumsum(0)
        mask = torch.tril(torch.exp(log[:, None] - log[None, :]))
        torch.testing.assert_close((S @ q[:, :, None])[:, :, 0], (mask * (q @ k.T)) @ v)
    steps = torch.arange(9)
    torch.testing.assert_close(mask, torch.tril(0.8 ** (steps[:, None] - steps[None, :]).to(f64)))


def test_deltanet_takes_out_what_stood_under_the_key():
    k, v = torch.randn(2, 9, 4, dtype=f64)
    k = k / k.norm(dim=1, keepdim=True)
    ones = torch.ones(9, dtype=f64)
    S = keyed(k, v, torch.ones_like(k), ones, ones)
    torch.testing.assert_close((S @ k[:, :, None])[:, :, 0], v)
    added = keyed(k, v, torch.ones_like(k), ones, 0 * ones)  # linear attention, in comparison
    assert ((added @ k[:, :, None])[1:, :, 0] - v[1:]).abs().max() > 0.1


def gru(h, z, r, c):
    """A cell with diagonal recurrent weights (0.9 for both gates, 1.2 for the candidate), and its derivative by h."""
    z, r = torch.sigmoid(0.9 * h + z), torch.sigmoid(0.9 * h + r)
    c = torch.tanh(1.2 * h * r + c)
    slope = z * (1 - c**2) * 1.2 * (r + 0.9 * h * r * (1 - r))
    return (1 - z) * h + z * c, (1 - z) + 0.9 * (c - h) * z * (1 - z) + slope


def test_newton_for_a_whole_sequence_is_exact_step_by_step():
    drive, exact, h = torch.randn(3, 40, dtype=f64), [], torch.zeros((), dtype=f64)
    for k in range(40):
        h = gru(h, *drive[:, k])[0]
        exact.append(h)
    exact, zero = torch.stack(exact), torch.zeros(1, dtype=f64)
    h = gru(torch.zeros(40, dtype=f64), *drive)[0]
    for n in range(6):
        torch.testing.assert_close(h[: n + 1], exact[: n + 1], rtol=0, atol=1e-14)
        before = torch.cat([zero, h[:-1]])
        value, slope = gru(before, *drive)
        h = scan.linear(slope[None, :, None], (value - slope * before)[None, :, None])[0, :, 0]
    assert (h - exact).abs().max() < 1e-9


def test_the_cell_above_has_that_derivative():
    h = torch.randn(9, dtype=f64, requires_grad=True)
    value, slope = gru(h, *torch.randn(3, 9, dtype=f64))
    torch.testing.assert_close(torch.autograd.grad(value.sum(), h)[0], slope)
