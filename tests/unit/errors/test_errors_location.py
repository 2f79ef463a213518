from penstock.errors.location import code_path


def fails_on(text: str) -> None:
    try:
        int(text)
    except ValueError as error:
        raise RuntimeError("no number: " + text) from error


def test_a_code_path_says_what_failed_and_where_but_nothing_of_the_message() -> None:
    try:
        fails_on("what somebody looked for")
    except RuntimeError as error:
        told = code_path(error)
    outer, because, inner = told.partition(", because of ")
    assert outer.startswith("RuntimeError in test_errors_location.fails_on:")
    assert " < test_errors_location.test_a_code_path_says" in outer
    assert because
    assert inner.startswith("ValueError in test_errors_location.fails_on:")
    assert "somebody" not in told
