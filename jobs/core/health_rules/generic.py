"""One rule for kinds without a rule of their own, on the conditions most controllers write. Off unless switched on.

The words are kstatus' (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md): Ready=False is
work in progress, only Stalled, Failed and Degraded are failures, and what says nothing at all is well.
"""

from jobs.core.health_rule import table

GENERIC = table(
    """
*: *
  current
  behind -> Progressing
  Stalled=True -> Degraded
  Failed=True -> Degraded
  Degraded=True -> Degraded
  Reconciling=True -> Progressing
  Progressing=True -> Progressing
  Ready=False|Unknown -> Progressing
  Available=False|Unknown -> Progressing
  otherwise -> Healthy
"""
)["*", "*"]
