"""Who is this, may they do that: tokens, RBAC, TokenReview, SubjectAccessReview."""

import secrets
from typing import Any

import pytest

from tests.contract.api import APPS, CORE, RBAC, Answer, Api, causes
from tests.contract.manifests import config_map

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
OWN_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
MAPS = (CORE, "configmaps")


async def account_token(api: Api, *audiences: str) -> str:
    """A token of the ServiceAccount `bot`."""
    if (await api("GET", api.path(CORE, "serviceaccounts", "bot"))).status == 404:
        await api.create(api.path(CORE, "serviceaccounts"), {"metadata": {"name": "bot"}})
    spec = {"spec": {"audiences": list(audiences)} if audiences else {}}
    made = await api.create(api.path(CORE, "serviceaccounts", "bot/token"), spec)
    assert made["status"]["expirationTimestamp"]
    return str(made["status"]["token"])


async def grant(api: Api, *rules: Any, subjects: list[dict[str, str]] | None = None) -> None:
    """A Role with these rules, bound to `bot` or to others."""
    account = {"kind": "ServiceAccount", "name": "bot", "namespace": api.namespace}
    reference = {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}
    await api.create(api.path(RBAC, "roles"), {"metadata": {"name": "r"}, "rules": list(rules)})
    binding = {"metadata": {"name": "r"}, "roleRef": reference, "subjects": subjects or [account]}
    await api.create(api.path(RBAC, "rolebindings"), binding)


async def test_a_wrong_token_is_401(api: Api) -> None:
    answer = await api.with_token("no-such-token")("GET", api.path(*MAPS))
    assert (answer.status, answer.body["reason"]) == (401, "Unauthorized")


async def test_nobody_in_particular_may_see_the_version_but_no_objects(api: Api) -> None:
    nobody = {"Authorization": ""}
    assert (await api("GET", "/version", headers=nobody)).status == 200
    answer = await api("GET", "/api/v1/namespaces", headers=nobody)
    assert answer.status == 403
    assert 'User "system:anonymous" cannot list resource "namespaces"' in answer.body["message"]


async def test_without_a_role_everything_is_403(api: Api) -> None:
    bot = api.with_token(await account_token(api))
    user = f"system:serviceaccount:{api.namespace}:bot"
    answer = await bot("GET", api.path(*MAPS, "a"))
    assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
    assert answer.body["message"] == (
        f'configmaps "a" is forbidden: User "{user}" cannot get resource "configmaps" in API group ""'
        f' in the namespace "{api.namespace}"'
    )
    assert (await bot("GET", "/api/v1/namespaces")).status == 403
    assert (await bot("PATCH", api.path(APPS, "deployments", "web/status"), {})).status == 403
    assert (await bot("GET", "/apis/no.such.group/v1/things")).status == 403, "it isn't told what there is"
    assert (await bot("GET", "/apis/apps/v1")).status == 200, "discovery is for all"


async def test_a_role_allows_its_verbs_only(api: Api) -> None:
    bot = api.with_token(await account_token(api))
    await api.create(api.path(*MAPS), config_map())
    await grant(api, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "watch"]})

    def allowed(answer: Answer) -> bool:
        return answer.status == 200

    await bot.until(api.path(*MAPS, "a"), allowed)
    assert (await bot("GET", api.path(*MAPS))).status == 403
    assert (await bot("DELETE", api.path(*MAPS, "a"))).status == 403
    assert (await bot("GET", "/api/v1/namespaces/default/configmaps/a")).status == 403


async def test_a_rule_may_name_single_objects(api: Api) -> None:
    bot = api.with_token(await account_token(api))
    await grant(api, {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"], "verbs": ["get"]})
    await bot.until(api.path(CORE, "secrets", "one"), lambda answer: answer.status == 404)
    assert (await bot("GET", api.path(CORE, "secrets", "two"))).status == 403


async def test_a_token_review_says_who(api: Api) -> None:
    token = await account_token(api)
    review = await api.create(TOKEN_REVIEWS, {"spec": {"token": token}})
    assert (review["kind"], review["apiVersion"]) == ("TokenReview", "authentication.k8s.io/v1")
    status = review["status"]
    assert status["authenticated"] is True
    assert status["user"]["username"] == f"system:serviceaccount:{api.namespace}:bot"
    assert status["user"]["uid"]
    namespace = f"system:serviceaccounts:{api.namespace}"
    assert status["user"]["groups"] == ["system:serviceaccounts", namespace, "system:authenticated"]


async def test_a_token_for_an_audience_is_good_there_only(api: Api) -> None:
    token = await account_token(api, "pilothouse")
    assert (await api.with_token(token)("GET", api.path(*MAPS))).status == 401
    here = await api.create(TOKEN_REVIEWS, {"spec": {"token": token, "audiences": ["pilothouse", "other"]}})
    assert (here["status"]["authenticated"], here["status"]["audiences"]) == (True, ["pilothouse"])
    for audiences in ([], ["other"]):
        there = await api.create(TOKEN_REVIEWS, {"spec": {"token": token, "audiences": audiences}})
        assert "authenticated" not in there["status"]
        assert "error" in there["status"]


async def test_an_unknown_token_is_not_authenticated(api: Api) -> None:
    review = await api.create(TOKEN_REVIEWS, {"spec": {"token": f"none-{secrets.token_hex(4)}"}})
    assert review["status"] == {"user": {}, "error": "invalid bearer token"}
    assert (await api("POST", TOKEN_REVIEWS, {"spec": {}})).status == 400


async def test_a_token_of_an_account_that_is_missing_is_404(api: Api) -> None:
    answer = await api("POST", api.path(CORE, "serviceaccounts", "none/token"), {"spec": {}})
    assert answer.status == 404


def review(api: Api, group: str, **attributes: str) -> dict[str, Any]:
    about = {"verb": "sync", "group": "argoproj.io", "resource": "applications", "namespace": api.namespace}
    return {"spec": {"user": "someone", "groups": [group], "resourceAttributes": {**about, **attributes}}}


async def test_an_access_review_knows_custom_verbs_and_names(api: Api) -> None:
    rule = {"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": ["sync"], "resourceNames": ["web"]}
    group = f"devs-{api.namespace}"
    await grant(api, rule, subjects=[{"kind": "Group", "name": group, "apiGroup": "rbac.authorization.k8s.io"}])

    async def allowed(**attributes: str) -> bool:
        answered = await api.create(ACCESS_REVIEWS, review(api, group, **attributes))
        return bool(answered["status"]["allowed"])

    for _ in range(200):  # the real one learns of roles through a watch
        if await allowed(name="web"):
            break
    else:
        pytest.fail("the role never came into force")
    assert not await allowed(name="other")
    assert not await allowed()
    assert not await allowed(name="web", verb="get")
    assert not await allowed(name="web", namespace="default")


async def test_masters_may_everything(api: Api) -> None:
    answered = await api.create(ACCESS_REVIEWS, review(api, "system:masters", verb="delete", resource="pods"))
    assert answered["status"]["allowed"] is True


async def test_an_access_review_of_nothing_is_422(api: Api) -> None:
    answer = await api("POST", ACCESS_REVIEWS, {"spec": {"user": "x"}})
    assert (answer.status, causes(answer)) == (422, {("spec.resourceAttributes", "FieldValueInvalid")})
    answer = await api("POST", ACCESS_REVIEWS, {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}})
    assert (answer.status, causes(answer)) == (422, {("spec.user", "FieldValueInvalid")})


async def test_one_may_ask_for_oneself(api: Api) -> None:
    bot = api.with_token(await account_token(api))
    about = {"verb": "get", "resource": "pods", "namespace": api.namespace}
    answered = await bot.create(OWN_REVIEWS, {"spec": {"resourceAttributes": about}})
    assert answered["status"]["allowed"] is False


async def test_reviews_are_not_stored(api: Api) -> None:
    assert (await api("GET", ACCESS_REVIEWS)).status == 405


async def test_acting_as_another_account_needs_the_right_to_it_and_has_its_rights_only(api: Api) -> None:
    """https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/"""
    bot = api.with_token(await account_token(api))
    await api.create(api.path(CORE, "serviceaccounts"), {"metadata": {"name": "other"}})
    other = {"Impersonate-User": f"system:serviceaccount:{api.namespace}:other"}
    refused = await bot("GET", api.path(*MAPS, "a"), headers=other)
    assert refused.status == 403
    # What is forbidden is named in words that change from version to version.
    assert f'User "system:serviceaccount:{api.namespace}:bot" cannot impersonate' in refused.body["message"]

    await grant(api, {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]})
    await rights_of(api, "other")
    for _ in range(200):  # the real one learns of roles through a watch
        answer = await bot("GET", api.path(*MAPS, "a"), headers=other)
        if answer.status == 404:
            break
    else:
        pytest.fail(f"the roles never came into force: {answer}")
    assert (await bot("GET", api.path(*MAPS, "a"))).status == 403, "only by the header"
    assert (await bot("GET", api.path(CORE, "secrets", "a"), headers=other)).status == 403
    assert (await bot("GET", "/api/v1/namespaces/default/configmaps/a", headers=other)).status == 403


async def rights_of(api: Api, account: str) -> None:
    """A Role to get ConfigMaps, for one account."""
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    await api.create(api.path(RBAC, "roles"), {"metadata": {"name": account}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": account, "namespace": api.namespace}
    reference = {"kind": "Role", "name": account, "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": account}, "roleRef": reference, "subjects": [subject]}
    await api.create(api.path(RBAC, "rolebindings"), binding)
