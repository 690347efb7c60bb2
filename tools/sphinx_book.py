"""Sphinx extension of this book: nothing from the network, docstrings that link to their equations."""

import json
import re
from pydoc import locate

from docutils import nodes

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = re.compile(r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*?)</script>', re.DOTALL)
LABEL = re.compile(r"\b(eq-[\w-]+)")


def choose_buttons(app, config):
    """Only buttons that lead to the publisher's own repository, and only those that its host has.

    OWNER/REPO gets none: what stands there, if anything, is a stranger's. Colab opens notebooks from GitHub only.
    """
    options = config.html_theme_options
    url = options.get("repository_url", "")
    if url.endswith("/OWNER/REPO"):
        options.update(launch_buttons={}, use_repository_button=False, use_issues_button=False)
    elif not url.startswith("https://github.com/"):
        options["launch_buttons"] = {}
        if not any(host in url for host in ("github", "gitlab", "bitbucket")):  # the theme knows no others
            options.update(repository_provider="gitlab", use_issues_button=False)


def drop_thebe_scripts(app, pagename, templatename, context, doctree):
    """Thebe loads from a CDN and is not used here; its scripts are emitted twice, a console error."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "sphinx-thebe" not in str(getattr(script, "filename", script) or "")
        and "thebe" not in str(getattr(script, "attributes", {}).get("body", "")).lower()
    ]


def keep_shown_widgets(app, pagename, templatename, context, doctree):
    """A page carries the models of the widgets that it shows, not of each that a cell has made: 0.6 MB in chapter 8."""
    for script in context.get("script_files", []):
        attributes = getattr(script, "attributes", {})
        if attributes.get("type") == STATE:
            held = json.loads(attributes["body"])
            shown = {json.loads(view)["model_id"] for view in VIEW.findall(context["body"])}
            held["state"] = {name: model for name, model in held["state"].items() if name in shown}
            body = json.dumps(held)
            attributes["body"] = body.replace("</", "<\\/")  # else the first </ would end the script


def drop_thebe_nodes(app, doctree, docname):
    """The configuration that Thebe would read at the end of each page."""
    for node in list(doctree.findall(nodes.raw)):
        if "x-thebe-config" in node.astext() or node.astext().startswith("<script>kernelName"):
            node.parent.remove(node)


def link_equations(app, what, name, obj, options, lines):
    """`Equation: eq-zoh (…)` in a docstring becomes a section of its own that links to the numbered equation.

    Runs before napoleon, which would take the line for one more entry of the section above it.
    """
    # In a property's first line napoleon would read "what it is: more" as "type: description".
    if what in ("property", "attribute") and lines:
        lines[0] = lines[0].replace(": ", " – ", 1)
    shown, inside = [], False
    for line in lines:
        start = re.match(r"Equations?:\s*(?=eq-)", line)
        inside = bool(start) or (inside and bool(line.strip()))
        if start:
            shown += ["", "Equation", "--------"]
            line = line[start.end() :]
        line = LABEL.sub(r":eq:`\1`", line).strip() if inside else line
        shown.append(line if "``" in line else line.replace("|", "\\|"))  # |z| is a norm, no substitution
    lines[:] = shown


def resolve_reexport(app, env, node, contnode):
    """`ssm_lib.S4D` links to where the class is documented, `ssm_lib.layers.s4d.S4D`."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("ssm_lib."):
        return None
    item = locate(target)
    home = f"{getattr(item, '__module__', '')}.{getattr(item, '__qualname__', '')}"
    if home == target:
        return None
    domain = env.get_domain("py")
    found = domain.find_obj(env, None, None, home, None, 0)
    if not found:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", home, node, contnode)


def setup(app):
    app.connect("config-inited", choose_buttons, priority=100)
    app.connect("html-page-context", drop_thebe_scripts, priority=900)
    app.connect("html-page-context", keep_shown_widgets, priority=900)
    app.connect("doctree-resolved", drop_thebe_nodes, priority=900)
    app.connect("missing-reference", resolve_reexport)
    app.connect("autodoc-process-docstring", link_equations, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
