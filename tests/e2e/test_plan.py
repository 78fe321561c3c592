"""What is made of a manifest before it is applied, and what is refused: all together, before anything is written."""

import base64

import yaml

from tests.e2e.harness import Flow, automated
from tests.e2e.objects import config_map, crd, deployment, docs, pod_template, text


async def test_string_data_becomes_data_and_is_no_drift(flow: Flow) -> None:
    secret = text("v1", "Secret", "web", {"stringData": {"user": "ada", "both": "plain"}, "data": {"both": "b2xk"}})
    flow.repo.push({"app/web.yaml": secret})
    await flow.deploy()
    data = (await flow.live("Secret", "web"))["data"]
    assert {key: base64.b64decode(value).decode() for key, value in data.items()} == {"user": "ada", "both": "plain"}
    await flow.sweep()
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    await flow.push({"app/web.yaml": text("v1", "Secret", "web", {"stringData": {"both": "plain"}})})
    await flow.settle()
    assert set((await flow.live("Secret", "web"))["data"]) == {"both"}


async def test_of_an_environment_variable_named_twice_the_last_wins_with_a_warning(flow: Flow) -> None:
    env = [{"name": "COLOUR", "value": "red"}, {"name": "SIZE", "value": "1"}, {"name": "COLOUR", "value": "blue"}]
    template = pod_template("web", "registry.example.org/web:1", env=env)
    flow.repo.push({"app/web.yaml": deployment(template=template)})
    await flow.deploy()
    container = (await flow.live("Deployment", "web"))["spec"]["template"]["spec"]["containers"][0]
    assert {item["name"]: item["value"] for item in container["env"]} == {"COLOUR": "blue", "SIZE": "1"}
    assert (await flow.words())[0] == "Synced"
    assert "env names COLOUR more than once; the last one is used" in await flow.said()


async def test_of_an_object_rendered_twice_the_last_wins_with_a_warning(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(colour="red"), config_map(colour="blue"))})
    await flow.deploy()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "blue"}
    assert "RepeatedResourceWarning" in await flow.said()


async def test_status_and_what_the_server_sets_are_dropped(flow: Flow) -> None:
    body = yaml.safe_load(deployment())
    body["status"] = {"replicas": 7}
    body["metadata"] |= {"creationTimestamp": None, "uid": "1", "resourceVersion": "1", "generation": 4}
    flow.repo.push({"app/web.yaml": yaml.safe_dump(body)})
    await flow.deploy()
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    assert (await flow.live("Deployment", "web"))["status"]["replicas"] == 1


async def test_the_operation_of_a_child_application_is_dropped(flow: Flow) -> None:
    child = f"child-{flow.token}"
    source = {"repoURL": flow.url, "path": "child"}
    spec = {"project": "default", "source": source, "destination": {"name": "in-cluster", "namespace": flow.namespace}}
    body = text("argoproj.io/v1alpha1", "Application", child, {"spec": spec, "operation": {"sync": {}}})
    flow.repo.push({"app/child.yaml": body, "child/web.yaml": config_map()})
    flow.names.add(child)
    destination = {"server": "https://kubernetes.default.svc", "namespace": flow.ground.home}
    await flow.deploy(destination=destination)
    assert (await flow.words())[0] == "Synced"
    assert "operation" not in await flow.live("Application", child)
    await flow.settle()
    assert await flow.get("ConfigMap", "web") is None, "the child waits for a person"


async def test_null_labels_and_annotations_mean_not_set(flow: Flow) -> None:
    body = yaml.safe_load(config_map())
    body["metadata"] |= {"annotations": {"kept": "yes", "empty": None}, "labels": None}
    flow.repo.push({"app/web.yaml": yaml.safe_dump(body)})
    await flow.deploy()
    annotations = (await flow.live("ConfigMap", "web"))["metadata"]["annotations"]
    assert annotations["kept"] == "yes"
    assert "empty" not in annotations
    assert (await flow.words())[0] == "Synced"


async def test_an_unknown_field_is_refused_and_named(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), deployment(replica=3))})
    await flow.deploy()
    assert "spec.replica" in await flow.said()
    assert (await flow.words())[0] == "OutOfSync"
    assert await flow.get("Deployment", "web") is None
    assert await flow.get("ConfigMap", "web") is None


async def test_validate_false_drops_an_unknown_field(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment(replica=3)})
    await flow.deploy(syncPolicy=automated("Validate=false"))
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    assert "replica" not in (await flow.live("Deployment", "web"))["spec"]


async def test_validate_false_on_one_object_drops_its_unknown_field(flow: Flow) -> None:
    body = yaml.safe_load(deployment(replica=3))
    body["metadata"]["annotations"] = {"argocd.argoproj.io/sync-options": "Validate=false"}
    flow.repo.push({"app/web.yaml": yaml.safe_dump(body)})
    await flow.deploy()
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


async def test_all_refusals_are_told_together_and_nothing_is_changed(flow: Flow) -> None:
    flow.repo.push({"app/a.yaml": config_map("good", colour="blue")})
    await flow.deploy()
    before = await flow.version("ConfigMap", "good")
    bad_name = text("v1", "ConfigMap", "Bad_Name")
    bad_selector = deployment("bad", selector={"matchLabels": {"app": "other"}})
    bad_option = config_map("odd", annotations={"argocd.argoproj.io/sync-options": "Replace=true"})
    no_kind = text("example.org/v1", "Nothing", "none")
    files = {
        "app/a.yaml": config_map("good", colour="red"),
        "app/b.yaml": docs(bad_name, bad_selector, bad_option, no_kind, config_map("new")),
    }
    await flow.push(files)
    await flow.settle()
    said = await flow.said()
    assert "nothing was changed, 4 refused" in said
    for part in ("Bad_Name", "bad: ", "Replace=true is not supported yet", "example.org/Nothing"):
        assert part in said, said
    assert await flow.version("ConfigMap", "good") == before
    assert await flow.get("ConfigMap", "new") is None
    results = await flow.results()
    assert sorted(name for name, result in results.items() if result.startswith("SyncFailed")) == [
        "ConfigMap/Bad_Name",
        "ConfigMap/odd",
        "Deployment/bad",
        "Nothing/none",
    ]


async def test_an_immutable_field_is_refused_in_the_servers_words(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment()})
    await flow.deploy()
    template = pod_template("other", "registry.example.org/web:1")
    await flow.push({"app/web.yaml": deployment(selector={"matchLabels": {"app": "other"}}, template=template)})
    await flow.settle()
    said = await flow.said()
    assert f"apps/Deployment {flow.namespace}/web" in said
    assert "field is immutable" in said
    assert (await flow.live("Deployment", "web"))["spec"]["selector"] == {"matchLabels": {"app": "web"}}


async def test_a_definition_and_an_object_of_it_come_in_one_sync(flow: Flow) -> None:
    group = f"{flow.token}.example.org"
    flow.leftovers.append(("CustomResourceDefinition", f"sizes.{group}"))
    size = text(f"{group}/v1", "Size", "big", {"spec": {"size": 5}})
    flow.repo.push({"app/a.yaml": size, "app/b.yaml": crd("sizes", "Size", group)})
    await flow.deploy()
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    path = f"/apis/{group}/v1/namespaces/{flow.namespace}/sizes/big"
    answer = await flow.ground.kube("GET", path)
    assert answer.body["spec"] == {"size": 5}


async def test_a_namespace_and_objects_in_it_come_in_one_sync(flow: Flow) -> None:
    made = f"made-{flow.token}"
    flow.leftovers.append(("Namespace", made))
    inside = text("v1", "ConfigMap", "web", {"data": {"colour": "blue"}}, namespace=made)
    flow.repo.push({"app/a.yaml": inside, "app/b.yaml": text("v1", "Namespace", made)})
    await flow.deploy()
    assert (await flow.words())[::2] == ("Synced", "Succeeded")
    assert await flow.get("ConfigMap", "web", made) is not None


async def test_what_is_as_git_says_is_not_written_again(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map("same"), config_map("changes", colour="blue"))})
    await flow.deploy()
    before = await flow.version("ConfigMap", "same")
    await flow.push({"app/web.yaml": docs(config_map("same"), config_map("changes", colour="red"))})
    await flow.settle()
    await flow.operation()
    assert (await flow.live("ConfigMap", "changes"))["data"] == {"colour": "red"}
    assert await flow.version("ConfigMap", "same") == before
