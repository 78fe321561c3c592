import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.errors import InvalidSpecError
from jobs.core.repository import Repository

SAME = {
    "github.com/org/repo": [
        "https://github.com/org/repo",
        "https://github.com/org/repo.git",
        "https://github.com/Org/Repo.git/",
        "http://github.com:80/org/repo",
        "https://github.com:443/org/repo",
        "https://x-access-token:ghs_secret@github.com/org/repo.git",
        "git@github.com:org/repo.git",
        "GitHub.com:org/repo",
        "git@github.com:/org/repo.git",
        "ssh://git@github.com/org/repo.git",
        "ssh://git@github.com:2222/org/repo.git",
        "ssh://git@ssh.github.com:443/org/repo.git",
        "git+ssh://git@github.com/org/repo",
        "git://github.com/org/repo",
        "https://github.com./org//repo",
        "https://github.com/org/%72epo",
        "github.com/org/repo",
    ],
    "bitbucket.org/org/repo": ["git@altssh.bitbucket.org:org/repo.git", "https://user@bitbucket.org/org/repo"],
    "dev.azure.com/org/my%20project/repo": [
        "git@ssh.dev.azure.com:v3/org/my%20project/repo",
        "https://org@dev.azure.com/org/My%20Project/_git/repo",
        "https://org.visualstudio.com/DefaultCollection/my%20project/_git/repo",
        "https://org.visualstudio.com/my%20project/_git/repo",
        "org@vs-ssh.visualstudio.com:v3/org/my%20project/repo",
        "ssh://git@ssh.dev.azure.com/v3/org/my%20project/repo",
        "ssh://org@vs-ssh.visualstudio.com:22/v3/Org/My%20Project/Repo",
        "https://dev.azure.com/org/DefaultCollection/My Project/_git/repo",
        "https://user:token@dev.azure.com/org/My%20Project/_git/_full/repo",
        "https://dev.azure.com/org/my%20project/_git/_optimized/repo",
    ],
    "dev.azure.com/org/repo/repo": [
        "https://dev.azure.com/org/_git/repo",
        "git@ssh.dev.azure.com:v3/org/repo/repo",
        "https://org.visualstudio.com/_git/repo",
        "https://org.visualstudio.com/DefaultCollection/_git/repo",
        "https://dev.azure.com/org/DefaultCollection/_git/repo",
        "https://dev.azure.com/org/_git/_full/repo",
    ],
    "dev.azure.com/org/defaultcollection/repo": ["git@ssh.dev.azure.com:v3/org/DefaultCollection/repo"],
    "tfs.example.com/tfs/coll/_git/repo": [
        "https://tfs.example.com/tfs/Coll/_git/Repo",
        "https://tfs.example.com/tfs/Coll/Repo/_git/Repo",
        "ssh://tfs.example.com:22/tfs/Coll/Repo/_git/Repo",
    ],
    "tfs.example.com/tfs/coll/team/_git/repo": ["https://tfs.example.com/tfs/Coll/Team/_git/Repo"],
    "host.example/_git": ["https://host.example/_git"],
    "host.example/a/_git": ["https://host.example/a/_git"],
    "bb.example.com/proj/repo": [
        "https://bb.example.com/scm/proj/repo.git",
        "ssh://git@bb.example.com:7999/proj/repo.git",
        "https://bb.example.com/projects/PROJ/repos/repo/browse",
        "https://user@bb.example.com/scm/PROJ/repo.git",
    ],
    "bb.example.com/~me/repo": [
        "https://bb.example.com/scm/~me/repo.git",
        "https://bb.example.com/users/me/repos/repo/browse",
    ],
    "127.0.0.1:3000/org/repo": ["http://127.0.0.1:3000/org/repo.git", "http://u:p@127.0.0.1:3000/org/repo"],
    "[::1]:3000/org/repo": ["http://[::1]:3000/org/repo.git", "http://[0:0::1]:3000/org/repo"],
    "[::1]/org/repo": ["git@[::1]:org/repo.git", "ssh://git@[::1]:22/org/repo"],
    "xn--bcher-kva.example/org/repo": ["https://bücher.example/org/repo", "https://xn--bcher-kva.example/org/repo"],
    "charts.example.com": ["https://charts.example.com", "https://charts.example.com/"],
    "ghcr.io/org/charts": ["oci://ghcr.io/org/charts", "ghcr.io/org/charts"],
    "gitlab.example.com/group/sub/repo": [
        "https://gitlab.example.com/group/sub/repo.git",
        "git@gitlab.example.com:Group/Sub/repo.git",
        "ssh://git@gitlab.example.com:2222/group/sub/repo.git",
    ],
    "gitlab.com/group/sub/sub/repo": [
        "git@altssh.gitlab.com:group/sub/sub/repo.git",
        "https://gitlab.com/group/sub/sub/repo",
    ],
    "code.example.org/team/%C3%BCbung": [
        "https://code.example.org/Team/%C3%9Cbung.git",
        "https://code.example.org/team/übung",
        "ssh://git@code.example.org:2222/team/%c3%bcbung.git",
    ],
    "file:///srv/Org/repo": ["file:///srv/Org/repo.git", "file://localhost/srv/Org/repo"],
}

NONSENSE = [
    "",
    "   ",
    "repo",
    "/srv/git/repo",
    "../repo",
    "https://",
    "https:///org/repo",
    "https://host:99999/org/repo",
    "https://host:0x50/org/repo",
    "https://[zz]/org/repo",
    "https://-oProxyCommand=id/org/repo",
    "--upload-pack=id",
    "-oProxyCommand=id:org/repo",
    "git@-host:org/repo",
    "git@host:-oProxyCommand=id",
    "git@host:",
    "ssh://host",
    "ext::sh -c id",
    "fd::17/foo",
    "ftp://host/org/repo",
    "file://elsewhere/org/repo",
    "https://host/org/../../etc",
    "https://host/org/%2e%2e/etc",
    "https://host/org/re\npo",
    "https://host/org/re%0apo",
    "https://host/org/re\x00po",
    "https://host/org/re\x1b[2Jpo",
    "https://host/org/%ff",
    "https://ho st/org/repo",
    "https://host\\@evil/org/repo",
    " https://host/org/repo",
    "https://host/" + "a" * 2001,
    "https://host/" + "ä" * 300,
]


@pytest.mark.parametrize(("name", "url"), [(name, url) for name, urls in SAME.items() for url in urls])
def test_all_forms_of_one_address_have_one_name(name, url):
    assert Repository.of(url) == Repository(name)


@pytest.mark.parametrize("url", NONSENSE)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(InvalidSpecError):
        Repository.of(url)


def test_an_escaped_slash_stays_inside_its_part():
    assert Repository.of("https://host.example/org%2Frepo") != Repository.of("https://host.example/org/repo")


def test_two_web_servers_on_one_host_are_told_apart():
    assert Repository.of("http://127.0.0.1:3000/org/repo") != Repository.of("http://127.0.0.1:3001/org/repo")


def test_a_refusal_repeats_neither_password_nor_query():
    with pytest.raises(InvalidSpecError) as refused:
        Repository.of("https://user:planted-1@h ost/org/repo?access_token=planted-2#planted-3")
    assert "planted" not in str(refused.value)
    with pytest.raises(InvalidSpecError) as refused:
        Repository.of("https://user:pl/anted@host/../x")
    assert "anted" not in str(refused.value)


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOST = st.builds("{}.{}".format, LABEL, LABEL)
PART = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,10}", fullmatch=True)
PATH = st.lists(PART, min_size=2, max_size=2).map("/".join)


@given(HOST, PATH, st.integers(1, 65535))
def test_https_ssh_and_scp_forms_meet_whatever_host_and_path(host, path, port):
    name = Repository.of(f"https://{host}/{path}.git")
    assert Repository.of(f"ssh://git@{host}:{port}/{path}") == name
    assert Repository.of(f"git@{host}:{path}.git/") == name
    assert Repository.of(f"http://user:pass@{host.upper()}/{path.upper()}") == name


@given(st.text(max_size=60) | st.builds("https://{}/{}".format, HOST, st.text(max_size=30)))
def test_any_text_gives_a_plain_name_or_a_refusal(url):
    try:
        name = Repository.of(url).name
    except InvalidSpecError:
        return
    assert name.isprintable()
    assert " " not in name or name.startswith("file://")


@given(st.builds("https://{}/{}".format, HOST, st.text(min_size=1, max_size=30)))
def test_the_name_of_a_name_is_itself(url):
    try:
        name = Repository.of(url)
    except InvalidSpecError:
        return
    assert Repository.of(f"https://{name}") == name
