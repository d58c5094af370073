"""What mkdocs cannot know by itself: the pages beside docs/, and the API's pages from the rooms.

The site has the repository's layout, so that a link between two pages leads to the same place in
the site, in a checkout and on a code host.
"""

import pathlib
import re

from mkdocs.structure.files import File, Files

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "tf_nonlinear3dmm"
GUIDE = {
    "Overview": "README.md",
    "Architecture": "docs/architecture.md",
    "Examples": "examples/README.md",
    "Rendering": "docs/rendering.md",
    "Data": "docs/data.md",
    "Training": "docs/training.md",
    "Experiments": "docs/experiments.md",
    "Real photographs": "docs/real_photos.md",
    "Fitting": "docs/fitting.md",
    "Expressions": "docs/expressions.md",
    "Serving": "docs/serving.md",
    "The trained weights": "tf_nonlinear3dmm/assets/trained/README.md",
    "Contributing": "CONTRIBUTING.md",
    "Changelog": "CHANGELOG.md",
}
STYLE = "docs/site.css"
ROOM = re.compile(r"(?m)^\| `(\w+)(?:\.py|/)?` \|")  # a row of the table of rooms


def on_config(config):
    """The navigation: the guide, then the API by rooms."""
    pages = [{"Public names": "api/index.md"}, *({name: f"api/{name}.md"} for name in rooms())]
    config.nav = [{"Guide": [{title: page} for title, page in GUIDE.items()]}, {"API": pages}]
    return config


def on_files(files, config):
    """The theme's files, the repository's pages with what they link to, and the API's pages."""
    theme = [file for file in files if file.src_dir != config.docs_dir]
    found = [
        File(path, str(ROOT), config.site_dir, False)
        for path in sorted(linked([*GUIDE.values(), STYLE]))
    ]
    api = {"index": "# Public names\n\n::: tf_nonlinear3dmm\n"}
    api |= {name: f"# {name}\n\n" + "\n\n".join(modules(name)) + "\n" for name in rooms()}
    written = [File.generated(config, f"api/{n}.md", content=text) for n, text in api.items()]
    return Files([*theme, *found, *written])


def linked(pages):
    """The paths, from the root, of `pages` and of all files that they link to, page by page."""
    reached, waiting = set(), list(pages)
    while waiting:
        page = waiting.pop()
        reached.add(page)
        if not page.endswith(".md"):
            continue
        for target in re.findall(r"\]\(([^)#:]+)", (ROOT / page).read_text()):
            path = (ROOT / page).parent.joinpath(target).resolve()
            if path.is_file() and path.is_relative_to(ROOT):
                waiting += {str(path.relative_to(ROOT))} - reached
    return reached


def rooms():
    """The rooms' names in the order of import."""
    names = ROOM.findall((ROOT / "docs/architecture.md").read_text())
    return [name for name in names if not name.startswith("_")]


def modules(room):
    """What makes mkdocstrings write each module of a room."""
    paths = sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]
    for path in paths:
        private = path.stem.startswith("_") and path.stem != "__init__"
        if not private and path.parent.name != "builders":
            name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
            yield f"::: {name.removesuffix('.__init__')}"
