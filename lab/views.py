"""Lessons, their experiments and questions, the glossary and the class."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from events import scenarios
from events.orders import OrderRefused
from flowdeck.extend import render, requires
from lab import glossary as words
from lab import quiz, runs, shown
from lab.lesson import Lesson
from lab.lessons import BY_SLUG, LESSONS, neighbours


@require_GET
@requires("lab.use_lab")
def lab(request: HttpRequest) -> HttpResponse:
    """Go on where the learner is: the first lesson that is not done."""
    done, _ = runs.progress(request.user)
    following = next((one for one in LESSONS if one.slug not in done), LESSONS[0])
    return redirect("lab:lesson", following.slug)


@require_GET
@requires("lab.use_lab")
def lesson(request: HttpRequest, lesson: str) -> HttpResponse:
    """One lesson: text, experiment, evidence, question."""
    return _page(request, _lesson(lesson))


@require_POST
@requires("lab.use_lab", atomic=False)  # workers have to see its faults before it goes on
def run(request: HttpRequest, lesson: str) -> HttpResponse:
    """Run the experiment and show it."""
    wanted = _lesson(lesson)
    try:
        runs.start(request.user, wanted, request.POST.get("choice", ""))
    except (runs.LabRefused, OrderRefused) as error:
        return _page(request, wanted, problem=str(error), status=422)
    return redirect("lab:lesson", wanted.slug)


@require_POST
@requires("lab.use_lab", atomic=False)
def mend(request: HttpRequest, lesson: str) -> HttpResponse:
    """The second step of an experiment that has one."""
    wanted = _lesson(lesson)
    latest = runs.newest(request.user, wanted)
    if wanted.mend is None or latest is None:
        return _page(request, wanted, problem="Run the experiment first.", status=422)
    wanted.mend(request.user, latest)
    return redirect("lab:lesson", wanted.slug)


@require_POST
@requires("lab.use_lab")
def answer(request: HttpRequest, lesson: str) -> HttpResponse:
    """Answer the question; a wrong one may be answered again."""
    wanted = _lesson(lesson)
    option = request.POST.get("option", "")
    if option not in map(str, range(len(wanted.question.options))):
        return _page(request, wanted, problem="Choose one of the answers.", status=422)
    runs.answer(request.user, wanted, int(option))
    return redirect(f"{reverse('lab:lesson', args=[wanted.slug])}#question")


@require_POST
@requires("lab.use_lab")
def reset(request: HttpRequest) -> HttpResponse:
    """Put all back: faults off, progress forgotten."""
    runs.reset(request.user)
    messages.success(request, "The lab is as new: faults are off, your progress is forgotten.")
    return redirect("lab:lab")


@require_GET
@requires("lab.use_lab")
def glossary(request: HttpRequest) -> HttpResponse:
    """The lab's words."""
    return render(request, "lab/glossary.html", {"terms": words.entries(), **_side(request)})


@require_GET
@requires("lab.use_lab")
def self_check(request: HttpRequest) -> HttpResponse:
    """All questions at once; the answers are in the address, so nothing is kept."""
    questions = quiz.asked(request.GET)
    context = {
        "questions": questions,
        "checked": any(one.chosen is not None for one in questions),
        "right": sum(one.right for one in questions),
        **_side(request),
    }
    return render(request, "lab/quiz.html", context)


@require_GET
@requires("lab.use_lab")
def handout(request: HttpRequest) -> HttpResponse:
    """All lessons with their questions, the answers and the glossary, to print."""
    lessons = [(one, shown.paragraphs(one)) for one in LESSONS]
    context = {"handout": lessons, "words": words.entries(), **_side(request)}
    return render(request, "lab/handout.html", context)


@require_GET
@requires("lab.view_class")
def the_class(request: HttpRequest) -> HttpResponse:
    """Who has done what."""
    return render(
        request,
        "lab/class.html",
        {"learners": runs.the_class(), "lessons": LESSONS, **_side(request)},
    )


def _page(request: HttpRequest, lesson: Lesson, *, status: int = 200, **more: Any) -> HttpResponse:
    before, following = neighbours(lesson)
    context = {
        "lesson": lesson,
        "number": LESSONS.index(lesson) + 1,
        "count": len(LESSONS),
        "before": before,
        "following": following,
        "paragraphs": shown.paragraphs(lesson),
        "experiment": shown.experiment(request.user, lesson),
        "answered": shown.answered(request.user, lesson),
        **_side(request, lesson),
        **more,
    }
    return render(request, "lab/lesson.html", context, status=status)


def _side(request: HttpRequest, lesson: Lesson | None = None) -> dict[str, Any]:
    if not scenarios.allowed():
        raise Http404("The lab exists in demo mode only.")
    return shown.side(request.user, lesson)


def _lesson(slug: str) -> Lesson:
    if slug not in BY_SLUG or not scenarios.allowed():
        raise Http404(f"There is no lesson {slug!r}.")
    return BY_SLUG[slug]
