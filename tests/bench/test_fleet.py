import yaml

from deploy.bench import fleet


def test_each_application_has_a_chart_folder_of_its_own() -> None:
    names = fleet.names(3)
    files = fleet.charts(names, "1.0.0")
    assert {path.split("/")[0] for path in files} == {*names} == {"app-0001", "app-0002", "app-0003"}
    assert yaml.safe_load(files["app-0002/values.yaml"])["image"] == {"repository": fleet.IMAGE, "tag": "1.0.0"}
    assert not any("sale-banner" in path for path in files)


def test_a_push_changes_one_file_of_one_chart() -> None:
    assert [*fleet.values(("app-0002",), "2.0.0")] == ["app-0002/values.yaml"]


def test_the_floor_applies_the_same_kinds_as_the_chart_with_the_deployment_last() -> None:
    templates = (text for path, text in fleet.charts(("app-0001",), "1").items() if path.endswith(".yaml"))
    kinds = {
        line.removeprefix("kind: ") for text in templates for line in text.splitlines() if line.startswith("kind:")
    }
    plain = [body["kind"] for body in fleet.manifests("app-0001", namespace="n", tag="1")]
    assert {*plain} == kinds
    assert plain[-1] == "Deployment"
    assert fleet.image_of(fleet.manifests("app-0001", namespace="n", tag="1")[-1]) == f"{fleet.IMAGE}:1"
