from jobs.core.tree import Entry, changed, parsed

ROOT = "0" * 40
A, B, C = ("a" * 40, "b" * 40, "c" * 40)
LISTING = (
    f"040000 tree {A}\tcharts\0"
    f"040000 tree {B}\tcharts/web\0"
    f"100644 blob {A}\tcharts/web/Chart.yaml\0"
    f"120000 blob {B}\tcharts/web/link\0"
    f"040000 tree {C}\tcharts/web/templates\0"
    f"100755 blob {C}\tcharts/web/templates/run\tme.sh\0"
    f"160000 commit {C}\tcharts/web/vendor\0"
    f"100644 blob {C}\tcharts/webshop\0"
).encode()
TREE = parsed(ROOT, LISTING)


def test_each_path_has_its_mode_type_and_id() -> None:
    assert TREE.get("charts/web") == Entry("040000", "tree", B)
    assert TREE.get("charts/web/Chart.yaml") == Entry("100644", "blob", A)
    assert TREE.get("charts/web/vendor") == Entry("160000", "commit", C)
    assert TREE.get("charts/other") is None


def test_the_root_is_the_empty_path() -> None:
    assert TREE.get("") == Entry("040000", "tree", ROOT)
    assert set(TREE.under("")) == {
        path for path in TREE if path not in ("charts", "charts/web", "charts/web/templates")
    }


def test_under_a_folder_are_its_files_and_no_neighbour_that_begins_like_it() -> None:
    assert set(TREE.under("charts/web")) == {
        "charts/web/Chart.yaml",
        "charts/web/link",
        "charts/web/templates/run\tme.sh",
        "charts/web/vendor",
    }


def test_under_a_file_is_the_file_and_under_nothing_is_nothing() -> None:
    assert set(TREE.under("charts/webshop")) == {"charts/webshop"}
    assert TREE.under("charts/gone") == {}


def test_a_link_says_that_it_is_one() -> None:
    assert TREE.under("charts/web")["charts/web/link"].is_symlink
    assert not TREE.under("charts/web")["charts/web/Chart.yaml"].is_symlink


def test_the_names_in_a_folder_are_those_directly_in_it() -> None:
    assert TREE.names("") == ("charts",)
    assert TREE.names("charts") == ("charts/web"[7:], "webshop")
    assert TREE.names("charts/webshop") == ()


def test_a_name_that_is_no_utf8_is_kept() -> None:
    tree = parsed(ROOT, b"100644 blob " + A.encode() + b"\tcaf\xe9\0")
    (path,) = tree
    assert path.encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_an_empty_commit_has_no_paths() -> None:
    assert len(parsed(ROOT, b"")) == 0


def test_a_difference_turns_one_tree_into_the_next() -> None:
    difference = (
        f":040000 040000 {B} {C} M\0charts/web\0"
        f":100644 100644 {A} {B} M\0charts/web/Chart.yaml\0"
        f":120000 000000 {B} {ROOT} D\0charts/web/link\0"
        f":160000 000000 {C} {ROOT} D\0charts/web/vendor\0"
        f":000000 160000 {ROOT} {A} A\0charts/sub\0"
        f":100644 120000 {C} {B} T\0charts/webshop\0"
    ).encode()
    after = changed(TREE, A, difference)
    assert after.id == A
    assert after.get("charts/web") == Entry("040000", "tree", C)
    assert after.get("charts/web/Chart.yaml") == Entry("100644", "blob", B)
    assert after.get("charts/web/link") is None
    assert after.get("charts/sub") == Entry("160000", "commit", A)
    assert after.get("charts/webshop") == Entry("120000", "blob", B)
    assert TREE.get("charts/web/link") is not None, "the base stays as it was"


def test_a_very_deep_folder_is_walked_without_recursion() -> None:
    paths = ["/".join(["d"] * depth) for depth in range(1, 3000)]
    listing = "".join(f"040000 tree {A}\t{path}\0" for path in paths) + f"100644 blob {B}\t{paths[-1]}/f\0"
    assert set(parsed(ROOT, listing.encode()).under("")) == {f"{paths[-1]}/f"}
