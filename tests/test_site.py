"""The site that `make docs` builds, and the files that a code host reads."""

import html.parser
import pathlib
import re
import subprocess
import sys
import tomllib
import urllib.parse

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[1]
NAMES = re.findall(r"(?m)^\| `(\w+)(?:\.py|/)?` \|", (ROOT / "docs/architecture.md").read_text())
ROOMS = [name for name in NAMES if not name.startswith("_")]


class Page(html.parser.HTMLParser):
    """The ids of a page, and what it links to or shows."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.targets = set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes.get("id"), attributes.get("name")}
        self.targets += [attributes[key] for key in ("href", "src") if attributes.get(key)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def broken_links(folder):
    """(links that lead nowhere, number of links within the site) of the pages of a folder."""
    paths = [path for path in folder.rglob("*.html") if path.name != "404.html"]
    pages = {path.resolve(): Page(path) for path in paths}
    broken, count = [], 0
    for path, page in pages.items():
        for target in page.targets:
            parts = urllib.parse.urlparse(target)
            if parts.scheme:
                continue
            place = (path.parent / urllib.parse.unquote(parts.path)).resolve()
            place, anchor = place if parts.path else path, urllib.parse.unquote(parts.fragment)
            lost = anchor and place in pages and anchor not in pages[place].ids
            broken += [f"{path.name}: {target}"] if lost or not place.exists() else []
            count += 1
    return broken, count


@pytest.mark.slow
def test_every_link_of_the_site_leads_to_a_place_in_it(site):
    broken, count = broken_links(site)
    assert not broken and count > 1000


def test_a_broken_link_is_seen(tmp_path):
    (tmp_path / "one.html").write_text('<p id="here"><a href="two.html#there">x</a>')
    (tmp_path / "two.html").write_text('<a href="one.html#here">x</a><img src="gone.png">')
    broken, count = broken_links(tmp_path)
    assert (sorted(broken), count) == (["one.html: two.html#there", "two.html: gone.png"], 3)


@pytest.mark.slow
def test_every_room_has_its_page_and_the_renderer_its_functions(site):
    assert all((site / "api" / f"{room}.html").is_file() for room in ROOMS)
    ids = Page(site / "api" / "rendering.html").ids
    package = "tf_nonlinear3dmm.rendering"
    for name in (
        "camera.project",
        "rasterizer.Fragments",
        "rasterizer.rasterize",
        "renderer.render",
    ):
        assert f"{package}.{name}" in ids
    assert not any(re.search(r"\._[a-z]", name or "") for name in ids)  # what is private


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assert not re.search(r'<(script|img|iframe)[^>]*src="https?:', path.read_text()), path
        assert not re.search(r'<link[^>]*rel="stylesheet"[^>]*href="https?:', path.read_text()), (
            path
        )


def test_workflows_run_every_python_that_the_package_is_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    first, last = map(
        int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()
    )
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]
    targets = set(re.findall(r"(?m)^(\w+):", (ROOT / "Makefile").read_text()))
    for name, job in jobs.items():
        assert name in targets and any(f"make {name}" in str(step) for step in job["steps"])
    for name in ("check", "test"):
        versions = jobs[name]["strategy"]["matrix"]["python"]
        assert versions == [f"3.{minor}" for minor in range(first, last)]


def test_the_hooks_take_the_ruff_of_the_requirements():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    [ruff] = [repo["rev"] for repo in hooks if "ruff" in repo["repo"]]
    assert f"\nruff=={ruff.removeprefix('v')}\n" in (ROOT / "requirements.txt").read_text()
