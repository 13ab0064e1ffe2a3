"""Addresses of the probes: ``path("", include("flowdeck.probes.urls"))``, at the top of a site."""

from django.urls import path

from flowdeck.probes import views

app_name = "flowdeck-probes"

urlpatterns = [
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
]
