from typing import Any

from execution.rehearsal.conversation import Turn, turns_of, working_directory

REMINDER = "<system-reminder>\nPrimary working directory: /reminded\n</system-reminder>\n"
ENVIRONMENT = "# Environment\n - Primary working directory: /work tree\n - Platform: linux"


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def said(*words: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [text(word) for word in words]}


def used(tool: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "name": tool, "input": {}}]}


def result(content: Any = "ok", *, is_error: bool = False) -> dict[str, Any]:
    return {"type": "tool_result", "content": content, "is_error": is_error}


NOTE = {"role": "system", "content": ENVIRONMENT}
INTERRUPTED = result("[Tool call interrupted: the session ended]", is_error=True)


def test_a_new_conversation_stands_at_its_first_step() -> None:
    assert turns_of([user(text(REMINDER), text("Do it")), NOTE]) == [Turn("Do it", 0)]


def test_a_plain_text_is_a_prompt_as_well() -> None:
    assert turns_of([{"role": "user", "content": "Do it"}]) == [Turn("Do it", 0)]


def test_a_reminder_in_front_of_the_prompt_is_cut_off() -> None:
    assert turns_of([user(text(f"{REMINDER}Do it"))]) == [Turn("Do it", 0)]


def test_every_answer_moves_on_by_one() -> None:
    messages = [user(text("Do it")), NOTE, used("Bash"), user(result()), used("Bash")]
    assert turns_of([*messages, user(result())]) == [Turn("Do it", 2)]


def test_an_answer_split_over_messages_counts_once() -> None:
    messages = [user(text("Do it")), said("I run it."), used("Bash"), user(result())]
    assert turns_of(messages) == [Turn("Do it", 1)]


def test_results_in_separate_messages_do_not_move_on() -> None:
    messages = [user(text("Do it")), used("Read"), user(result()), user(result())]
    assert turns_of(messages) == [Turn("Do it", 1)]


def test_each_prompt_counts_its_own_answers() -> None:
    messages = [user(text("One")), said("done"), user(text("Two")), used("Bash"), user(result())]
    assert turns_of(messages) == [Turn("One", 1), Turn("Two", 1)]


def test_a_prompt_may_share_a_message_with_results() -> None:
    messages = [user(text("One")), used("Bash"), user(result(), text("Continue"))]
    assert turns_of(messages) == [Turn("One", 1), Turn("Continue", 0)]


def test_a_prompt_that_got_no_answer_stays_a_prompt() -> None:
    assert turns_of([user(text("One"), text("Two"))]) == [Turn("One", 0), Turn("Two", 0)]


def test_an_interrupted_tool_leaves_its_step_undone() -> None:
    messages = [user(text("One")), used("Bash"), user(result()), used("Bash"), user(INTERRUPTED)]
    assert turns_of(messages) == [Turn("One", 1)]


def test_several_interrupted_tools_undo_one_step() -> None:
    messages = [
        user(text("One")),
        used("Bash"),
        user(INTERRUPTED),
        user(result()),
        user(INTERRUPTED),
    ]
    assert turns_of(messages) == [Turn("One", 0)]


def test_a_file_that_quotes_an_interruption_undoes_nothing() -> None:
    quoted = result([text("[Tool call interrupted: quoted")])
    assert turns_of([user(text("One")), used("Read"), user(quoted)]) == [Turn("One", 1)]


def test_what_the_program_says_for_either_side_is_left_out() -> None:
    messages = [
        user(text("One")),
        used("Bash"),
        user(result(), text("[Request interrupted by user]")),
        said("No response requested."),
        user(text("Continue")),
    ]
    assert turns_of(messages) == [Turn("One", 1), Turn("Continue", 0)]


def test_answers_before_any_prompt_belong_to_nobody() -> None:
    assert turns_of([said("Hello"), user(text("Do it"))]) == [Turn("Do it", 0)]


def test_the_working_directory_is_read_from_the_environment_note() -> None:
    assert working_directory({"messages": [user(text("Do it")), NOTE]}) == "/work tree"


def test_the_working_directory_may_stand_in_the_system_prompt_or_a_reminder() -> None:
    assert working_directory({"system": ENVIRONMENT, "messages": []}) == "/work tree"
    assert working_directory({"messages": [user(text(REMINDER))]}) == "/reminded"


def test_the_newest_working_directory_holds() -> None:
    moved = {"role": "system", "content": [text("Primary working directory: /new")]}
    assert working_directory({"system": ENVIRONMENT, "messages": [NOTE, moved]}) == "/new"


def test_a_task_cannot_name_the_working_directory() -> None:
    assert working_directory({"messages": [user(text(ENVIRONMENT))]}) is None


def test_what_the_program_puts_where_nothing_was_said_is_no_prompt() -> None:
    """Seen on a resumed session after an interrupted tool."""
    messages = [user(text("Do it")), used("Bash"), user(result(), text("(no content)"))]
    assert turns_of(messages) == [Turn("Do it", 1)]
