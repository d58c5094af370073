import hashlib
import os
import zipfile

import pytest

from tf_nonlinear3dmm.data import archive


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, contents in entries:
            file.writestr(name, contents)
    return path


def test_a_folder_and_its_zip_read_alike(tmp_path):
    entries = {"b/c.txt": b"two", "a.txt": b"one", "b/d e.txt": b""}
    for name, contents in entries.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(contents)
    packed = zipped(tmp_path / "tree.zip", entries.items())
    for tree in (archive.Tree(tmp_path / "tree"), archive.Tree(packed)):
        assert tree.names == sorted(entries) and not tree.refused
        assert {name: tree.read(name) for name in tree.names} == entries
        assert "a.txt" in tree and "b" not in tree


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_paths_that_lead_outside_and_names_that_come_twice_are_refused(tmp_path):
    names = ["../out.txt", "/root.txt", "a/../../b.txt", "C:/x.txt", "..\\y.txt", "a.txt", "a.txt"]
    tree = archive.Tree(zipped(tmp_path / "t.zip", [(name, b"x") for name in names]))
    assert tree.names == ["a.txt"]
    assert [name for name, _ in tree.refused] == [names[i] for i in (0, 1, 2, 3, 4, 6)]
    assert "twice" in tree.refused[-1][1]


@pytest.mark.parametrize("packed", [False, True])
def test_a_name_is_found_in_any_case_and_form(tmp_path, packed):
    names = ["AFW/a.JPG", "b.jpg", "B.jpg", "caf\u00e9.png"]
    if packed:
        tree = archive.Tree(zipped(tmp_path / "t.zip", [(n, n.encode()) for n in names]))
    else:
        for name in names:
            (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "tree" / name).write_bytes(name.encode())
        tree = archive.Tree(tmp_path / "tree")
    asked = {"afw/A.jpg": "AFW/a.JPG", "b.jpg": "b.jpg", "B.jpg": "B.jpg"}
    asked["cafe\u0301.PNG"] = "caf\u00e9.png"
    for name, wanted in asked.items():
        assert name in tree and tree.read(name).decode() == tree.find(name) == wanted
    assert tree.find("afw/A", (".png", ".jpg")) == "AFW/a.JPG"
    assert "a.JPG" not in tree and tree.find("AFW/a", (".png",)) is None


def test_junk_of_file_managers_is_no_file(tmp_path):
    junk = ["._a.txt", "b/._c.txt", "__MACOSX/b/c.txt", ".DS_Store", "b/Thumbs.db", ".git/x.txt"]
    for name in [*junk, "a.txt", "b/c.txt"]:
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(b"x")
    entries = [(name, b"x") for name in [*junk, "./a.txt", "b\\c.txt"]]
    packed = archive.Tree(zipped(tmp_path / "tree.zip", entries))
    folder = archive.Tree(tmp_path / "tree")
    assert folder.names == ["a.txt", "b/c.txt"] and packed.names == ["./a.txt", "b/c.txt"]
    assert not folder.refused and not packed.refused


def test_a_folder_inside_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a.txt").touch()
    (tmp_path / "closed").mkdir()
    listed = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    tree = archive.Tree(tmp_path)
    assert tree.names == ["open/a.txt"]
    assert tree.refused == [(str(tmp_path / "closed"), "cannot be read: Permission denied")]


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").touch()
    assert archive.Tree("~/mine").names == ["a.txt"]
    assert archive.find("~/mine", "A.TXT") == tmp_path / "mine" / "a.txt"


def test_a_bomb_is_not_read(tmp_path):
    tree = archive.Tree(zipped(tmp_path / "t.zip", [("bomb.jpg", bytes(3_000_000))]))
    assert (tmp_path / "t.zip").stat().st_size < 10_000
    with pytest.raises(
        ValueError, match=r"bomb\.jpg: at most 1000 bytes are expected, got 3000000"
    ):
        tree.read("bomb.jpg", limit=1000)


def test_a_damaged_entry_is_named(tmp_path):
    path = zipped(tmp_path / "t.zip", [("a.txt", os.urandom(500))])
    contents = bytearray(path.read_bytes())
    contents[200] ^= 255
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=r"a\.txt: damaged or encrypted"):
        archive.Tree(path).read("a.txt")


def test_what_is_no_tree_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("no zip")
    with pytest.raises(ValueError, match="neither a folder nor a zip"):
        archive.Tree(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match="no such folder or zip"):
        archive.Tree(tmp_path / "b")


def test_a_file_is_compared_with_the_published_one(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    assert archive.differs(path, 3, digest) == ""
    assert "4 bytes are published, got 3" in archive.differs(path, 4, digest)
    assert "SHA-256" in archive.differs(path, 3, "0" * 64)
    assert archive.differs(tmp_path, 3, digest) == ""  # a folder cannot be compared


def test_find_prefers_the_first_name(tmp_path):
    assert archive.find(tmp_path, "a.zip", "a") == tmp_path
    (tmp_path / "a").mkdir()
    assert archive.find(tmp_path, "a.zip", "a") == tmp_path / "a"
