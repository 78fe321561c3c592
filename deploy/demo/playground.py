"""What to type once the story is told: addresses, the token, and commands that can be copied as they are."""

import sys
from pathlib import Path

from deploy.demo.repository import NAME, values_file
from deploy.demo.stage import Stage


def commands(stage: Stage) -> dict[str, str]:
    """What it is for -> the command."""
    pilothouse = Path(sys.executable).parent / "pilothouse"
    one = f"{stage.receiver_url}/api/v1/applications/shop-staging"
    bearer = '-H "Authorization: Bearer $PILOTHOUSE_TOKEN"'
    return {
        "The receiver's API, and a token that only Pilothouse takes": (
            f"export PILOTHOUSE_SERVER={stage.receiver_url}\nexport PILOTHOUSE_TOKEN={stage.token}"
        ),
        "See the Applications": f"{pilothouse} app list\n{pilothouse} app get shop-staging",
        "The same by HTTP, and a manual sync": (
            f"curl -s {bearer} {one}\ncurl -s -X POST {bearer} '{one}/sync?wait=30s'"
        ),
        "Be the developer: change a file, commit, push": (
            f"git clone {stage.git_url(NAME)} && cd {NAME}\n$EDITOR {values_file('staging')}\n"
            "git commit -am 'Change staging' && git push"
        ),
        "Look into the cluster, or change it by hand": (
            f"export KUBECONFIG={stage.kubeconfig}\nkubectl get applications -A"
        ),
        "What the processes say": f"tail -f {stage.logs}/*.log",
    }
