"""The design review: ten questions, and the experiment behind each."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from flowdeck.checklist import QUESTIONS, answer
from flowdeck.checklist.finding import Answer
from flowdeck.conf import conf
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.states import DeliveryState
from flowdeck.people.access import can

WORDS = {"pass": "holds", "untried": "not tried yet", "warn": "partly", "fail": "fails"}
DOTS = {
    "pass": DeliveryState.DONE,
    "untried": DeliveryState.PENDING,
    "warn": DeliveryState.RETRYING,
    "fail": DeliveryState.DEAD,
}


@require_GET
@requires("view_log")
def review(request: HttpRequest) -> HttpResponse:
    """The questions, not asked yet."""
    return _page(request, {})


@require_POST
@requires("run_checklist")
def prove(request: HttpRequest) -> HttpResponse:
    """Run one experiment (``question``), or all, and show what was found."""
    asked = request.POST.get("question", "")
    chosen = [one for one in QUESTIONS if asked in ("", str(one.number))]
    outside = conf().PROVE_OUTSIDE
    return _page(request, {q.number: answer(q, redeliver=outside) for q in chosen})


def _page(request: HttpRequest, answers: dict[int, Answer]) -> HttpResponse:
    rows: list[dict[str, Any]] = [
        {"question": q, "answer": answers.get(q.number)} for q in QUESTIONS
    ]
    for row in rows:
        if found := row["answer"]:
            row["word"], row["dot"] = WORDS[found.finding.verdict], DOTS[found.finding.verdict]
    counts = Counter(row.get("word", "not run") for row in rows)
    context = {
        "rows": rows,
        "counts": [
            (DOTS.get(verdict, DeliveryState.PENDING), counts[word], word)
            for verdict, word in (*WORDS.items(), ("", "not run"))
        ],
        "seconds": sum(found.seconds for found in answers.values()),
        "asked": bool(answers),
        "may_prove": can(request.user, "run_checklist"),
    }
    return render(request, "flowdeck/design_review/page.html", context)
