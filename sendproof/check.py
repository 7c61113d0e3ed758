"""`sendproof check`: judge a sender, list the rules, explain one."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from conformance.adapter import load_factory
from conformance.catalogue import RULES, Level, rule_of
from conformance.errors import ConformanceError, UnknownRuleError
from conformance.judge import Judgement, claimed_capabilities, judge, scenarios_for, select_rules
from conformance.scenarios import SCENARIOS
from conformance.simulation import SimulationError
from conformance.worlds import SimulatedWorld, TcpWorld
from sendproof.verdicts import explain, list_rules, print_verdicts, verdict_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.judge import Verdict
    from conformance.worlds import World

_LEVELS = {
    "must": frozenset({Level.MUST}),
    "should": frozenset({Level.MUST, Level.SHOULD}),
    "all": frozenset(Level),
}
_FAILED = 1
_COULD_NOT_BE_JUDGED = 2

_HELP = """Judge a sender: perform every scenario with it, and hold what the backend saw against the rules.

FACTORY is a function, maybe a coroutine function. It is called in a running event loop, with the settings of one
sender as attributes (times in seconds, sizes in bytes):

\b
  url, token, run_id
  max_buffered_events, max_buffered_bytes
  max_window_events, max_window_bytes, max_event_bytes
  window_age, flush_delay, retry_delay, max_retry_delay
  request_timeout, stop_timeout

It gives an object with

\b
  capabilities      a frozenset of strings: drain-report, handoff, or none
  enqueue(event)    returns accepted, full, oversized, unserializable or closed
  async stop(*, complete=True)
                    returns a report (delivered, undelivered, completed) or None

\b
Examples:
  sendproof check --sender reference.adapter:create_sender
  sendproof check --sender my_app.events:make_sender --level must
  sendproof check --sender my_app.events:make_sender --rule DRN-3 --real
  sendproof check --explain DRN-3

The sender speaks the protocol of docs/protocol.md to the url. With --rule, only the scenarios that attack the rule are
performed; without, every rule is held against every scenario.

Exit status: 0 if every rule passed or was skipped, 1 if one failed, 2 if none failed but some could not be judged.
"""


@click.command(help=_HELP)
@click.option("--sender", metavar="MODULE:FACTORY", help="The sender to judge: a function that makes one.")
@click.option("--rule", "rules", metavar="ID", multiple=True, help="Judge this rule only, such as DRN-3. Repeatable.")
@click.option(
    "--level",
    type=click.Choice(list(_LEVELS)),
    default="all",
    show_default=True,
    help="must: the MUST rules. should: these and the SHOULD rules. all: and what the sender's capabilities promise.",
)
@click.option("--real", is_flag=True, help="Use real sockets and real time (some 25 s), instead of virtual time.")
@click.option("--list", "wants_list", is_flag=True, help="List the rules, and end.")
@click.option("--explain", "explained", metavar="ID", help="Explain a rule and how it is attacked, and end.")
@click.option("-v", "--verbose", is_flag=True, help="Show what the sender logs.")
def check(
    sender: str | None,
    rules: tuple[str, ...],
    level: str,
    explained: str | None,
    *,
    real: bool,
    wants_list: bool,
    verbose: bool,
) -> None:
    """Judge a sender, list the rules, or explain one."""
    console = verdict_console()
    if wants_list:
        list_rules(console, RULES, SCENARIOS)
        return
    if explained is not None:
        try:
            explain(console, rule_of(explained), SCENARIOS)
        except UnknownRuleError as error:
            raise click.BadParameter(f"{error}. `sendproof check --list` lists them all.") from error
        return
    if sender is None:
        raise click.UsageError(
            "Nothing to judge: say --sender MODULE:FACTORY, such as --sender reference.adapter:create_sender."
        )
    logging.basicConfig(level=logging.INFO if verbose else logging.CRITICAL + 1, format="%(message)s")
    try:
        verdicts = _judge(sender, rules, level, TcpWorld() if real else SimulatedWorld())
    except UnknownRuleError as error:
        raise click.BadParameter(f"{error}. `sendproof check --list` lists them all.") from error
    except (ConformanceError, SimulationError) as error:
        _give_up(f"The sender could not be judged: {error}")
    judged = "on real sockets, in real time" if real else "on a simulated network, in virtual time"
    print_verdicts(console, f"{sender}, {judged}", verdicts)
    judgements = {verdict.judgement for verdict in verdicts}
    if Judgement.FAILED in judgements:
        sys.exit(_FAILED)
    if Judgement.NOT_JUDGED in judgements:
        sys.exit(_COULD_NOT_BE_JUDGED)


def _judge(sender: str, ids: Sequence[str], level: str, world: World) -> list[Verdict]:
    rules = select_rules(ids, _LEVELS[level])
    scenarios = scenarios_for(rules, SCENARIOS)
    factory = load_factory(sender)
    simplest = next(scenario for scenario in SCENARIOS if scenario.name == "a-sender-that-never-sent")
    capabilities = claimed_capabilities(world, factory, simplest)
    progress = Progress(
        TextColumn("{task.description:<52}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with progress:
        task = progress.add_task("performing", total=len(scenarios))
        return judge(
            factory,
            rules=rules,
            scenarios=scenarios,
            world=world,
            capabilities=capabilities,
            on_progress=lambda scenario: progress.update(task, advance=1, description=scenario.name),
        )


def _give_up(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(_COULD_NOT_BE_JUDGED)
