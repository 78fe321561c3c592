import io

from rich.console import Console

from deploy.demo.story import STORY, Did, Saw
from deploy.demo.terminal import WIDTH, Terminal


def shown(*lines: Did | Saw) -> list[str]:
    output = io.StringIO()
    terminal = Terminal(Console(file=output))
    for line in lines:
        terminal.told(line)
    return output.getvalue().splitlines()


def test_what_was_done_is_a_command_and_what_was_seen_has_a_time() -> None:
    did, saw = shown(Did("git push"), Saw("staging runs it", 0.123))
    assert did == "   $ git push"
    assert saw.split() == ["✓", "staging", "runs", "it", "0.12", "s"]


def test_a_long_message_is_folded_and_never_cut() -> None:
    words = [f"word{number}" for number in range(60)]
    lines = shown(Saw(" ".join(words), 1.0))
    assert all(len(line) <= WIDTH for line in lines)
    assert [word for word in " ".join(lines).split() if word.startswith("word")] == words


def test_text_from_the_cluster_is_never_taken_for_markup() -> None:
    assert "[red]boo[/red]" in shown(Saw("[red]boo[/red]"))[0]


async def test_nobody_in_front_of_the_screen_means_no() -> None:
    assert not await Terminal(Console(file=io.StringIO())).ask("Go on?")


def test_every_step_has_a_title_of_its_own() -> None:
    assert len({step.title for step in STORY}) == len(STORY) == 7
