"""How Sphinx builds the guide; `make guide` does, into build/guide."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parents[1])]

project = "TensorFlow 1 and 2, side by side"
author = "The authors"
html_title = project
language = "en"

extensions = ["myst_parser", "pair_pages"]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
exclude_patterns = ["_ext", "_static", "hunks", "ladder/*/*", "own_model", "snippets"]

nitpicky = True

html_theme = "furo"
html_favicon = "_static/favicon.svg"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "github-dark-high-contrast"
html_static_path = ["_static"]
html_css_files = ["guide.css"]
html_js_files = ["guide.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
