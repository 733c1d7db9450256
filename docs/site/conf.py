"""Settings of Sphinx for the site, which `python docs/site/build.py` builds."""

from importlib import metadata

project = "reassess"
project_copyright = "The reassess developers"
release = metadata.version("reassess")
html_title = f"reassess {release}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
smartquotes = False
default_role = "code"
suppress_warnings = ["config.cache"]

myst_heading_anchors = 4  # as GitHub makes them
copybutton_exclude = ".linenos, .gp, .go"  # copy commands without prompts and output

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "description"
autodoc_typehints_format = "short"
toc_object_entries = False  # in menus, they would double the time of the build
python_use_unqualified_type_names = True
napoleon_google_docstring = False

html_theme = "furo"
html_favicon = "../../src/reassess/annotation/app/static/icon.svg"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False
