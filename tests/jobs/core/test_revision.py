import pytest

from jobs.core.errors import FetchError
from jobs.core.revision import Resolved, Snapshot, Unlisted, local_refs, remote_refs, resolve

A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
SNAPSHOT = Snapshot(
    "host/shop",
    {
        "refs/heads/main": A,
        "refs/heads/feature/x": B,
        "refs/heads/both": B,
        "refs/heads/1.x": B,
        "refs/heads/abcdef1": B,
        "refs/tags/both": C,
        "refs/tags/v1.2.3": C,
        "refs/tags/1.2": D,
        "refs/tags/web/2.0.0": D,
        "refs/tags/web/2.1.0": C,
    },
    head=A,
    default_branch="refs/heads/main",
)


@pytest.mark.parametrize("target", ["", "HEAD"])
def test_nothing_and_head_mean_the_default_branch(target: str) -> None:
    assert resolve(target, SNAPSHOT) == Resolved(A, "refs/heads/main")


def test_a_detached_head_is_its_commit() -> None:
    assert resolve("", Snapshot("host/shop", {}, head=D)) == Resolved(D, "HEAD")


def test_an_empty_repository_has_no_default_branch() -> None:
    with pytest.raises(FetchError, match="host/shop has no default branch"):
        resolve("HEAD", Snapshot("host/shop"))


@pytest.mark.parametrize(
    ("target", "revision", "ref"),
    [
        ("main", A, "refs/heads/main"),
        ("feature/x", B, "refs/heads/feature/x"),
        ("refs/heads/main", A, "refs/heads/main"),
        ("refs/tags/both", C, "refs/tags/both"),
        ("v1.2.3", C, "refs/tags/v1.2.3"),
        ("1.2", D, "refs/tags/1.2"),
        ("abcdef1", B, "refs/heads/abcdef1"),
    ],
)
def test_a_name_is_a_branch_or_a_tag(target: str, revision: str, ref: str) -> None:
    assert resolve(target, SNAPSHOT) == Resolved(revision, ref)


def test_of_a_branch_and_a_tag_of_one_name_the_branch_is_taken_and_it_is_said() -> None:
    assert resolve("both", SNAPSHOT) == Resolved(B, "refs/heads/both", ambiguous=True)


def test_a_range_that_holds_a_tag_wins_over_a_branch_of_its_name() -> None:
    assert resolve("1.x", SNAPSHOT) == Resolved(C, "refs/tags/v1.2.3", ambiguous=True)


def test_a_range_that_holds_no_tag_may_be_the_name_of_a_branch() -> None:
    assert resolve("1.x", Snapshot("r", {"refs/heads/1.x": B})) == Resolved(B, "refs/heads/1.x")


def test_a_tag_prefix_is_taken_off_before_versions_are_compared() -> None:
    assert resolve("2.*", SNAPSHOT, tag_prefix="web/") == Resolved(C, "refs/tags/web/2.1.0")
    with pytest.raises(FetchError, match=r"no tag in the range '2\.\*' among those that begin with 'api/'"):
        resolve("2.*", SNAPSHOT, tag_prefix="api/")


@pytest.mark.parametrize("target", ["e" * 40, "E" * 40, "e" * 64])
def test_a_full_commit_id_is_left_to_the_mirror(target: str) -> None:
    assert resolve(target, SNAPSHOT) == Unlisted(commit=target.lower())


def test_a_branch_named_like_a_commit_cannot_take_over_a_pinned_one() -> None:
    hostile = Snapshot("r", {f"refs/heads/{A}": B, f"refs/tags/{A}": B})
    assert resolve(A, hostile) == Unlisted(commit=A)


def test_seven_hexadecimal_digits_may_begin_a_commit() -> None:
    assert resolve("1234abc", SNAPSHOT) == Unlisted(commit="1234abc")
    with pytest.raises(FetchError, match="no branch, tag or commit '1234ab'"):
        resolve("1234ab", SNAPSHOT)


def test_refs_of_other_kinds_are_left_to_the_host() -> None:
    assert resolve("refs/pull/12/head", SNAPSHOT) == Unlisted(ref="refs/pull/12/head")


@pytest.mark.parametrize(
    "target",
    [
        "refs/pull/../heads/main",
        "refs/x --upload-pack=touch",
        "refs/a\nb",
        "refs//a",
        "refs/a.lock",
        "refs/.a",
        "refs/-a",
        "refs/a:refs/heads/main",
        "refs/*",
        "refs/pilothouse/HEAD",
        "refs/",
    ],
)
def test_a_hostile_ref_never_reaches_git(target: str) -> None:
    with pytest.raises(FetchError, match="is not the name of a ref"):
        resolve(target, SNAPSHOT)


@pytest.mark.parametrize("target", ["gone", "--upload-pack=touch /tmp/x", "a\x1b[31mb", "refs/heads/gone", "x" * 500])
def test_what_is_not_there_is_named_with_its_repository(target: str) -> None:
    with pytest.raises(FetchError, match="host/shop has no") as caught:
        resolve(target, SNAPSHOT)
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 250


def test_the_listing_of_a_host_gives_peeled_tags_and_the_default_branch() -> None:
    listing = (
        f"ref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/tags/v1\n{C}\trefs/tags/v1^{{}}\n"
        f"{D}\trefs/pull/1/head\nnonsense\n"
    )
    refs = {"refs/heads/main": A, "refs/tags/v1": C}
    assert remote_refs(listing, "r") == Snapshot("r", refs, A, "refs/heads/main")


def test_the_listing_of_a_mirror_tells_commits_tags_and_what_is_neither() -> None:
    listing = "\n".join(
        (
            f"refs/heads/main {A} commit  ",
            f"refs/tags/v1 {B} tag {C} commit",
            f"refs/tags/nested {B} tag {D} tag",
            f"refs/tags/key {B} blob  ",
            f"refs/tags/text {B} tag {D} blob",
        )
    )
    assert local_refs(listing) == ({"refs/heads/main": A, "refs/tags/v1": C}, {"refs/tags/nested": D})
