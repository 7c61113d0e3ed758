"""Files of faults: what they say, and how their errors read."""

from pathlib import Path

import pytest

from fake_backend import FaultFileError, FaultRule, Latency, ResetPeer, Status
from fake_backend.faults import LateAccept, Partial, Stall
from fake_backend.faults.file import load_faults, parse_faults
from fake_backend.faults.table import rule_of_table, table_of_rule

EXAMPLE = """
[[fault]]
kind = "reset_peer"
phase = "after-accept"
every = 3

[[fault]]
kind = "latency"
seconds = 0.05
of = "data"
requests = [1, 4]

[[ fault ]]
kind = "status"
status = 503
headers = { Retry-After = "1" }
body = "<h1>busy</h1>"
phase = "before-read"
run_id = "demo"

[["fault"]]
kind = "stall"
phase = "after-lines"
lines = 2

[[fault]]
kind = "partial"
lines = 1
"""


def test_a_file_holds_rules_with_the_fields_of_their_faults_beside_them(tmp_path: Path) -> None:
    """Every kind can be written, flat, in one table a rule."""
    path = tmp_path / "faults.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    assert load_faults(path) == (
        FaultRule(fault=ResetPeer(phase="after-accept"), every=3),
        FaultRule(fault=Latency(seconds=0.05), of="data", requests=(1, 4)),
        FaultRule(
            fault=Status(status=503, headers={"Retry-After": "1"}, body="<h1>busy</h1>", phase="before-read"),
            run_id="demo",
        ),
        FaultRule(fault=Stall(phase="after-lines", lines=2)),
        FaultRule(fault=Partial(lines=1)),
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('kind = "late_accept"\nseconds = 1\nstatus = false', FaultRule(fault=LateAccept(seconds=1.0, status=None))),
        ('kind = "stall"\nseconds = false\nrun_id = false', FaultRule(fault=Stall())),
        ('kind = "status"\nstatus = 200\nbody = false', FaultRule(fault=Status(status=200))),
    ],
)
def test_false_stands_for_nothing(text: str, rule: FaultRule) -> None:
    """TOML has no null, and some keys may be None."""
    assert parse_faults(f"[[fault]]\n{text}") == (rule,)


def test_an_empty_file_holds_no_rule() -> None:
    """No fault is a fine set of faults."""
    assert parse_faults("# nothing yet") == ()


FIRST = '[[fault]]\nkind = "reset_peer"\n\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[fault]\n", "faults.toml: not TOML: .*line 1"),
        (
            "faults = 1",
            r"faults.toml: unknown key 'faults' \(line 1\); a file of faults holds \[\[fault\]\] tables alone",
        ),
        ("fault = 1", r"faults.toml: 'fault' \(line 1\) is no array of tables; each rule begins with \[\[fault\]\]"),
        ("fault = [1]", r"faults.toml: 'fault' \(line 1\) is no array of tables"),
        ("[fault]\nkind = 'stall'", r"faults.toml: 'fault' \(line 1\) is no array of tables"),
        (
            FIRST + "[[fault]]",
            r"faults.toml: fault 2 \(line 4\): kind is missing; it is one of latency, stall, reset_peer,",
        ),
        ("\nfault = [{}]", r"faults.toml: fault 1 \(line 2\): kind is missing"),
        (FIRST + '[[fault]]\nkind = "stal"', r"line 5\): kind is 'stal'; .*\(did you mean stall\?\)"),
        ("[[fault]]\nkind = 3", "kind is 3; it is one of latency"),
        ('[[fault]]\nkind = "bandwith"\nrate = 1', r"kind is 'bandwith'; .*\(did you mean bandwidth\?\)"),
        ('[[fault]]\nkind = "duplicate"\nlines = 1', "unknown key 'lines'; duplicate knows kind, of, requests"),
        ('[[fault]]\nkind = "bandwidth"\nrate = 1\nstream = "up"', r"stream is 'up'; it is one of upstream, downst"),
        ('[[fault]]\nkind = "bandwidth"\nrate = 0.5', "rate is 0.5; expected integer$"),
        ('[[fault]]\nkind = "poison"\ncontaining = "a"\nstatus = 409', "status is 409; it is one of 400, 413$"),
        ('[[fault]]\nkind = "poison"\ncontaining = ""', "containing is ''; it is a text"),
        ('[[fault]]\nkind = "late_accept"\nseconds = 1\nstatus = "no"', "status is 'no'; expected integer or false$"),
        ('[[fault]]\nkind = "down"\nseconds = false', "seconds is False; expected number"),
        (
            '[[fault]]\nkind = "latency"\nsecond = 1',
            r"unknown key 'second'; latency knows .*\(did you mean seconds\?\)",
        ),
        ('[[fault]]\nkind = "latency"\nzzz = 1', "unknown key 'zzz'; latency knows kind, seconds, phase, [^?]*$"),
        ('[[fault]]\nkind = "reset_peer"\nseconds = 1', "unknown key 'seconds'; reset_peer knows"),
        ('[[fault]]\nkind = "latency"', "seconds is missing; latency needs it: how long it waits .number.$"),
        ('[[fault]]\nkind = "latency"\nseconds = "1"', "seconds is '1'; expected number"),
        ('[[fault]]\nkind = "latency"\nseconds = -1', "seconds is -1.0; it is a duration, from 0"),
        ('[[fault]]\nkind = "stall"\nphase = "befor-read"', r"phase is 'befor-read'; .*\(did you mean before-read\?\)"),
        ('[[fault]]\nkind = "stall"\nof = "events"', "of is 'events'; it is one of any, sync, data, completion"),
        ('[[fault]]\nkind = "stall"\nrequests = 2', "requests is 2; expected list of integers"),
        ('[[fault]]\nkind = "stall"\nrequests = ["2"]', r"requests is \['2'\]; expected list of integers"),
        ('[[fault]]\nkind = "stall"\nrequests = [0]', "requests has 0; requests are counted from 1"),
        ('[[fault]]\nkind = "stall"\nrequests = []', r"requests is empty: list at least one, or omit the key"),
        ('[[fault]]\nkind = "stall"\nof = "data"\nevents = []', r"events is empty: list at least one"),
        ('[[fault]]\nkind = "stall"\nevery = 0', "every is 0; it is 1 for each request"),
        ('[[fault]]\nkind = "status"\nstatus = 99', "status is 99; an answer has one from 200 to 599"),
        ('[[fault]]\nkind = "status"\nstatus = true', "status is True; expected integer"),
        (
            '[[fault]]\nkind = "status"\nstatus = 503\nheaders = {a = 1}',
            "headers is {'a': 1}; expected table of texts",
        ),
    ],
)
def test_an_error_names_the_place_and_what_would_be_right(text: str, message: str) -> None:
    """File, fault, line, key, value, and the way out."""
    with pytest.raises(FaultFileError, match=message):
        parse_faults(text, source="faults.toml")


LINES = """\
# Lines are counted from 1
other = 1

[[fault]]  # line 4
kind = "status"
body = '''
[[fault]]
status = "in a text"
'''
status = 99
headers.Retry-After = "1"

[[fault]]
kind = "latency"
requests = [
  1,
  "2",
]
"seconds" = "1"
phase = "after-lines"

[[fault]]  # line 22
kind = "status"
  [fault.headers]
  status = 1
[[fault]]
kind = "down"
seconds = 1.0
phase = "after-lines"
[more]
status = 2
"""


@pytest.mark.parametrize("text", [LINES, LINES.replace("\n", "\r\n")], ids=["LF", "CRLF"])
def test_all_that_is_wrong_is_told_at_once_with_its_line(text: str) -> None:
    """Each key has the line in which it is given, whatever the texts and tables around it hold."""
    with pytest.raises(FaultFileError) as raised:
        parse_faults(text, source="f.toml")
    assert str(raised.value).split("\n") == [
        "f.toml: unknown key 'other' (line 2); a file of faults holds [[fault]] tables alone",
        "f.toml: unknown key 'more' (line 30); a file of faults holds [[fault]] tables alone",
        "f.toml: fault 1 (line 10): status is 99; an answer has one from 200 to 599",
        "f.toml: fault 2 (line 15): requests is [1, '2']; expected list of integers",
        "f.toml: fault 2 (line 19): seconds is '1'; expected number",
        "f.toml: fault 3 (line 24): headers is {'status': 1}; expected table of texts",
        "f.toml: fault 3 (line 22): status is missing; status needs it: the answer's status (integer)",
        "f.toml: fault 4 (line 29): lines is 0; with phase 'after-lines' it says after how many, from 1",
    ]


def test_a_rule_is_written_as_the_table_that_is_read() -> None:
    """Without what is as it is by default; `false` where there is nothing, and null is read as well."""
    rule = FaultRule(fault=LateAccept(seconds=2.0, status=None), of="data", requests=(1,), between=(1.0, 2.0), times=3)
    table = table_of_rule(rule)
    assert table == {
        "kind": "late_accept",
        "seconds": 2.0,
        "status": False,
        "of": "data",
        "requests": [1],
        "between": [1.0, 2.0],
        "times": 3,
    }
    assert rule_of_table(table) == rule
    assert rule_of_table(table | {"status": None, "run_id": None}) == rule


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A missing file, and one that is no text, are errors of the same kind."""
    path = tmp_path / "faults.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FaultFileError, match=r"faults\.toml: can't be read"):
        load_faults(path)
