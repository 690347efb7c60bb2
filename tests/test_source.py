"""show(): the tested source, and the imports a stranger pays for."""

import subprocess
import sys

import pytest

from ssm_lib import S4D, kernels, show


def test_shows_the_source_with_a_short_docstring():
    text = show(kernels.vandermonde)
    assert text.startswith("def vandermonde(log_a: Tensor, w: Tensor, length: int) -> Tensor:\n")
    assert (
        '    """Re sum_n w_n exp(log_a_n l): weights times a Vandermonde matrix, l = 0 .. length-1."""'
        in text
    )
    assert "Parameters" not in text
    assert "return K.transpose(0, 1).reshape(*shape, length)" in text
    assert text._repr_markdown_() == f"```python\n{text}\n```"
    compile(text, "shown", "exec")


def test_shows_methods_and_classes():
    assert show(S4D.kernel).startswith("def kernel(self")
    text = show(S4D)
    compile(text, "shown", "exec")
    assert "Raises" not in text


def test_shows_several():
    text = show(kernels.vandermonde, kernels.powers)
    assert text == f"{show(kernels.vandermonde)}\n\n\n{show(kernels.powers)}"


def test_refuses_what_has_no_source():
    with pytest.raises(TypeError, match="needs a Python function, method or class, got 3"):
        show(3)


def test_importing_the_library_costs_neither_matplotlib_nor_widgets():
    costly = ("matplotlib", "anywidget", "sklearn", "IPython")
    code = f"import sys, ssm_lib; print([m for m in {costly} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
