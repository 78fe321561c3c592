"""What a source of an application renders, decided without reading a file."""

from typing import Any

import pytest

from jobs.core.application import Application, application_of
from jobs.core.build_env import BuildFacts
from jobs.core.chosen import Chosen, chosen
from jobs.core.errors import InvalidSpecError, RenderError
from jobs.core.render_request import OWN, RepoFile, Tool
from jobs.core.source import Parameter
from tests.jobs.core.trees import a_tree

TREE = a_tree("web/Chart.yaml", "web/values-prod.yaml", "plain/a.yaml", "all.yaml")
ENV = a_tree("prod/web.yaml", "ca.pem")


def an_application(**source: Any) -> Application:
    spec = {
        "project": "default",
        "destination": {"name": "in-cluster", "namespace": "shop"},
        "source": {"repoURL": "https://git/x", "path": "web", **source},
    }
    return application_of({"metadata": {"name": "web", "namespace": "argocd"}, "spec": spec})


def choice(**source: Any) -> Chosen:
    application = an_application(**source)
    facts = BuildFacts("web", "shop", "default", "c0ffee" * 7, "web", "https://git/x", "main", "v1.36.3", ("v1",))
    return chosen(application, application.sources[0], {OWN: TREE, "env": ENV}, facts)


def test_a_chart_without_options_takes_the_applications_name_and_the_clusters_versions() -> None:
    found = choice()
    request = found.request
    assert (request.tool, request.path, request.release_name, request.namespace) == (Tool.HELM, "web", "web", "shop")
    assert (request.kube_version, request.api_versions) == ("v1.36.3", ("v1",))
    assert found.paths == {OWN: ("web",)}
    assert found.missing == ()


def test_every_option_reaches_the_request() -> None:
    helm = {
        "valueFiles": ["values-prod.yaml", "$env/prod/$ARGOCD_APP_NAME.yaml", "/none.yaml"],
        "ignoreMissingValueFiles": True,
        "values": "a: 1",
        "valuesObject": {"b": 1},
        "parameters": [{"name": "tag", "value": "$ARGOCD_APP_REVISION_SHORT", "forceString": True}],
        "fileParameters": [{"name": "ca", "path": "$env/ca.pem"}],
        "releaseName": "other",
        "namespace": "elsewhere",
        "kubeVersion": "1.30",
        "apiVersions": ["x/v1"],
        "skipCrds": True,
        "skipTests": True,
        "skipSchemaValidation": True,
    }
    found = choice(helm=helm)
    request = found.request
    assert request.value_files == (RepoFile("web/values-prod.yaml"), RepoFile("prod/web.yaml", "env"))
    assert (request.values, request.values_object) == ("a: 1", {"b": 1})
    assert request.parameters == (Parameter("tag", "c0ffeec", force_string=True),)
    assert request.file_parameters == (("ca", RepoFile("ca.pem", "env")),)
    assert (request.release_name, request.namespace) == ("other", "elsewhere")
    assert (request.kube_version, request.api_versions) == ("1.30", ("x/v1",))
    assert request.skip_crds
    assert request.skip_tests
    assert request.skip_schema_validation
    assert found.missing == (RepoFile("none.yaml"),)
    assert found.paths == {OWN: ("web", "web/values-prod.yaml"), "env": ("prod/web.yaml", "ca.pem")}


def test_a_plain_folder_takes_its_own_options() -> None:
    found = choice(path="plain", directory={"recurse": True, "include": "*.yaml", "exclude": "b*"})
    request = found.request
    assert (request.tool, request.recurse, request.include, request.exclude) == (Tool.DIRECTORY, True, "*.yaml", "b*")
    assert found.paths == {OWN: ("plain",)}


def test_a_renderer_that_is_not_there_is_refused_by_its_field() -> None:
    with pytest.raises(InvalidSpecError, match=r"spec\.source\.kustomize: not supported yet"):
        choice(kustomize={"namePrefix": "x"})


def test_a_missing_folder_is_no_fault_of_the_spec() -> None:
    with pytest.raises(RenderError, match="'gone' does not exist"):
        choice(path="gone")
