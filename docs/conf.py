"""How the documentation is built: ``python -m sphinx -W -q docs docs/_build``."""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

import kzoo  # noqa: E402 - found by the path above where kzoo is not installed
from kzoo.core.tf_import import import_tensorflow  # noqa: E402

import_tensorflow()

# Sphinx reads only what is below this folder.
(HERE / "notebooks").mkdir(exist_ok=True)
for notebook in (HERE.parent / "notebooks").glob("*.ipynb"):
    copy = HERE / "notebooks" / notebook.name
    if not copy.exists() or copy.read_bytes() != notebook.read_bytes():
        shutil.copyfile(notebook, copy)

project = "kzoo"
author = "The kzoo authors"
copyright = "The kzoo authors"
version = release = kzoo.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "model_catalog", "offline"]
exclude_patterns = ["_build", "jupyter_execute"]

myst_heading_anchors = 3
nb_execution_mode = "off"
# Widgets would load their scripts from a network.
nb_ipywidgets_js = {}

# Docstrings put names in single backticks.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"
maximum_signature_line_length = 90
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"kzoo {release}"
html_static_path = ["_static"]
html_css_files = ["kzoo.css"]
html_copy_source = False
