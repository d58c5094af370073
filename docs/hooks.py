"""What mkdocs cannot know by itself: the pages beside docs/, and the API's pages from the rooms.

The site has the repository's layout, so that a link between two pages leads to the same place here,
in a checkout and on a code host.
"""

import pathlib
import re

from mkdocs.structure.files import File, Files

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "tf_nonlinear3dmm"
GUIDE = {
    "Overview": "README.md",
    "Architecture": "docs/architecture.md",
    "Guide": [
        "docs/rendering.md",
        "docs/data.md",
        "docs/training.md",
        "docs/experiments.md",
        "docs/serving.md",
        "docs/real_photos.md",
    ],
    "Examples": "examples/README.md",
    "Trained weights": "tf_nonlinear3dmm/assets/trained/README.md",
    "Changelog": "CHANGELOG.md",
    "Contributing": "CONTRIBUTING.md",
}
SHOWN = ("*.md", "*.jpg", "*.png", "*.cff", "LICENSE", "examples/*.py", "notebooks/*.ipynb")
FOLDERS = (".", "docs", "examples", "notebooks", "datasets", "tf_nonlinear3dmm/assets")


def rooms():
    """The rooms in the order of import: [(name, modules)], each module a dotted name."""
    table = re.findall(r"(?m)^\| `(\w+)(?:\.py|/)?` \|", (ROOT / "docs/architecture.md").read_text())
    for name in table:
        paths = sorted((PACKAGE / name).rglob("*.py")) or [PACKAGE / f"{name}.py"]
        public = [p for p in paths if not re.search(r"/_(?!_init__)|_test\.py|/builders/", str(p))]
        yield name, [_dotted(path) for path in public if _docstring_and_more(path)]


def _dotted(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def _docstring_and_more(path):
    """Whether a module is more than the list of a folder's names."""
    return path.name != "__init__.py" or "\ndef " in path.read_text()


def on_config(config):
    """The navigation: the guide, then the API by rooms."""
    api = [{"Public names": "api/index.md"}, *({n: f"api/{n}.md"} for n, _ in rooms())]
    config.nav = [*({title: page} for title, page in GUIDE.items()), {"API": api}]
    return config


def on_files(files, config):
    """The repository's pages and pictures in their places, and the API's pages."""
    ours = {
        path.relative_to(ROOT)
        for folder in FOLDERS
        for pattern in SHOWN
        for path in (ROOT / folder).glob(pattern if folder in (".", "docs") else f"**/{pattern}")
        if path.is_file()
    }
    ours |= {path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.*") if path.suffix in (".md", ".png")}
    kept = [file for file in files if not file.src_dir or pathlib.Path(file.src_dir) != ROOT / "docs"]
    pages = [File(str(path), str(ROOT), config.site_dir, False) for path in sorted(ours)]
    made = [File.generated(config, f"api/{name}.md", content=text) for name, text in _api()]
    return Files([*kept, *pages, *made])


def _api():
    yield "index", "# Public names\n\n::: tf_nonlinear3dmm\n"
    for name, modules in rooms():
        yield name, f"# {name}\n\n" + "\n\n".join(f"::: {module}" for module in modules) + "\n"
