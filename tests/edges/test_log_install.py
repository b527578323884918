"""Whatever would print by itself ends up in our log, redacted."""

import asyncio
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from proxy.config.schema import LogSettings
from proxy.edges.log_install import install
from proxy.edges.log_lines import Lines
from proxy.edges.logs import Logs
from tests.support.log_pipe import SECRET, Pipe

LOUD = f"quoting {SECRET.decode()}"


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def loop(pipe: Pipe) -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    undo = install(Logs(LogSettings(), Lines(pipe.into), pipe.redactor.text, lambda: pipe.wall), loop)
    yield loop
    undo()
    loop.close()


def raised() -> ValueError:
    try:
        raise ValueError(LOUD)
    except ValueError as error:
        return error


def test_a_librarys_line_is_ours_with_its_value_redacted(pipe, loop):
    logging.getLogger("some.library").warning("about %s", SECRET.decode())
    (line,) = pipe.lines()
    assert (line["level"], line["logger"], line["text"]) == ("warning", "some.library", "about [redacted stripe_key]")


def test_a_librarys_chatter_is_not_wanted(pipe, loop):
    logging.getLogger("some.library").info("x")
    assert pipe.lines() == []


def test_a_librarys_exception_is_told_without_its_message(pipe, loop):
    logging.getLogger("some.library").error("failed", exc_info=raised())
    (line,) = pipe.lines()
    assert (line["text"], line["error"], line["trace"]) == ("failed", "ValueError", [])


def test_arguments_that_do_not_fit_the_message_break_nothing(pipe, loop):
    record = logging.makeLogRecord({"msg": "only %d", "args": ("text",), "levelno": logging.ERROR})
    logging.getLogger().handlers[0].handle(record)  # the runner's own handler would not bear it
    assert pipe.lines()[0]["text"] == "only %d"


def test_a_crash_is_one_line_without_message(pipe, loop):
    error = raised()
    sys.excepthook(type(error), error, error.__traceback__)
    (line,) = pipe.lines()
    assert (line["event"], line["where"], line["error"]) == ("bug", "main", "ValueError")


def test_an_interrupt_by_keyboard_is_no_crash(pipe, loop):
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert pipe.lines() == []


def test_a_thread_that_dies_says_so(pipe, loop):
    def die() -> None:
        raise ValueError(LOUD)

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    assert pipe.lines()[0]["where"] == "thread"


def test_a_warning_is_a_line_and_redacted(pipe, loop):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        undo = warnings.showwarning
        warnings.warn(LOUD, RuntimeWarning, stacklevel=1)
        assert warnings.showwarning is undo
    (line,) = pipe.lines()
    assert (line["kind"], line["text"]) == ("RuntimeWarning", "quoting [redacted stripe_key]")


def test_what_the_loop_complains_about_is_a_line_without_message_or_arguments(pipe, loop):
    error = raised()
    loop.call_exception_handler({"message": "it broke", "exception": error, "handle": LOUD})
    (line,) = pipe.lines()
    assert (line["event"], line["text"], line["error"]) == ("loop", "it broke", "ValueError")
    assert "quoting" not in str(line)


def test_all_is_put_back_as_it_was(pipe):
    before = (
        logging.getLogger().handlers,
        sys.excepthook,
        threading.excepthook,
        sys.unraisablehook,
        warnings.showwarning,
    )
    loop = asyncio.new_event_loop()
    install(pipe.logs(), loop)()
    loop.close()
    after = (
        logging.getLogger().handlers,
        sys.excepthook,
        threading.excepthook,
        sys.unraisablehook,
        warnings.showwarning,
    )
    assert before == after
