"""What Git says when it fails, made fit for a condition: no secrets, no control characters, and what to do about it."""

from jobs.core.credentials import Credentials

MAX_WORDS = 1500
"""Characters of Git's own text in a message."""

_HINTS = (
    ("returned error: 30", "The host redirects, and redirects are not followed: use the address it redirects to."),
    ("Authentication failed", "The host does not accept the credentials: check the repository Secret."),
    ("could not read Username", "The host wants credentials: add a repository Secret for this address."),
    ("could not read Password", "The host wants a password: check the repository Secret."),
    ("Host key verification failed", "Add the host's key to ConfigMap argocd-ssh-known-hosts-cm."),
    ("Permission denied (publickey", "The host does not accept the SSH key: check the repository Secret."),
    ("server certificate verification failed", "Add the host's CA to ConfigMap argocd-tls-certs-cm."),
    ("SSL certificate problem", "Add the host's CA to ConfigMap argocd-tls-certs-cm."),
    ("transport '", "PILOTHOUSE_GIT_PROTOCOLS says which transports are allowed."),
    ("not found", "Check the address; a host also says so when the credentials may not see the repository."),
)
"""Part of Git's words, and what helps. The first that fits."""
_NOISE = ("hint:", "warning: redirecting", "Cloning into", "Please make sure you have", "and the repository exists.")


def explained(stderr: bytes, credentials: Credentials) -> str:
    """Git's words on one line, without secrets, cut to a limit, followed by a hint if one is known."""
    text = stderr.decode("utf-8", "replace")
    kept = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith(_NOISE)]
    # Hidden before anything is cut: half of a secret would not be found any more.
    words = credentials.hidden("; ".join(kept))
    words = "".join(sign if sign.isprintable() else " " for sign in words)
    words = words if len(words) <= MAX_WORDS else f"{words[:MAX_WORDS]}..."
    hint = next((hint for part, hint in _HINTS if part in words), "")
    return f"{words or 'no reason given'}{'. ' if hint else ''}{hint}"
