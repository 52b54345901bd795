from execution.rehearsal.conversation import Turn
from execution.rehearsal.directives import directed_play
from execution.rehearsal.playbook import NOTHING_LEFT, Answer, Play, Playbook, Refusal
from execution.rehearsal.plays import generic_play

TEA = Play("tea", "make tea", (Answer("water"), Answer("leaves"), Answer("tea")))
PIE = Play("pie", "bake a pie", (Answer("dough"),), then=Answer("more dough"))
BOOK = Playbook((TEA, PIE), directed_play, generic_play)


def test_a_phrase_is_recognised_in_any_case() -> None:
    assert BOOK.play_of("Please Make Tea for two") is TEA


def test_the_phrase_that_stands_first_decides() -> None:
    assert BOOK.play_of("Bake a pie, then make tea") is PIE


def test_a_directive_goes_before_a_phrase() -> None:
    assert BOOK.play_of("make tea [rehearse: text]").name == "directed"


def test_any_other_task_gets_the_generic_play() -> None:
    assert BOOK.play_of("Paint the shed").name == "generic"


def test_a_bad_directive_is_refused_by_the_api() -> None:
    step = BOOK.play_of("[rehearse: fly]").step(3)
    assert isinstance(step, Refusal)
    assert step.status == 400
    assert "[rehearse: fly]" in step.message


def test_the_position_is_the_number_of_answers() -> None:
    assert BOOK.place([Turn("make tea", 2)]).step == Answer("tea")


def test_after_its_steps_a_play_repeats_or_is_over() -> None:
    assert BOOK.place([Turn("bake a pie", 9)]).step == Answer("more dough")
    assert BOOK.place([Turn("make tea", 3)]).step == NOTHING_LEFT


def test_continue_goes_on_with_an_unfinished_play() -> None:
    place = BOOK.place([Turn("make tea", 1), Turn("Continue where you stopped.", 1)])
    assert (place.prompt, place.step) == ("make tea", Answer("tea"))


def test_continue_may_be_said_more_than_once() -> None:
    turns = [Turn("make tea", 0), Turn("continue", 1), Turn("Go on", 1)]
    assert BOOK.place(turns).position == 2


HAND_OVER = "You were interrupted (the service was stopped) while working on this task.\n\n"


def test_a_hand_over_that_repeats_the_task_goes_on_as_well() -> None:
    place = BOOK.place([Turn("make tea", 1), Turn(f"{HAND_OVER}make tea", 0)])
    assert (place.prompt, place.step) == ("make tea", Answer("leaves"))


def test_a_hand_over_in_a_new_conversation_begins_the_play_of_its_task() -> None:
    assert BOOK.place([Turn(f"{HAND_OVER}make tea", 0)]).step == Answer("water")


def test_a_hand_over_of_another_task_begins_that_one() -> None:
    place = BOOK.place([Turn("bake a pie", 2), Turn(f"{HAND_OVER}make tea", 0)])
    assert place.step == Answer("water")


def test_attempts_are_counted_across_a_hand_over() -> None:
    task = "Chore [rehearse: hang x1]"
    first, later = BOOK.place([Turn(task, 0)]), BOOK.place([Turn(HAND_OVER + task, 0)])
    assert first.attempted == later.attempted
    assert first.attempted != BOOK.place([Turn(f"Other {task}", 0)]).attempted


def test_continue_after_a_finished_play_is_a_task_of_its_own() -> None:
    assert BOOK.place([Turn("make tea", 3), Turn("Continue the garden", 0)]).play.name == "generic"


def test_another_task_in_the_same_conversation_begins_its_own_play() -> None:
    place = BOOK.place([Turn("bake a pie", 5), Turn("make tea", 1)])
    assert (place.play, place.step) == (TEA, Answer("leaves"))


def test_a_conversation_without_a_prompt_has_a_place_too() -> None:
    assert BOOK.place([]).play.name == "generic"
