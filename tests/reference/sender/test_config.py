"""The configuration refuses what can't work, says what would, and keeps the token to itself."""

from __future__ import annotations

import dataclasses
import math
import ssl
import traceback
from typing import Any

import pytest

from reference.sender import ConfigError, EventStreamSender, SenderConfig, SenderError
from tests.reference.sender.driving import TOKEN, URL

OVER_ALL_FLOATS = pytest.param(10**400, id="over all floats")
COUNTS = ["max_buffered_events", "max_buffered_bytes", "max_window_events", "max_window_bytes", "max_event_bytes"]
TIMES = ["window_age", "flush_delay", "retry_delay", "max_retry_delay", "request_timeout", "stop_timeout"]
TIMES_THAT_MAY_BE_ZERO = ["window_age", "flush_delay", "stop_timeout"]
TIMES_THAT_MAY_NOT = ["retry_delay", "max_retry_delay", "request_timeout"]


def refusal(**changes: Any) -> ConfigError:
    """The error that a configuration is refused with."""
    with pytest.raises(ConfigError) as caught:
        SenderConfig(**{"url": URL, "token": TOKEN, **changes})
    return caught.value


def as_logged(error: BaseException) -> str:
    """An error as a log shows it, with what it is chained to."""
    return "".join(traceback.format_exception(error))


def test_the_defaults_are_those_of_the_production_sender() -> None:
    """They are the sizes and times that the protocol's description lists."""
    config = SenderConfig(url=URL, token=TOKEN)
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    assert values == {
        "url": URL,
        "token": TOKEN,
        "max_buffered_events": 20_000,
        "max_buffered_bytes": 64_000_000,
        "max_window_events": 900,
        "max_window_bytes": 4_000_000,
        "max_event_bytes": 900_000,
        "window_age": 0.0,
        "flush_delay": 0.0,
        "retry_delay": 1.0,
        "max_retry_delay": 30.0,
        "max_retry_after": 3_600.0,
        "settle_delay": 0.1,
        "final_after": 300.0,
        "request_timeout": 10.0,
        "stop_timeout": 30.0,
        "ssl_context": None,
        "proxy": None,
        "trust_env": False,
        "route": None,
    }


def test_a_configuration_can_not_be_changed() -> None:
    """What was checked stays true."""
    config = SenderConfig(url=URL, token=TOKEN)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.url = "ftp://elsewhere"  # type: ignore[misc]


def test_a_config_error_is_a_sender_error_and_a_value_error() -> None:
    """Whoever catches either is served."""
    error = refusal(max_window_events=0)
    assert isinstance(error, SenderError)
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("value", [0, -1, True, 1.0, "1", None, math.nan])
@pytest.mark.parametrize("field", COUNTS)
def test_a_count_is_a_whole_number_from_one(field: str, value: object) -> None:
    """Zero, less, and whatever isn't an integer are refused, naming field, value and what would be right."""
    error = refusal(**{field: value})
    assert (error.field, error.expected) == (field, "a whole number, 1 or more")
    assert repr(error.value) == repr(value)
    assert str(error) == f"{field}={value!r}: expected a whole number, 1 or more"


@pytest.mark.parametrize("value", [-1, -0.001, True, False, "1", None, math.nan, math.inf, -math.inf, OVER_ALL_FLOATS])
@pytest.mark.parametrize("field", TIMES)
def test_a_time_is_a_finite_number_of_seconds(field: str, value: object) -> None:
    """Negative, endless and non-numbers are refused, also an integer that no float can hold."""
    error = refusal(**{field: value})
    assert error.field == field
    assert repr(error.value) == repr(value)
    assert error.expected.startswith("seconds as a finite number")


@pytest.mark.parametrize("zero", [0, 0.0])
@pytest.mark.parametrize("field", TIMES_THAT_MAY_NOT)
def test_a_time_that_something_takes_is_not_zero(field: str, zero: float) -> None:
    """A request without time is no request, and a delay without time is a hot loop."""
    error = refusal(**{field: zero})
    assert (error.field, error.value) == (field, zero)
    assert error.expected.endswith("more than 0")


@pytest.mark.parametrize("zero", [0, 0.0])
@pytest.mark.parametrize("field", TIMES_THAT_MAY_BE_ZERO)
def test_a_time_that_may_pass_at_once_may_be_zero(field: str, zero: float) -> None:
    """No age is a batch, no delay is at once, and no drain is giving up."""
    changes: Any = {field: zero}
    assert getattr(SenderConfig(url=URL, token=TOKEN, **changes), field) == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "an http or https URL"),
        (b"http://events.example/", "an http or https URL"),
        ("", "an http or https URL"),
        ("events.example/ingest", "an http or https URL"),
        ("//events.example/ingest", "an http or https URL"),
        ("http://events.example/a b", "an http or https URL"),
        ("http://events.example/\n", "an http or https URL"),
        (" http://events.example/", "an http or https URL"),
        ("\0http://events.example/", "an http or https URL"),
        ("http://events.example/\x7f", "an http or https URL"),
        ("http://events.example/\ud800", "an http or https URL"),
        ("ftp://events.example/", "the scheme http or https"),
        ("events.example:80/ingest", "the scheme http or https"),
        ("http:events.example", "a URL with a host"),
        ("http:///ingest", "a URL with a host"),
        ("http://events.example:0/", "a URL with a host"),
        ("http://:80/", "a URL with a host"),
        ("http://events.example:65536/", "a URL, such as"),
        ("http://events.example:http/", "a URL, such as"),
        ("http://[::1/", "a URL, such as"),
        ("http://events.example/#part", "a URL without a fragment"),
    ],
)
def test_a_url_that_can_not_be_posted_to_is_refused(url: object, expected: str) -> None:
    """The error shows it, and says what about it would be right."""
    error = refusal(url=url)
    assert (error.field, error.value) == ("url", url)
    assert error.expected.startswith(expected)


@pytest.mark.parametrize(
    "url",
    [
        "http://events.example",
        "HTTPS://events.example/ingest?part=1",
        "http://127.0.0.1:1/x",
        "http://[::1]:65535/x",
        "http://events.example/v1/runs/a%2Fb@c/ingest",
    ],
)
def test_a_url_with_a_host_is_taken(url: str) -> None:
    """In any writing that HTTP knows, and as it is."""
    assert SenderConfig(url=url, token=TOKEN).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://user:pass-word@events.example/",
        "http://pass-word@events.example/",
        "http://:pass-word@events.example/",
        "http://user:pass-word@events.example:65536/",
        "http://user:pass-word@[::1/",
        "http://user:pass-word@events.example\u2100/",
        "http://us er:pass-word@events.example/",
        "ftp://user:pass-word@events.example/",
        "user:pass-word@events.example/",
        "http://user:pass/word-pass-word@events.example/",
        b"http://user:pass-word@events.example/",
    ],
)
def test_the_password_in_a_url_is_never_shown(url: object) -> None:
    """Such a URL is refused, whatever else is wrong with it, and neither the error nor its causes show it."""
    error = refusal(url=url)
    assert error.field == "url"
    assert "pass-word" not in as_logged(error)
    assert "pass-word" not in repr(error.value)


@pytest.mark.parametrize(
    ("token", "shown", "expected"),
    [
        (None, "<NoneType>", "a string"),
        (b"secret", "<bytes>", "a string"),
        (17, "<int>", "a string"),
        ("", "", "a token that isn't empty"),
        ("secret\n", "<hidden>", "printable ASCII without spaces, as an HTTP header carries it"),
        ("secret\r\nX-Injected: 1", "<hidden>", "printable ASCII without spaces, as an HTTP header carries it"),
        ("secret token", "<hidden>", "printable ASCII without spaces, as an HTTP header carries it"),
        ("sécret", "<hidden>", "printable ASCII without spaces, as an HTTP header carries it"),
        ("secret\x7f", "<hidden>", "printable ASCII without spaces, as an HTTP header carries it"),
    ],
)
def test_a_token_that_no_header_carries_is_refused_unseen(token: object, shown: str, expected: str) -> None:
    """The error says what is wrong with it, and shows no part of it."""
    error = refusal(token=token)
    assert (error.field, error.value, error.expected) == ("token", shown, expected)
    assert "secret" not in as_logged(error)
    assert "sécret" not in as_logged(error)


@pytest.mark.parametrize("context", ["certificates.pem", True, False])
def test_an_ssl_context_is_one(context: object) -> None:
    """A path or a switch is refused here, and not by the sending task."""
    error = refusal(ssl_context=context)
    assert (error.field, error.value, error.expected) == ("ssl_context", context, "an ssl.SSLContext or None")


def test_an_ssl_context_of_your_own_is_taken() -> None:
    """It is what certificates of your own come in."""
    context = ssl.create_default_context()
    assert SenderConfig(url=URL, token=TOKEN, ssl_context=context).ssl_context is context


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"max_event_bytes": 19}, "max_event_bytes", "at least 20, the line of an empty event"),
        (
            {"max_event_bytes": 100, "max_window_bytes": 100},
            "max_window_bytes",
            "more than max_event_bytes=100, so that the largest event and its newline fit",
        ),
        (
            {"max_event_bytes": 100, "max_buffered_bytes": 99},
            "max_buffered_bytes",
            "at least max_event_bytes=100, so that the largest event fits",
        ),
        (
            {"retry_delay": 2.0, "max_retry_delay": 1.5},
            "max_retry_delay",
            "at least retry_delay=2.0, since delays grow",
        ),
    ],
)
def test_limits_that_do_not_fit_together_are_refused(changes: dict[str, Any], field: str, expected: str) -> None:
    """What one limit lets in must have room within the others."""
    error = refusal(**changes)
    assert (error.field, error.value, error.expected) == (field, changes[field], expected)


def test_limits_that_just_fit_are_taken() -> None:
    """The boundaries themselves work."""
    SenderConfig(
        url=URL,
        token=TOKEN,
        max_event_bytes=20,
        max_window_bytes=21,
        max_buffered_bytes=20,
        retry_delay=2.0,
        max_retry_delay=2.0,
    )


def test_the_token_is_in_no_repr() -> None:
    """Neither the configuration shows it, nor the sender."""
    config = SenderConfig(url=URL, token=TOKEN)
    sender = EventStreamSender(config)
    assert URL in repr(config)
    assert repr(sender) == f"<EventStreamSender {URL} healthy>"
    assert TOKEN not in repr(config)
    assert TOKEN not in repr(sender)


@pytest.mark.parametrize("changes", [{"url": "ftp://x"}, {"max_window_events": 0}, {"ssl_context": "line"}])
def test_the_token_is_in_no_error_about_another_field(changes: dict[str, Any]) -> None:
    """Nor in what a log shows of it."""
    assert TOKEN not in as_logged(refusal(**changes))
