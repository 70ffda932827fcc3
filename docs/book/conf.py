"""Sphinx's settings for the book; `make book` gathers the source around this file and builds it."""

from course_utils.maintain import bootstrap
from course_utils.maintain.execute import ROOT

repository, branch = bootstrap.read_course(ROOT)
named = repository != bootstrap.PLACEHOLDER

project = html_title = "Why ReLU?"
author = "The Why ReLU? authors"
language = "en"
extensions = ["myst_nb", "course_utils.maintain.book_sphinx"]
exclude_patterns = [".trees"]
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"  # what a cell shows as Markdown: tables and formulas, too
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 6
myst_heading_slug_func = "course_utils.maintain.book_sphinx.jupyter_anchor"
# What MyST reads into lines that are plain Markdown in JupyterLab.
myst_disable_syntax = ["myst_line_comment", "myst_block_break", "myst_target", "myst_role"]
html_math_renderer = "mathml"
html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_js_files = [("book.js", {"defer": "defer"})]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navigation_with_keys": True,
}
if named:
    html_theme_options |= {
        "repository_url": f"https://github.com/{repository}",
        "repository_branch": branch,
        "path_to_docs": "notebooks",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }
