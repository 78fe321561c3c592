import pytest

from jobs.core.credentials import Credentials
from jobs.core.git_words import explained


def test_the_words_are_one_line_without_hints_and_control_characters() -> None:
    words = explained(b"hint: use the force\nfatal: bad \x1b[31mthing\r\nfatal: and another\n", Credentials())
    assert words == "fatal: bad  [31mthing; fatal: and another"


def test_a_secret_at_the_cut_is_hidden_before_the_cut() -> None:
    secret = "s3cret-" + "x" * 60
    words = explained(("y" * 1480 + secret).encode(), Credentials(password=secret))
    assert "s3cret" not in words


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        ("fatal: unable to access 'https://h/': The requested URL returned error: 302", "redirects are not followed"),
        ("fatal: Authentication failed for 'https://h/'", "check the repository Secret"),
        ("Host key verification failed.", "argocd-ssh-known-hosts-cm"),
        ("fatal: transport 'http' not allowed", "PILOTHOUSE_GIT_PROTOCOLS"),
        ("fatal: repository 'https://h/x/' not found", "Check the address"),
    ],
)
def test_known_words_come_with_what_helps(said: str, helps: str) -> None:
    assert helps in explained(said.encode(), Credentials())


def test_git_that_says_nothing_gets_no_empty_message() -> None:
    assert explained(b"\n", Credentials()) == "no reason given"
