"""The drill's report: what was done to the system, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from drill.faults import Fault
from drill.judgement import Judgement
from drill.load import Load
from drill.recovery import Recovery

LIMIT_SECONDS = 5.0


@dataclass
class Report:
    """Gathers the recoveries of faults, and prints the tables."""

    recoveries: dict[Fault, list[Recovery]] = field(default_factory=lambda: defaultdict(list))

    @property
    def slow(self) -> list[Fault]:
        """Kinds of faults after which the system was not alive again within the limit."""
        return [
            fault
            for fault, recoveries in self.recoveries.items()
            if max(recovery.first for recovery in recoveries) > LIMIT_SECONDS
        ]

    def faults(self) -> str:
        """One line per kind of fault."""
        head = f"{'fault':<42}{'times':>6}{'alive':>9}{'caught up':>11}"
        lines = [head, "-" * len(head)]
        for fault, recoveries in sorted(self.recoveries.items(), key=lambda item: item[0].name):
            first = max(recovery.first for recovery in recoveries)
            caught_up = max(recovery.caught_up for recovery in recoveries)
            mark = f" ! more than {LIMIT_SECONDS:g} s" if fault in self.slow else ""
            lines.append(
                f"{fault.name:<42}{len(recoveries):>6}{first:>7.1f} s{caught_up:>9.1f} s"
                f"{' (lease)' if fault.lease else ''}{mark}"
            )
        lines += [
            "",
            "Seconds from the end of the fault, the longest of its kind.",
            "alive: a delivery was done again (web: a page was served). caught up: all was done "
            "that was due",
            "when the fault ended. (lease): some lanes have to wait for the end of a lease first.",
        ]
        return "\n".join(lines)

    def outcome(self, load: Load, judged: Judgement, verified: bool, settled: bool) -> str:
        """The counts that matter."""
        longest = max(
            (r.first for recoveries in self.recoveries.values() for r in recoveries), default=0.0
        )
        rows = {
            "faults injected": sum(map(len, self.recoveries.values())),
            "orders placed": judged.placed,
            "  sent again for want of an answer": load.sent_again,
            "  longest wait of a customer": f"{load.longest_wait:.1f} s",
            "confirmed": judged.confirmed,
            "cancelled": judged.cancelled,
            "dead (poison, as ordered)": judged.dead,
            "still under way (not settled)": judged.under_way,
            "deliveries": judged.deliveries,
            "lost": len(judged.lost),
            "doubled": len(judged.doubled),
            "out of order": len(judged.out_of_order),
            "other violations": len(judged.other),
            "longest recovery (alive)": f"{longest:.1f} s",
            "settled in the end": "yes" if settled else "NO",
            "manage.py verify": "clean" if verified else "VIOLATIONS",
        }
        return "\n".join(f"{name:<42}{value:>10}" for name, value in rows.items())
