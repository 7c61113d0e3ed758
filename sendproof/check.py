"""`sendproof check`: judge a sender, list the rules, explain one."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from conformance.errors import ConformanceError, KnownFailuresError, UnknownRuleError, UnknownScenarioError
from conformance.harness.worlds import SimulatedWorld
from conformance.judging.judge import judge, scenarios_for, select_rules, select_scenarios
from conformance.judging.known_failures import note_known_failures, read_known_failures
from conformance.judging.target import AT_A_TIME, target_of_command, target_of_name, target_of_port
from conformance.report import write_reports
from conformance.rules.catalogue import RULES, Level, rule_of
from conformance.scenarios import SCENARIOS
from fake_backend import FakeBackendError
from sendproof.exit_status import ExitStatus, give_up
from sendproof.explain import explain
from sendproof.pulse import progress_shown
from sendproof.three_worlds import WORLDS, compare_worlds, network_scenarios, print_comparisons
from sendproof.verdicts import exit_status, list_rules, print_conclusion, print_verdicts, verdict_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from rich.console import Console

    from conformance.harness.scenario import Scenario
    from conformance.judging.target import Target
    from conformance.judging.verdicts import Verdicts
    from conformance.rules.catalogue import Rule

_LEVELS = {
    "must": frozenset({Level.MUST}),
    "should": frozenset({Level.MUST, Level.SHOULD}),
    "all": frozenset(Level),
}

_HELP = """Judge a sender: perform every scenario with it, and hold what the backend saw against the rules.

It is named by one of three options.

\b
  --sender MODULE:FACTORY   a sender for asyncio, as it is, in virtual time;
                            or that of a file: ./my_sender.py:FACTORY
  --command "..."           a program in any language that speaks the adapter
                            protocol on its standard input and output
  --attach PORT             the same, started by you, maybe under a debugger:
                            it connects to this port of 127.0.0.1

FACTORY is a function, maybe a coroutine function. It is called in a running event loop, with the settings of one
sender as attributes (times in seconds, sizes in bytes):

\b
  url, token, run_id
  max_buffered_events, max_buffered_bytes
  max_window_events, max_window_bytes, max_event_bytes
  window_age        how long a request may stay open for more events; 0: it
                    closes as soon as the buffer is empty
  flush_delay       how long a window that isn't full may wait for company before it is sent
  retry_delay, max_retry_delay
                    the first delay after a failure, and the longest
  request_timeout   for a whole request: connecting, sending, waiting, reading
  settle_delay      how far apart two answers about the position have to be,
                    and agree, after a window whose outcome isn't known
  stop_timeout      by when stop returns, whatever the backend does

It gives an object with

\b
  capabilities      a frozenset of strings: drain-report, handoff, or none; an
                    adapter also says what its language can do: unserializable,
                    big-integers, lone-surrogates
  enqueue(event)    returns accepted, full, oversized, unserializable or closed
  async stop(*, complete=True)
                    returns a report (delivered, undelivered, completed) or None

The page "A sender in any language" of the documentation leads from nothing to a verdict in another language.

\b
Examples:
  sendproof check --sender reference.adapter:create_sender
  sendproof check --sender ./my_sender.py:create_sender
  sendproof check --sender my_app.events:make_sender --level must
  sendproof check --sender my_app.events:make_sender --rule DRN-3 --real
  sendproof check --sender my_app.events:make_sender --scenario a-handoff
  sendproof check --command "node adapter.mjs" --report report/
  sendproof check --sender my_app.events:make_sender --toxiproxy http://127.0.0.1:8474
  sendproof check --explain DRN-3

The sender speaks to the url as the page "The wire protocol" of the documentation says. With --rule, only the scenarios
that attack the rule are performed; without, every rule is held against every scenario. With --scenario, only that is
performed, and judges the rules that it attacks, or those of --rule.

With --toxiproxy, the scenarios of the network are performed in virtual time, on real sockets, and on real sockets
through a Toxiproxy that runs on this machine, and have to be judged alike.

A file of --known-failing has a line for each rule that the sender is known to fail: its id, and why. Such a rule must
fail: it is an error when it passes, or isn't judged. A line is, for example

\b
  RTY-4 the delays are not jittered yet, ticket 4711

Exit status: 0 if every rule passed, was skipped, or is known to fail; 1 if one failed (with --toxiproxy: in one of the
worlds), or the list of known failures is wrong; 2 if none failed but some could not be judged.
"""


@click.command(help=_HELP)
@click.option(
    "--sender", metavar="MODULE:FACTORY", help="The sender to judge: a function that makes one, of a module or a file."
)
@click.option("--command", metavar="COMMAND", help="The adapter of the sender to judge: a program, with arguments.")
@click.option("--attach", "port", metavar="PORT", type=click.IntRange(0, 65_535), help="Wait for an adapter on a port.")
@click.option("--rule", "rules", metavar="ID", multiple=True, help="Judge this rule only, such as DRN-3. Repeatable.")
@click.option(
    "--scenario",
    "names",
    metavar="NAME",
    multiple=True,
    help="Perform this scenario only, by the name that a failure has. Repeatable.",
)
@click.option(
    "--level",
    type=click.Choice(list(_LEVELS)),
    default="all",
    show_default=True,
    help="must: the MUST rules. should: these and the SHOULD rules. all: and what the sender's capabilities promise.",
)
@click.option("--real", is_flag=True, help="Use real sockets and real time (about a minute), instead of virtual time.")
@click.option(
    "--toxiproxy",
    metavar="URL",
    help="Compare the simulator, real sockets, and the Toxiproxy whose API is there, such as http://127.0.0.1:8474.",
)
@click.option(
    "--known-failing",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The rules that it is known to fail, and why.",
)
@click.option(
    "--report",
    "reports",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write report.html, report.json and junit.xml into this folder.",
)
@click.option(
    "--at-a-time",
    type=click.IntRange(1, 64),
    default=AT_A_TIME,
    show_default=True,
    help="How many scenarios to perform at the same time, where time is real, each with an adapter of its own.",
)
@click.option("--list", "wants_list", is_flag=True, help="List the rules, and end.")
@click.option("--explain", "explained", metavar="ID", help="Explain a rule and how it is attacked, and end.")
@click.option("-v", "--verbose", is_flag=True, help="Show what the sender logs.")
def check(
    *,
    sender: str | None,
    command: str | None,
    port: int | None,
    rules: tuple[str, ...],
    names: tuple[str, ...],
    level: str,
    known_failing: Path | None,
    reports: Path | None,
    at_a_time: int,
    explained: str | None,
    real: bool,
    toxiproxy: str | None,
    wants_list: bool,
    verbose: bool,
) -> None:
    """Judge a sender, list the rules, or explain one."""
    console = verdict_console()
    if wants_list:
        list_rules(console, RULES, SCENARIOS)
        return
    try:
        if explained is not None:
            explain(console, rule_of(explained), SCENARIOS)
            return
        selected = select_rules(rules, _LEVELS[level])
        scenarios = select_scenarios(names, SCENARIOS) or scenarios_for(selected, SCENARIOS)
    except UnknownRuleError as error:
        raise click.BadParameter(f"{error}. `sendproof check --list` lists them all.") from error
    except UnknownScenarioError as error:
        raise click.BadParameter(
            f"{error}. `sendproof check --explain RULE` names those that attack a rule."
        ) from error
    if names and not rules:
        selected = tuple(rule for rule in selected if any(rule.id in scenario.rules for scenario in scenarios))
    logging.basicConfig(level=logging.INFO if verbose else logging.CRITICAL + 1, format="%(message)s")
    try:
        known = {} if known_failing is None else read_known_failures(known_failing)
        if toxiproxy is not None:
            if sender is None or real or reports is not None or names:
                raise click.UsageError(
                    "--toxiproxy compares three worlds, one of them the simulator, and prints a table: it goes with "
                    "--sender, and not with --command, --attach, --real, --report or --scenario."
                )
            sys.exit(_compare(console, sender, toxiproxy, selected, known=known, at_a_time=at_a_time))
        with _target(sender, command, port, real=real, at_a_time=at_a_time) as target:
            verdicts = _judge(target, selected, scenarios)
    except KnownFailuresError as error:
        give_up(f"The list of known failures can't be read: {error}.")
    except (ConformanceError, FakeBackendError) as error:
        give_up(f"The sender could not be judged: {error}")
    wrong = note_known_failures(verdicts, known)
    is_simulated = isinstance(target.world, SimulatedWorld)
    where = "on a simulated network, in virtual time" if is_simulated else "on real sockets, in real time"
    print_verdicts(console, f"{target.title}, {where}", verdicts)
    if reports is not None:
        _report(console, reports, verdicts, target=target, where=where)
    for sentence in wrong:
        click.echo(f"{known_failing}: {sentence}.", err=True)
    print_conclusion(console, verdicts)
    status = exit_status({verdict.judgement for verdict in verdicts if verdict.known is None})
    sys.exit(ExitStatus.FAILED if wrong else status)


def _report(console: Console, directory: Path, verdicts: Verdicts, *, target: Target, where: str) -> None:
    replay = f"sendproof check {target.option} --rule {{rule}} --scenario {{scenario}}"
    try:
        page = write_reports(directory, verdicts, subject=target.title, world=where, replay=replay)
    except OSError as error:
        click.echo(f"The report can't be written to {directory}: {error.strerror}.", err=True)
    else:
        console.print(f"\nThe report: {page}", soft_wrap=True)


def _target(
    sender: str | None, command: str | None, port: int | None, *, real: bool, at_a_time: int
) -> AbstractContextManager[Target]:
    match sender, command, port:
        case str(), None, None:
            return target_of_name(sender, real=real, at_a_time=at_a_time)
        case None, str(), None:
            return target_of_command(command, at_a_time=at_a_time)
        case None, None, int():
            return target_of_port(port, _tell_where)
        case _:
            raise click.UsageError(
                "Say who is to be judged, by one of --sender MODULE:FACTORY, such as "
                '--sender reference.adapter:create_sender, --command "node adapter.mjs", or --attach PORT.'
            )


def _tell_where(port: int) -> None:
    click.echo(f"Waiting for an adapter to connect to 127.0.0.1:{port} …", err=True)


def _judge(target: Target, rules: Sequence[Rule], scenarios: Sequence[Scenario]) -> Verdicts:
    with _progress(len(scenarios)) as on_progress:
        return judge(target, rules=rules, scenarios=scenarios, on_progress=on_progress)


def _compare(
    console: Console, sender: str, url: str, rules: Sequence[Rule], *, known: Mapping[str, str], at_a_time: int
) -> ExitStatus:
    judged = [rule for rule in rules if rule.id not in known]
    scenarios = network_scenarios(judged)
    with _progress(len(WORLDS) * len(scenarios)) as on_progress:
        comparisons = compare_worlds(
            sender, url, scenarios=scenarios, rules=judged, at_a_time=at_a_time, on_progress=on_progress
        )
    print_comparisons(console, f"{sender}, in three worlds", comparisons, known=known)
    return exit_status({comparison.judgement for comparison in comparisons})


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Scenario], None]]:
    """Show a bar on a terminal, a line now and then elsewhere; yield what to call with each scenario that is done."""
    columns = (TextColumn("{task.description:<52}"), BarColumn(), MofNCompleteColumn())
    with progress_shown("performing", *columns, description="performing", total=total) as show:
        done = count(1)

        def on_progress(scenario: Scenario) -> None:
            number = next(done)
            show(f"{number} of {total} scenarios", description=scenario.name, completed=number)

        yield on_progress
