import asyncio

import pytest

from jobs.core.errors import LostClaim
from jobs.enqueue import Again, Claim, Inspection, Mark, Queue
from jobs.noted import MAX_SEEN
from tests.valkey import Valkey, until

APP = ("application", "apps/web")


def a_mark(key: str = "apps/web", why: str = "push", **given: object) -> Mark:
    return Mark("application", key, why, **given)  # type: ignore[arg-type]


def a_sweep(key: str = "apps/web") -> Mark:
    return a_mark(key, "sweep", background=True)


async def claimed(queue: Queue) -> Claim:
    claim = await queue.claim()
    assert claim is not None, "something should be due"
    return claim


async def soon(queue: Queue) -> Claim:
    """The next claim, waited for: a lease must end or a timer must run out first."""
    found: list[Claim] = []

    async def try_it() -> bool:
        claim = await queue.claim()
        if claim:
            found.append(claim)
        return bool(claim)

    await until(try_it)
    return found[0]


async def test_marks_of_one_key_are_claimed_once(queue: Queue) -> None:
    await queue.mark([a_mark(), a_mark()])
    await queue.mark(a_sweep())

    claim = await claimed(queue)
    assert (claim.kind, claim.key) == APP
    assert await queue.claim() is None


async def test_a_mark_made_during_the_run_is_claimed_after_it(queue: Queue) -> None:
    await queue.mark(a_mark())
    first = await claimed(queue)
    await queue.mark(a_mark())

    assert await queue.claim() is None, "one key never runs twice at the same time"
    assert await queue.dirty(*APP)
    assert await queue.done(first)
    second = await claimed(queue)
    assert second.generation > first.generation
    assert not await queue.dirty(*APP)


async def test_a_claim_that_never_reports_comes_back_after_its_lease(valkey: Valkey) -> None:
    queue = Queue(valkey.url, lease_s=0.3)
    await queue.mark(a_mark(hints={"after": "c0ffee"}))
    lost = await claimed(queue)
    again = await soon(queue)

    assert again.key == lost.key
    assert again.hints == {"after": "c0ffee", "why": "push"}
    assert again.crashes == 1
    await queue.close()


async def test_done_and_renew_of_an_older_claim_change_nothing(queue: Queue, valkey: Valkey) -> None:
    await queue.mark(a_mark())
    old = await claimed(queue)
    await valkey.end_leases()
    new = await claimed(queue)

    assert not await queue.done(old, Again(0))
    assert not await queue.renew(old)
    assert await queue.renew(new)
    assert await queue.done(new)
    assert await queue.claim() is None


async def test_a_key_that_crashes_again_waits_longer_and_longer(queue: Queue, valkey: Valkey) -> None:
    await queue.mark(a_mark())
    await claimed(queue)
    await valkey.end_leases()
    await claimed(queue)  # the first time it comes back at once
    await valkey.end_leases()
    assert await queue.claim() is None
    held_for = (await queue.state()).next_due_in_s
    assert held_for is not None
    assert 0 < held_for <= 1.0

    await queue.mark(a_sweep())
    assert await queue.claim() is None, "a sweep does not end the back-off"
    await queue.mark(a_mark(ends_backoff=True))
    claim = await claimed(queue)
    assert claim.crashes == 2
    await queue.done(claim)
    async with valkey.client() as client:
        assert not await client.exists("{wq}:crash")


async def test_back_off_holds_sweeps_but_not_a_new_wish(queue: Queue) -> None:
    await queue.mark(a_mark())
    await queue.done(await claimed(queue), Again(60, why="retry", not_before_s=60))

    await queue.mark([a_sweep(), a_mark()])
    assert await queue.claim() is None
    await queue.mark(a_mark(why="manual", ends_backoff=True))
    assert (await claimed(queue)).why == "manual"


async def test_a_wish_made_during_a_failing_run_is_not_held_by_its_back_off(queue: Queue) -> None:
    await queue.mark(a_mark())
    failing = await claimed(queue)
    await queue.mark(a_mark(ends_backoff=True, hints={"after": "fix"}))
    await queue.done(failing, Again(60, why="retry", not_before_s=60))

    assert (await claimed(queue)).hints == {"after": "fix", "why": "push"}


async def test_a_sweep_marked_during_a_failing_run_waits_for_its_back_off(queue: Queue) -> None:
    await queue.mark(a_mark())
    failing = await claimed(queue)
    await queue.mark(a_sweep())
    await queue.done(failing, Again(None, not_before_s=60))

    assert await queue.claim() is None
    assert (await queue.state()).later == 1


async def test_back_off_ends_with_time(queue: Queue) -> None:
    await queue.mark(a_mark())
    await queue.done(await claimed(queue), Again(0, why="retry", not_before_s=0.1))
    assert await queue.claim() is None
    assert (await soon(queue)).why == "retry"


async def test_a_run_that_waits_lets_go_and_is_called_again(queue: Queue) -> None:
    await queue.mark(a_mark())
    await queue.done(await claimed(queue), Again(0.1, hints={"step": "2"}))

    assert queue.timer_set.is_set()
    assert await queue.claim() is None
    assert (await soon(queue)).hints == {"step": "2", "why": "wait"}


async def test_the_earlier_due_time_wins(queue: Queue) -> None:
    await queue.mark(a_mark(due_in_s=60))
    assert await queue.claim() is None
    await queue.mark(a_mark())
    await queue.mark(a_mark(due_in_s=60))
    await queue.done(await claimed(queue))
    assert await queue.claim() is None
    assert (await queue.state()).later == 0


async def test_interactive_comes_first_and_every_eighth_claim_is_background(queue: Queue) -> None:
    await queue.mark([a_mark(f"apps/push-{n}") for n in range(20)] + [a_sweep(f"apps/sweep-{n}") for n in range(20)])
    lanes = ["b" if (await claimed(queue)).background else "i" for _ in range(16)]
    assert "".join(lanes) == "iiiiiiib" * 2


async def test_a_sweep_does_not_hide_what_a_push_said(queue: Queue) -> None:
    await queue.mark(a_mark(hints={"after": "c0ffee", "delivery": "1"}))
    await queue.mark(a_sweep())
    await queue.mark(a_mark(hints={"after": "decaf"}))
    claim = await claimed(queue)
    assert claim.hints == {"after": "decaf", "delivery": "1", "why": "push"}
    assert claim.why == "push"


async def test_hints_stay_bounded(queue: Queue) -> None:
    for n in range(100):
        await queue.mark(a_mark(hints={f"after refs/heads/{n}": "x" * 200}))
    claim = await claimed(queue)
    assert claim.hints["after refs/heads/99"]
    assert sum(map(len, claim.hints.values())) < 4096

    await queue.mark([a_mark("apps/long", hints={"after": "x" * 5000}), a_mark("apps/odd", hints={"after": "\ud800"})])
    assert (await claimed(queue)).hints == {"why": "push"}
    assert (await claimed(queue)).hints == {"why": "push"}


async def test_running_and_dirty_keys_never_hide_a_due_one(valkey: Valkey) -> None:
    queue = Queue(valkey.url, lease_s=60)
    busy = [f"apps/busy-{n:03}" for n in range(250)]
    await queue.mark([a_mark(key) for key in busy])
    for _ in busy:
        await claimed(queue)
    await queue.mark([a_mark(key) for key in busy])
    await queue.mark(a_mark("apps/free"))

    assert (await claimed(queue)).key == "apps/free"
    await queue.close()


async def test_a_group_never_runs_more_than_its_limit(valkey: Valkey) -> None:
    queue = Queue(valkey.url, lease_s=15, limits={"cluster": 2, "repo": 10})
    both = "repo:charts cluster:prod"
    await queue.mark([a_mark(f"apps/prod-{n}", group=both) for n in range(4)])
    await queue.mark(a_mark("apps/staging", group="repo:charts cluster:staging"))

    running = [await claimed(queue) for _ in range(3)]
    assert [claim.key for claim in running] == ["apps/prod-0", "apps/prod-1", "apps/staging"]
    assert await queue.claim() is None
    await queue.done(running[0])
    assert (await claimed(queue)).key == "apps/prod-2"
    # The others never report: what counts as running ends with the lease.
    await valkey.end_leases()
    back = await claimed(queue)
    assert back.key.startswith("apps/prod")
    await queue.close()


async def test_a_worker_may_hold_back_single_groups(valkey: Valkey) -> None:
    queue = Queue(valkey.url, lease_s=15, limits={"cluster": 2})
    await queue.mark(
        [a_mark(f"apps/{name}-{n}", group=f"cluster:{name}") for name in ("far", "near") for n in range(3)]
    )
    limits = {"cluster:far": 0, "cluster:near": 1}
    claim = await queue.claim(limits=limits)
    assert claim is not None
    assert (claim.key, claim.groups) == ("apps/near-0", ("cluster:near",))
    assert await queue.claim(limits=limits) is None
    assert [(await claimed(queue)).key for _ in range(3)] == ["apps/far-0", "apps/far-1", "apps/near-1"]
    await queue.close()


async def test_a_worker_claims_only_the_kinds_it_asks_for(queue: Queue) -> None:
    await queue.mark([a_mark(), Mark("repository", "github.com/org/charts", "push")])
    claim = await queue.claim(["repository", "inspect"])
    assert claim is not None
    assert (claim.kind, claim.key) == ("repository", "github.com/org/charts")
    assert await queue.claim(["repository", "inspect"]) is None


async def test_nothing_is_left_behind_when_all_is_done(queue: Queue, valkey: Valkey) -> None:
    for n in range(3):
        await queue.mark(a_mark(f"apps/{n}", group="cluster:prod", hints={"after": "1"}))
        await queue.done(await claimed(queue))
    async with valkey.client() as client:
        kept = {key.decode() for key in await client.keys("{wq}:*")}
    assert kept <= {"{wq}:seq", "{wq}:turn", "{wq}:woken"}


async def test_dropping_forgets_waiting_marks_but_not_later_ones(queue: Queue) -> None:
    await queue.mark([a_mark(), a_sweep()])
    await queue.drop(*APP)
    assert await queue.claim() is None

    await queue.mark(a_mark())
    running = await claimed(queue)
    await queue.mark(a_mark())
    await queue.drop(*APP)
    await queue.mark(a_mark(hints={"after": "born again"}))
    assert await queue.done(running), "a running claim goes on"
    assert (await claimed(queue)).hints["after"] == "born again"


async def test_a_claim_handed_back_is_due_at_once_with_its_hints(queue: Queue) -> None:
    await queue.mark(a_mark(why="manual", hints={"delivery": "7"}))
    assert await queue.hand_back(await claimed(queue))
    claim = await claimed(queue)
    assert (claim.why, claim.hints["delivery"], claim.crashes) == ("manual", "7", 0)


async def test_the_state_tells_depth_age_and_the_next_due_time(queue: Queue) -> None:
    empty = await queue.state()
    assert (empty.interactive, empty.background, empty.later, empty.running) == (0, 0, 0, 0)
    assert (empty.oldest_age_s, empty.next_due_in_s, empty.waking) == (0, None, False)

    await queue.mark([a_mark("apps/1"), a_sweep("apps/2"), a_mark("apps/3", due_in_s=50)])
    state = await queue.state()
    assert (state.interactive, state.background, state.later, state.running) == (1, 1, 1, 0)
    assert state.waking
    assert state.next_due_in_s is not None
    assert -5 < state.next_due_in_s <= 0
    await claimed(queue)
    await claimed(queue)
    state = await queue.state()
    assert state.running == 2
    assert state.next_due_in_s is not None
    assert 0 < state.next_due_in_s <= 15, "the end of a lease is a due time as well"


async def test_an_epoch_begins_once(queue: Queue) -> None:
    assert (await queue.state()).epoch == ""
    first, second = await queue.begin_filling(), await queue.begin_filling()
    assert (await queue.state()).epoch == "", "not before everything is marked"
    epoch = await queue.filled(first)
    assert epoch
    assert await queue.filled(second) == epoch
    assert (await queue.state()).epoch == epoch


async def test_a_queue_emptied_while_it_is_filled_begins_no_epoch(queue: Queue, valkey: Valkey) -> None:
    note = await queue.begin_filling()
    async with valkey.client() as client:
        await client.flushall()
    assert await queue.filled(note) is None
    assert (await queue.state()).epoch == ""


async def test_a_delivery_is_new_only_once(queue: Queue) -> None:
    assert not await queue.noted("github 72d3162e")
    assert await queue.noted("github 72d3162e")
    again = [queue.noted(name) for name in ("a", "b", "a", "github 72d3162e")]
    assert await asyncio.gather(*again) == [False, False, True, True]


async def test_only_so_many_deliveries_are_kept_and_none_for_long(
    queue: Queue, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*(queue.noted(str(number)) for number in range(50)))
    async with valkey.client() as client:
        assert await client.zcard("{wq}:seen") == 50
        await client.zadd("{wq}:seen", {f"{number:032}": number for number in range(MAX_SEEN)})
        assert await queue.noted("7")
        assert await client.zcard("{wq}:seen") == MAX_SEEN
    monkeypatch.setattr("jobs.enqueue.SEEN_S", 0.0)
    assert not await queue.noted("7")


async def test_a_question_gets_the_answer_of_the_worker(queue: Queue) -> None:
    asking = asyncio.create_task(queue.ask("application", "apps/web", '{"what":"tree"}'))
    claim = await soon(queue)
    question = Inspection.of(claim)
    assert (question.kind, question.key, question.request) == (*APP, '{"what":"tree"}')
    await queue.answer(question.reply, b"<tree>")
    assert await asking == b"<tree>"
    await queue.done(claim)


async def test_a_question_nobody_answers_leaves_no_work_behind(queue: Queue) -> None:
    assert await queue.ask("application", "apps/web", "{}", timeout_s=0.05) is None
    assert await queue.claim() is None


async def test_two_questions_about_one_application_are_two_answers(queue: Queue) -> None:
    asking = [asyncio.create_task(queue.ask(*APP, request)) for request in ("one", "two")]
    for _ in asking:
        claim = await soon(queue)
        question = Inspection.of(claim)
        await queue.answer(question.reply, question.request.encode() + b"!")
        await queue.done(claim)
    assert await asyncio.gather(*asking) == [b"one!", b"two!"]


async def test_a_storm_of_marks_needs_one_wake_up(queue: Queue, valkey: Valkey) -> None:
    await asyncio.gather(*(queue.mark(a_mark(f"apps/{n}")) for n in range(500)))
    assert (await queue.state()).interactive == 500
    await until(lambda: jobs_queued(valkey))
    assert await jobs_queued(valkey) == 1, "all found a wake-up under way"
    await claimed(queue)  # from here on a new mark may find everybody asleep again
    await queue.mark(a_mark("apps/late"))

    async def woken_again() -> bool:
        return await jobs_queued(valkey) == 2

    await until(woken_again)


async def jobs_queued(valkey: Valkey) -> int:
    async with valkey.client() as client:
        return int(await client.zcard("pilothouse:arq"))


async def test_arq_jobs_carry_no_pickle(queue: Queue, valkey: Valkey) -> None:
    await queue.wake()
    async with valkey.client() as client:
        (key,) = await client.keys("arq:job:*")
        assert b"run_until_empty" in await client.get(key)
        assert not (await client.get(key)).startswith(b"\x80"), "the first byte of every pickle"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "cluster"},
        {"why": "because"},
        {"key": ""},
        {"key": "a\nb"},
        {"key": "\ud800"},
        {"key": "x" * 2000},
        {"group": "a\nb"},
    ],
)
def test_what_is_no_mark_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"must|mark"):
        Mark(**({"kind": "application", "key": "apps/web", "why": "push"} | wrong))  # type: ignore[arg-type]


async def test_a_held_claim_is_renewed_while_the_work_goes_on(valkey: Valkey) -> None:
    queue = Queue(valkey.url, lease_s=2)  # longer than a busy machine keeps a process waiting
    await queue.mark(a_mark())
    claim = await claimed(queue)
    async with claim.held(), claim.held():
        await asyncio.sleep(2.5)
        claim.require()
        assert await queue.claim() is None
    assert await queue.done(claim)
    await queue.close()


async def test_a_claim_taken_away_cancels_the_work(queue: Queue, valkey: Valkey) -> None:
    await queue.mark(a_mark())
    claim = await claimed(queue)
    with pytest.raises(LostClaim, match="taken over"):
        await wiped_while_working(claim, valkey)
    with pytest.raises(LostClaim):
        claim.require()


async def wiped_while_working(claim: Claim, valkey: Valkey) -> None:
    async with claim.held():
        async with valkey.client() as client:
            await client.flushall()
        await asyncio.sleep(30)
