"""Addresses of the lab, below ``/lab/``."""

from django.urls import path

from lab import fault_views, views

app_name = "lab"
urlpatterns = [
    path("", views.lab, name="lab"),
    path("glossary/", views.glossary, name="glossary"),
    path("quiz/", views.self_check, name="quiz"),
    path("handout/", views.handout, name="handout"),
    path("class/", views.the_class, name="class"),
    path("reset/", views.reset, name="reset"),
    path("faults/", fault_views.faults, name="faults"),
    path("faults/on/", fault_views.switch, name="switch_on"),
    path("faults/off/", fault_views.end, name="switch_off"),
    path("lessons/<slug:lesson>/", views.lesson, name="lesson"),
    path("lessons/<slug:lesson>/run/", views.run, name="run"),
    path("lessons/<slug:lesson>/mend/", views.mend, name="mend"),
    path("lessons/<slug:lesson>/answer/", views.answer, name="answer"),
]
