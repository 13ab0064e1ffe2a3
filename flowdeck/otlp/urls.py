"""Where spans are sent to: ``path("otlp/", include("flowdeck.otlp.urls"))``, in a site's urls."""

from django.urls import path

from flowdeck.otlp import views

app_name = "flowdeck-otlp"

urlpatterns = [path("v1/traces", views.traces, name="traces")]
