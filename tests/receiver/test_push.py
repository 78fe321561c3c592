from receiver.push import Change, Delivery, change_of, ref_of

SHA, ZEROS = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "0" * 40


def test_a_made_and_a_deleted_ref_have_no_commit_on_one_side() -> None:
    assert change_of("refs/tags/v1", ZEROS, SHA) == Change("refs/tags/v1", "", SHA)
    assert change_of("refs/heads/x", SHA, ZEROS).deleted


def test_sha256_ids_are_known() -> None:
    assert change_of("refs/heads/x", SHA, "a" * 64).after == "a" * 64


def test_hints_of_a_wrong_shape_become_empty() -> None:
    assert change_of(7, None, ["x"]) == Change("", "", "")
    assert change_of("refs/heads/\x1b[31m", "abc", "A" * 40) == Change("", "", "")
    assert change_of("main", None, None) == Change("", "", "")
    assert change_of("refs/" + "r" * 496, SHA + "\n", "--upload-pack=id") == Change("", "", "")


def test_branches_and_tags_of_one_name_are_told_apart() -> None:
    assert ref_of("branch", "v1") == "refs/heads/v1"
    assert ref_of("tag", "v1") == ref_of("annotated_tag", "v1") == "refs/tags/v1"
    assert ref_of("bookmark", "v1") == ref_of("branch", None) == ref_of(["tag"], "v1") == ""
    assert change_of("refs/heads/v1", None, SHA).branch
    assert not change_of("refs/tags/v1", None, SHA).branch


def test_a_delivery_shows_neither_headers_nor_body() -> None:
    assert repr(Delivery({"x-gitlab-token": "planted"}, b"planted")) == "Delivery()"
