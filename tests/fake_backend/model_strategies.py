"""What Hypothesis draws traffic from: mostly what senders send, and everything that they shouldn't."""

import json
from typing import Final

from hypothesis import strategies as st

from fake_backend import Limits
from tests.fake_backend.model_traffic import COMPLETION, EVENT, RUNS, Exchange, Leave, LineSpec, RequestSpec

ODD_LINES: Final = (
    # White space, to JSON and to others.
    b"",
    b" \t\r ",
    b"\x0b\x0c",
    b"\x1c",
    "\N{NO-BREAK SPACE}".encode(),
    b"\x0c" + EVENT + "\N{NO-BREAK SPACE}".encode(),
    b" \t" + EVENT + b" \r\t",
    "\N{ZERO WIDTH NO-BREAK SPACE}".encode(),
    "\N{ZERO WIDTH NO-BREAK SPACE}".encode() + EVENT,
    # Not UTF-8: a stray byte, a surrogate, an overlong slash, a cut-off letter, and all of it not JSON either.
    b'{"seq": @, "event": {"n": "\xff"}}',
    b'{"seq": @, "event": {"n": "\xed\xa0\x80"}}',
    b'{"seq": @, "event": {"n": "\xc0\xaf"}}',
    b'{"seq": @, "event": {}} \xc3',
    b"\xfe\xff{",
    # Not JSON.
    b'{"seq": @, "event": {}',
    b'{"seq": @, "event": {}}}',
    b'{"seq": @, "event": {}} {"seq": 1, "event": {}}',
    b'{"seq": @, "event": {}}\r{"seq": 1, "event": {}}',
    b'{"seq": @, "event": {},}',
    b"{'seq': @, 'event': {}}",
    b'{"seq": 0@, "event": {}}',
    b'{"seq": +@, "event": {}}',
    b'{"seq": @, "event": {"n": NaN}}',
    b'{"seq": @, "event": {"n": -Infinity}}',
    b'{"seq": NaN, "event": {}}',
    b'{"seq": @, "event": {"n": "\t"}}',
    b'{"seq": @, "event": {"n": "\\x41"}}',
    b'{"seq": @, "event": {"n": .5}}',
    b"nul",
    # Not an object.
    b"[]",
    b"null",
    b"@",
    b'"seq"',
    b'[{"seq": @, "event": {}}]',
    # A number that is none.
    b'{"event": {}}',
    b'{"seq": null, "event": {}}',
    b'{"seq": 0, "event": {}}',
    b'{"seq": -0, "event": {}}',
    b'{"seq": -@, "event": {}}',
    b'{"seq": @.0, "event": {}}',
    b'{"seq": @e0, "event": {}}',
    b'{"seq": "@", "event": {}}',
    b'{"seq": [@], "event": {}}',
    b'{"seq": true, "event": {}}',
    b'{"seq": false, "event": {}}',
    b'{"seq": 1e999, "event": {}}',
    b'{"seq": 1' + b"0" * 30 + b', "event": {}}',
    b'{"seq": 1' + b"0" * 5_000 + b', "event": {}}',
    # An event that is none.
    b'{"seq": @}',
    b'{"seq": @, "event": null}',
    b'{"seq": @, "event": [{}]}',
    b'{"seq": @, "event": "{}"}',
    b'{"seq": true, "event": 1}',
    b"{}",
    # Events that look odd.
    b'{"event":{},"seq":@}',
    b'{"seq": @, "event": {}, "type": "event", "final_seq": true}',
    b'{"seq": @, "event": {"type": "_posthog/stream_complete", "final_seq": 1}}',
    b'{"seq": @, "event": {"n": 12345678901234567890123, "m": -0.0, "e": 1E400, "": []}}',
    b'{"seq": @, "event": {"n": 123456789012345678901234567890.5e-3, "t": true}}',
    '{"seq": @, "event": {"é\u2028\x85\x1c": "\u2029\U0001f600"}}'.encode().replace(b"\x1c", b" "),
    b'{"seq": @, "event": {"n": "\\ud83d\\ude00\\u0000\\n"}}',
    b'{"seq": @, "event": {"n": "\\ud800"}}',
    b'{"s\\u0065q": @, "event": {"\\udc00": 1}}',
    b'{"seq": @, "event": {"n": 1, "n": 2}}',
    b'{"seq": @, "seq": 1, "event": {}}',
    b'{"seq": true, "seq": @, "event": 1, "event": {}}',
    b'{"seq": @, "event": {"n": ' + b"[" * 90 + b"]" * 90 + b"}}",
    b'{"seq": @, "event": {"n": ' + b"[" * 900 + b"]" * 900 + b"}}",
    b'{"seq": @, "event": {"n": ' + b'{"a":' * 3_000 + b"1" + b"}" * 3_000 + b"}}",
    b"[" * 3_000,
    b'{"seq": @, "event": {"n": 1' + b"0" * 5_000 + b"}}",
    # Completions.
    COMPLETION,
    b'{"final_seq":#,"more":[],"type":"_posthog/stream_complete"}',
    b'{"type": "_posthog\\/stream_complete", "final_seq": #}',
    b'{"type": "_posthog/stream_complete"}',
    b'{"type": "_posthog/stream_complete", "final_seq": null}',
    b'{"type": "_posthog/stream_complete", "final_seq": true}',
    b'{"type": "_posthog/stream_complete", "final_seq": #.0}',
    b'{"type": "_posthog/stream_complete", "final_seq": "#"}',
    b'{"type": "_posthog/stream_complete", "final_seq": -1}',
    b'{"type": "_posthog/stream_complete", "final_seq": -0}',
    b'{"type": "_posthog/stream_complete", "final_seq": 9999999999999999999999}',
    b'{"type": "_posthog/stream_complete", "final_seq": #, "final_seq": 7}',
    b'{"type": "_posthog/stream_complete", "final_seq": #, "seq": @, "event": {}}',
    b'{"type": "_posthog/stream_complete", "seq": @, "event": {}}',
    b'{"type": "_POSTHOG/STREAM_COMPLETE", "final_seq": #}',
    b'{"type": "stream_complete", "final_seq": #}',
    b'{"type": ["_posthog/stream_complete"], "final_seq": #}',
)
"""Lines at the edges of what the protocol, UTF-8 and JSON say."""

_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def _events(draw: st.DrawFn) -> bytes:
    event = draw(st.dictionaries(st.text(max_size=3), _JSON, max_size=3))
    text = json.dumps(event, ensure_ascii=draw(st.booleans()))
    return b'{"seq": @, "event": %s}' % text.encode().replace(b"@", b"a").replace(b"#", b"h")


_ENDINGS: Final = st.sampled_from((b"\n", b"\n", b"\n", b"\r\n", b"\n \n", b"\n\n", b""))
_STEPS: Final = st.sampled_from((0, 0, 0, 0, 0, -1, -2, 1, 2, 2**53, 2**64))

LINES: Final = st.one_of(
    st.builds(LineSpec),
    st.builds(LineSpec, st.just(EVENT), _STEPS, _ENDINGS),
    st.builds(LineSpec, _events(), _STEPS, _ENDINGS),
    st.builds(LineSpec, st.just(COMPLETION), _STEPS, _ENDINGS),
    st.builds(LineSpec, st.sampled_from(ODD_LINES), _STEPS, _ENDINGS),
    st.builds(
        LineSpec,
        st.sampled_from((EVENT, COMPLETION, b"")),
        st.just(0),
        _ENDINGS,
        st.tuples(st.sampled_from(("line", "request")), st.integers(-2, 2)),
    ),
    st.builds(
        LineSpec,
        st.sampled_from((EVENT, COMPLETION)),
        st.just(0),
        _ENDINGS,
        st.none(),
        st.tuples(st.integers(0, 60), st.integers(0, 255)),
    ),
)

_BODIES: Final = st.lists(LINES, max_size=5).map(tuple)
_CHUNKS: Final = st.lists(st.integers(1, 60), max_size=3).map(tuple)
_CUTS: Final = st.lists(st.integers(1, 400), max_size=4).map(tuple)
_RUNS: Final = st.sampled_from(("a", *RUNS))
_LEAVES: Final = st.builds(Leave, st.integers(0, 500), st.sampled_from(("close", "half-close", "abort")), st.booleans())

WINDOWS: Final = st.builds(RequestSpec, lines=_BODIES, chunks=_CHUNKS, cuts=_CUTS)
"""Requests as senders make them, but for their lines."""

_HEADS: Final = st.builds(
    RequestSpec,
    lines=st.sampled_from(((), (LineSpec(),))),
    method=st.sampled_from(("POST", "POST", "GET", "PUT", "DELETE", "OPTIONS", "PATCH")),
    path=st.sampled_from(
        (
            "/v1/runs/{}/ingest",
            "/api/projects/1/tasks/t%2Ft/runs/{}/event_stream/",
            "/api/projects/1/tasks/t%2Ft/runs/{}/event_stream",
            "/v1/runs/{}/ingest/",
            "/v1/runs/{}/ingest?of=more",
        )
    ),
    run=_RUNS,
    authorization=st.sampled_from(
        (
            "Bearer any",
            "Bearer only-a",
            "Bearer bad",
            "Bearer",
            "bearer any",
            "Bearer  any",
            "Bearer any more",
            "Beareranyway",
            "Basic any",
            "",
            None,
        )
    ),
    chunks=_CHUNKS,
)
_OLD_COMPLETIONS: Final = st.builds(
    RequestSpec,
    lines=st.sampled_from(((), (), (), (LineSpec(),), (LineSpec(b" "),))),
    complete=st.sampled_from(("true", "true", "true", "TRUE", "1", "false", "", None)),
    final_seq=st.sampled_from(
        ("#", "#", "#", "0", "1", "9", "-1", "+0", "00", "0_0", "1.0", "1e0", "x", "", "\u0660", None)
    ),
    chunks=_CHUNKS,
    cuts=_CUTS,
)
_CUT_OFF: Final = st.builds(RequestSpec, lines=_BODIES, chunks=_CHUNKS, cuts=_CUTS, leave=_LEAVES)
_GARBLED: Final = st.builds(
    RequestSpec, lines=_BODIES, chunks=st.just((1_000,)) | _CHUNKS.filter(bool), cuts=_CUTS, garble=st.integers(0, 200)
)

_FRAMED: Final = st.one_of(WINDOWS, WINDOWS, _HEADS, _OLD_COMPLETIONS, _CUT_OFF)


def _exchanges_of(requests: st.SearchStrategy[RequestSpec]) -> st.SearchStrategy[Exchange]:
    return st.one_of(
        st.builds(Exchange, st.tuples(requests)),
        st.builds(Exchange, st.tuples(requests)),
        st.builds(Exchange, st.tuples(requests, requests), st.lists(st.integers(0, 1), max_size=6).map(tuple)),
    )


EXCHANGES: Final = _exchanges_of(st.one_of(_FRAMED, _GARBLED))

FRAMED_EXCHANGES: Final = _exchanges_of(_FRAMED)
"""Without requests of which it is open when they end, since their framing makes no sense."""

LIMITS: Final = st.just(Limits(max_line_bytes=200_000, max_request_bytes=400_000)) | st.builds(
    Limits,
    max_line_bytes=st.integers(1, 120) | st.just(1_000),
    max_request_bytes=st.integers(1, 300),
    max_request_events=st.integers(1, 4),
)
"""Limits that nothing in the traffic reaches by itself, or that much does."""
