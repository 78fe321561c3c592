import yaml

from deploy.demo import repository
from deploy.demo.repository import DEPLOYMENT, MADE_UP, REAL


def test_the_first_commit_has_the_old_tag_in_both_environments_and_nowhere_else() -> None:
    files = repository.files()
    for environment in ("staging", "prod"):
        assert yaml.safe_load(files[repository.values_file(environment)])["image"]["tag"] == MADE_UP.old
    assert yaml.safe_load(files["charts/shop/values.yaml"])["image"] == {"repository": MADE_UP.repository, "tag": ""}


def test_a_real_cluster_gets_an_image_that_it_can_pull() -> None:
    files = repository.files(REAL)
    assert yaml.safe_load(files["charts/shop/values.yaml"])["image"]["repository"] == REAL.repository
    assert MADE_UP.old not in "".join(files[repository.values_file(each)] for each in ("staging", "prod"))


def test_ci_changes_the_tag_and_nothing_else() -> None:
    path = repository.values_file("staging")
    before = repository.files()[path]
    after = repository.bump(before, "staging", MADE_UP.new)
    assert after == {path: before.replace(MADE_UP.old, MADE_UP.new)}


def test_the_broken_chart_differs_in_one_line() -> None:
    before = repository.files()[DEPLOYMENT]
    after = repository.broken(before)[DEPLOYMENT]
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert len(changed) == 1
    assert "qoute" in changed[0]


def test_an_application_is_an_ordinary_one_of_argo_cd() -> None:
    body = repository.application("prod", home="pilothouse", repository_url="http://127.0.0.1/charts.git")
    assert body["apiVersion"] == "argoproj.io/v1alpha1"
    assert body["spec"]["source"]["helm"]["valueFiles"] == ["values-prod.yaml"]
    assert body["spec"]["destination"]["namespace"] == "shop-prod"
