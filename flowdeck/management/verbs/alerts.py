"""``manage.py flowdeck alerts``: the rules and what fired; test, mute or look at them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.alerts import past, rules, tell, watch
from flowdeck.declare.registry import registry
from flowdeck.engine import drain
from flowdeck.management import acting
from flowdeck.models import AlertRule
from flowdeck.observe.overview import overview
from flowdeck.words import duration, figure, moment


class Command(BaseCommand):
    """A word for what to do, and mostly the name of a rule."""

    help = (
        "See the alert rules (list) and what has fired (fired), send a test message (test), tell "
        "nobody for some hours (mute). Look at them now (look): by cron, so that it is told when "
        "no worker is there to look."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("what", choices=["list", "fired", "test", "mute", "look"])
        parser.add_argument("name", nargs="?", default="")
        parser.add_argument(
            "--hours", type=int, default=1, help=f"mute: 0 ends it, {rules.MOST_HOURS} at most"
        )
        acting.add_argument(parser)

    def handle(self, *, what: str, name: str, **options: Any) -> None:
        """Run the command."""
        if what == "list":
            self._list()
        elif what == "fired":
            self._fired(_named(name) if name else None)
        elif what == "look":
            self._look()
        else:
            by = acting.acting(options["by"], "manage_alerts")
            self._act(what, _named(name), options["hours"], by)

    def _act(self, what: str, rule: AlertRule, hours: int, by: str) -> None:
        if what == "mute":
            if not 0 <= hours <= rules.MOST_HOURS:
                raise CommandError(f"--hours {hours}: 0 to {rules.MOST_HOURS}.")
            rules.mute(rule.pk, hours, by=by)
            self.stdout.write(
                f"{rule.name} is muted for {hours} h." if hours else "It tells again."
            )
            return
        try:
            position = rules.test(rule.pk, by=by)
        except rules.RuleRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"A test is on its way: event {position}.")

    def _list(self) -> None:
        for rule in AlertRule.objects.all():
            about = f" ({rule.about})" if rule.state == "firing" and rule.about else ""
            muted = ", muted" if rule.is_muted else ""
            self.stdout.write(
                f"{rule.name}  {rule.state}{muted}: {figure(rule.value)} now{about}; "
                f"fires at {rules.said(rule)}"
            )

    def _fired(self, rule: AlertRule | None) -> None:
        for one in past.firings(rule.pk if rule else None):
            ended = "" if one.seconds is None else f" for {duration(one.seconds)}"
            about = f" ({one.about})" if one.about else ""
            self.stdout.write(
                f"{moment(one.at)}  {one.name}{ended}: {figure(one.value)} {one.unit}{about}"
            )

    def _look(self) -> None:
        """Look once; where no worker is, whoever is to be told is told from here."""
        watch.look()
        if not overview().workers:
            for name in tell.NAMES:
                drain.drain(registry.processor(name))
        firing = AlertRule.objects.filter(firing_since__isnull=False).values_list("name", flat=True)
        self.stdout.write(f"Firing: {', '.join(firing)}." if firing else "Nothing fires.")


def _named(name: str) -> AlertRule:
    rule = AlertRule.objects.filter(name=name).first()
    if rule is None:
        known = ", ".join(AlertRule.objects.values_list("name", flat=True))
        raise CommandError(f"There is no rule {name!r}; there are {known or 'none'}.")
    return rule
